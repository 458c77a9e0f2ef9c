/** Files of runs in JSON: read, checked, added to, never overwritten. */
import { readFile } from 'node:fs/promises'
import type { z } from 'zod'
import { ioError } from '../checkpoints/durable.js'
import { AotError } from '../errors.js'
import { type BenchFile, benchFile, type Run, run as runSchema } from './record.js'
import { changeFile, checkChange } from './whole_file.js'

/** The first of what is wrong: `runs[0].rows[3].time.median: expected number`. */
function firstProblem({ issues: [issue] }: z.ZodError): string {
  const place = (issue?.path ?? []).map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('')
  const message = (issue?.message ?? 'it does not fit').replace(/^Invalid input: /, '')
  return `${place.replace(/^\./, '') || 'the file'}: ${message}`
}

/** Throws AOT_DATA. */
function parse(path: string, text: string, cure: string): BenchFile {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    const reason = (error as Error).message.replace(/\s+/g, ' ')
    throw new AotError('AOT_DATA', `${path} is no file of aot-bench, or is damaged (not JSON: ${reason}): ${cure}`)
  }
  if ((value as { format?: unknown } | null)?.format !== 'aot-bench') {
    throw new AotError('AOT_DATA', `${path} is no file of aot-bench (it lacks "format": "aot-bench"): ${cure}`)
  }
  const parsed = benchFile.safeParse(value)
  if (!parsed.success) {
    const problem = firstProblem(parsed.error)
    throw new AotError('AOT_DATA', `${path} is damaged, or of another version of aot-bench (${problem}): ${cure}`)
  }
  return parsed.data
}

/** Rejects with AOT_IO (it cannot be read) or AOT_DATA (it is not a file of aot-bench). */
export async function readBenchFile(path: string): Promise<BenchFile> {
  const text = await readFile(path, 'utf8').catch((error) => {
    throw ioError('read', path, error)
  })
  return parse(path, text, 'name a file that --json wrote')
}

const cure = 'name another file; this one was left as it is'

function runsBefore(path: string, text: string | null): Run[] {
  return text === null ? [] : parse(path, text, cure).runs
}

/** Throws AOT_INTERNAL for a run that could not be read again: a figure that is not finite, a time of 0. */
export function checkRun(run: Run): void {
  const { error } = runSchema.safeParse(run)
  if (error !== undefined) throw new AotError('AOT_INTERNAL', `a run that cannot be kept: ${firstProblem(error)}`)
}

/** Whether appendJson() can add to the file, to know it before the benchmark; rejects as that does. */
export function checkJson(path: string): Promise<void> {
  return checkChange(path, (text) => {
    runsBefore(path, text)
  })
}

/**
 * Adds a run to the file, which is made when it is not there; all earlier runs stay. The new file takes the place of the
 * old one at once, and processes that add to one file wait for each other. Rejects with AOT_DATA when the file is there
 * and is not one of aot-bench, AOT_IO as changeFile() does.
 */
export async function appendJson(path: string, run: Run): Promise<void> {
  checkRun(run)
  await changeFile(path, (text) => {
    const file: BenchFile = { format: 'aot-bench', runs: [...runsBefore(path, text), run] }
    return `${JSON.stringify(file, null, 2)}\n`
  })
}
