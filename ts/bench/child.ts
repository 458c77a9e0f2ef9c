/** A measurement of ours in a process of its own, so that its peak memory is its own. */
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { AotError, type AotErrorCode } from '../errors.js'
import { askProcess } from './peer_process.js'

/** Seconds after which a child that says nothing is given up. */
const silence = 1800

const failed = z.strictObject({ code: z.string(), message: z.string() })

/**
 * Runs `<script>.js`, which gets the request and answers with lines of JSON, of which one is the measurement or an error.
 * @throws AotError as the child says, AOT_INTERNAL when it ends without an answer; the signal's reason.
 */
export async function measureInChild<Measurement>(
  script: 'train_child' | 'tokenize_child',
  request: object,
  measurement: z.ZodType<Measurement>,
  signal?: AbortSignal,
): Promise<Measurement> {
  const child = fileURLToPath(new URL(`${script}.js`, import.meta.url))
  let found: Measurement | undefined
  let error: z.infer<typeof failed> | undefined
  const onAnswer = (line: string) => {
    const value = parseJson(line)
    found ??= measurement.safeParse(value).data
    error ??= failed.safeParse(value).data
  }
  const end = await askProcess([process.execPath, child], request, { silence, signal, onAnswer })
  if (error !== undefined) throw new AotError(error.code as AotErrorCode, error.message)
  if (found !== undefined) return found
  const how = end === null ? 'it ended without an answer' : 'absent' in end ? end.absent : end.failed
  throw new AotError('AOT_INTERNAL', `the process that measures: ${how}`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** The answer of a child that could not measure. */
export function describeFailure(error: unknown): z.infer<typeof failed> {
  const { message } = error as Error
  return { code: error instanceof AotError ? error.code : 'AOT_INTERNAL', message }
}
