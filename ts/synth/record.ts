/** synth.json: what a folder of a synthetic language was made from, and what its tokens must be. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { SynthSection } from '../config/synth.js'

export const recordName = 'synth.json'
export const tokensName = 'tokens.h5'
export const tokenizerName = 'tokenizer'

/** Of the files: a language that is written in another way gets another number. */
const version = 1

/** 8 hexadecimal digits: other options, or windows of other lengths, other data. */
export function synthDigest(section: SynthSection, attnLength: number): string {
  return createHash('sha256').update(keyOf(section, attnLength)).digest('hex').slice(0, 8)
}

function keyOf(section: SynthSection, attnLength: number): string {
  return JSON.stringify([version, attnLength, Object.entries(section).sort(([a], [b]) => (a < b ? -1 : 1))])
}

const common = {
  format: z.literal('arrows-of-time synth'),
  version: z.literal(version),
  /** As in the config, with the counts. */
  section: z.looseObject({ language: z.string() }),
  attn_length: z.int(),
}

const recordSchema = z.discriminatedUnion('state', [
  /** Written first: whose folder it is while the data is made, and after a kill. */
  z.object({ ...common, state: z.literal('begun') }),
  z.object({
    ...common,
    state: z.literal('whole'),
    /** Nats per token. */
    floor: z.number(),
    facts: z.array(z.string()),
    tokens: z.int(),
    /** Of the ids as int32, little-endian. */
    sha256: z.string(),
  }),
])

export type SynthRecord = z.infer<typeof recordSchema>
export type WholeRecord = Extract<SynthRecord, { state: 'whole' }>

export function newRecord(section: SynthSection, attnLength: number): Omit<SynthRecord & { state: 'begun' }, 'state'> {
  return { format: 'arrows-of-time synth', version, section, attn_length: attnLength }
}

/** null where there is none that can be read. */
export function readRecord(folder: string): SynthRecord | null {
  try {
    return recordSchema.safeParse(JSON.parse(readFileSync(join(folder, recordName), 'utf8'))).data ?? null
  } catch {
    return null
  }
}

/** Whether it is of this language with these options and windows. */
export function isRecordOf(record: SynthRecord, section: SynthSection, attnLength: number): boolean {
  return keyOf(record.section as SynthSection, record.attn_length) === keyOf(section, attnLength)
}
