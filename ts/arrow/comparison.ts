/** arrow.json of a comparison's folder: its results, one for each cell of a grid; checked as far as the report relies on it. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { ioError, replaceFile } from '../checkpoints/durable.js'
import { AotError } from '../errors.js'
import type { ArrowResult } from './types.js'

export const comparisonFile = 'arrow.json'

const comparisonFormat = 'arrows-of-time comparison 1'

const numbers = z.array(z.number())
const byDirection = <Value extends z.ZodType>(value: Value) => z.record(z.string(), value)
const points = z.array(z.tuple([z.number(), z.number()]))

const interval = z
  .object({
    low: z.number(),
    high: z.number(),
    level: z.number(),
    over: z.enum(['windows', 'seeds and windows']),
    blocks: z.number(),
  })
  .nullable()

const difference = z.object({
  difference: z.number(),
  interval,
  ratio: z.number(),
  relative: z.number(),
  bits_per_byte: z.number().nullable(),
  seed_spread: z.number().nullable(),
})

const seed = z.object({
  seed: z.number(),
  losses: byDirection(z.number()),
  bits_per_byte: byDirection(z.number().nullable()),
  difference: z.number(),
  interval,
})

const tokenSource = z.object({
  id: z.number(),
  text: z.string().nullable(),
  count: z.number(),
  fw: z.number(),
  bw: z.number(),
  share: z.number(),
})

const sources = z.object({
  windows: z.number(),
  easier_forward: z.array(tokenSource),
  easier_backward: z.array(tokenSource),
  fw_by_place: numbers,
  bw_by_place: numbers,
  examples: z.array(
    z.object({
      window: z.number(),
      easier: z.enum(['forward', 'backward']),
      tokens: z.array(z.object({ text: z.string(), difference: z.number() })),
      marked: z.number(),
    }),
  ),
})

const result = z.object({
  format: z.literal('arrows-of-time arrow 1'),
  name: z.string(),
  cell: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  finished: z.boolean(),
  established: z.boolean(),
  verdict: z.string(),
  fw: z.number(),
  bw: z.number(),
  difference: z.number(),
  interval,
  ratio: z.number(),
  relative: z.number(),
  bits_per_byte: z.object({ fw: z.number(), bw: z.number(), difference: z.number() }).nullable(),
  seeds: z.array(seed),
  seed_spread: z.number().nullable(),
  directions: z.array(z.string()),
  losses: byDirection(z.number()),
  others: byDirection(difference),
  by_position: byDirection(numbers),
  curves: z.array(z.object({ direction: z.string(), seed: z.number(), train: points, valid: points })),
  training: z.array(
    z.object({
      step: z.number(),
      fw: z.number(),
      bw: z.number(),
      difference: z.number(),
      ratio: z.number(),
      interval,
    }),
  ),
  sources: sources.nullable(),
  known: z.object({ language: z.string(), floor: z.number(), facts: z.array(z.string()) }).nullable(),
  model: z.object({ kind: z.string(), parameters: z.number().nullable(), attn_length: z.number() }),
  data: z.object({ path: z.string(), tokens: z.number().nullable(), windows: z.number() }),
  version: z.string(),
  runs: z.array(
    z.object({
      direction: z.string(),
      seed: z.number(),
      folder: z.string(),
      step: z.number(),
      config: z.record(z.string(), z.unknown()),
    }),
  ),
})

const comparison = z.object({ format: z.literal(comparisonFormat), results: z.array(z.unknown()) })

/** What arrow.json holds. */
export interface Comparison {
  format: typeof comparisonFormat
  results: ArrowResult[]
}

export async function writeComparison(folder: string, results: ArrowResult[]): Promise<void> {
  const document: Comparison = { format: comparisonFormat, results }
  await replaceFile(join(folder, comparisonFile), `${JSON.stringify(document, null, 1)}\n`)
}

/** The results that a folder holds; none where it has no arrow.json. */
export function resultsIn(folder: string): ArrowResult[] {
  const path = join(folder, comparisonFile)
  return existsSync(path) ? readComparison(path) : []
}

/** @throws AotError AOT_IO when it cannot be read, AOT_DATA when it is damaged or of another version. */
export function readComparison(path: string): ArrowResult[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw ioError('read', path, error)
  }
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    throw damaged(path, 'it is no whole JSON document')
  }
  const { results } = checked(path, comparison, document)
  for (const [index, one] of results.entries()) checked(path, result, one, ['results', index])
  // As it is, with what later versions may have added.
  return results as ArrowResult[]
}

function checked<Value>(path: string, schema: z.ZodType<Value>, value: unknown, at: PropertyKey[] = []): Value {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw damaged(path, `${[...at, ...(issue?.path ?? [])].join('.') || 'the document'}: ${issue?.message}`)
}

function damaged(path: string, why: string): AotError {
  return new AotError(
    'AOT_DATA',
    `${path} is damaged or of another version (${why}): remove it, and the runs beside it are read instead`,
  )
}
