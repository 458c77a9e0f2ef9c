/** What is finished of a work: the entry that the encoder writes for a unit once its shard is on the disk. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { native } from '../native.js'
import type { NativeShard } from '../native_shards.js'
import type { NativeUnit } from '../native_units.js'
import type { OutputPlace } from './outputs.js'
import { unitBytes } from './plan.js'

const whole = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const digest = z.string().regex(/^[0-9a-f]{32}$/)

const entrySchema = z.strictObject({
  version: z.literal(1),
  plan: digest,
  unit: whole,
  /** Relative to the folder of the entry. */
  shard: z.string(),
  tokens: whole,
  words: whole,
  text_bytes: whole,
  invalid_bytes: whole,
  cut_pieces: whole,
  /** Of the unit's bytes as they were read. */
  input: digest,
  header: digest,
  data: digest,
  shard_bytes: whole,
})

export type Entry = z.infer<typeof entrySchema>

/** `00012.json` */
export function unitFile(unit: number, suffix: 'h5' | 'json' | 'counts'): string {
  return `${String(unit).padStart(5, '0')}.${suffix}`
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}

/** Where the shard of a unit is, relative to the entry: the only unit of a corpus has no shard of its own. */
export function shardName(place: OutputPlace, unit: number, units: number): string {
  return units === 1 ? `../${place.name}.h5` : unitFile(unit, 'h5')
}

/** The entry of a unit; null when there is none, or none that can be trusted: what it is of has to be done again. */
export function readEntry(place: OutputPlace, plan: string, unit: NativeUnit, units: number): Entry | null {
  const path = join(place.shards, unitFile(unit.number, 'json'))
  if (!existsSync(path)) return null
  const [line = '', written, ...more] = readFileSync(path, 'utf8').split('\n')
  if (written !== native.digestOf(line) || more.join() !== '') return null
  const { data: entry } = entrySchema.safeParse(parsed(line))
  if (entry?.plan !== plan || entry.unit !== unit.number || entry.text_bytes !== unitBytes(unit)) return null
  return entry.shard === shardName(place, unit.number, units) ? entry : null
}

/** As the virtual file lists them. */
export function shardOf(place: OutputPlace, entry: Entry): NativeShard {
  const file = entry.shard.startsWith('../') ? entry.shard.slice(3) : `${place.name}.shards/${entry.shard}`
  const { tokens, shard_bytes: bytes, header, data } = entry
  return { file, tokens, bytes, header, data }
}

export interface EntryTotals {
  tokens: number
  words: number
  bytes: number
  invalidBytes: number
  cutPieces: number
}

export function totalsOf(entries: Iterable<Entry>): EntryTotals {
  const totals = { tokens: 0, words: 0, bytes: 0, invalidBytes: 0, cutPieces: 0 }
  for (const entry of entries) {
    totals.tokens += entry.tokens
    totals.words += entry.words
    totals.bytes += entry.text_bytes
    totals.invalidBytes += entry.invalid_bytes
    totals.cutPieces += entry.cut_pieces
  }
  return totals
}
