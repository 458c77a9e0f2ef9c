/**
 * The folder of a synthetic language: synth.json, tokens.h5, tokenizer/. A kill at any moment leaves nothing that is taken
 * for whole: synth.json first says "begun", and "whole", with the sum of the tokens, when all else is on the disk.
 */
import { createHash, type Hash } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as otherWork } from 'node:timers/promises'
import { replaceFile } from '../checkpoints/durable.js'
import type { SynthSection } from '../config/synth.js'
import { AotError } from '../errors.js'
import { native } from '../native.js'
import { newControl } from '../tokenize/job.js'
import { saveTokenizer } from '../tokenize/outputs.js'
import type { Counts, Language, Part } from './language.js'
import { isRecordOf, newRecord, readRecord, recordName, tokenizerName, tokensName, type WholeRecord } from './record.js'

export interface SynthData {
  /** With the counts. */
  section: SynthSection & Counts
  language: Language
  attnLength: number
}

/** Ids that are written at a time: about so many. */
const blockLength = 2 ** 20

/**
 * Makes the data in a folder that is there and nobody else's, in the place of what it held.
 * @throws what `signal` was aborted with: the folder is then not whole.
 */
export async function makeSynth(folder: string, data: SynthData, signal?: AbortSignal): Promise<WholeRecord> {
  const { section, language, attnLength } = data
  const begun = newRecord(section, attnLength)
  const record = (value: object) => replaceFile(join(folder, recordName), `${JSON.stringify(value, null, 2)}\n`)
  await record({ ...begun, state: 'begun' })
  const written = await writeTokens(join(folder, tokensName), data, signal)
  await rm(join(folder, tokenizerName), { recursive: true, force: true })
  await writeTokenizer(folder, language)
  const { floor } = language
  const whole: WholeRecord = { ...begun, state: 'whole', floor, facts: language.facts(section), ...written }
  await record(whole)
  return whole
}

/** Training examples, those for validation, and a window of `<|endoftext|>`. */
async function writeTokens(path: string, { section, language, attnLength }: SynthData, signal?: AbortSignal) {
  const { exampleLength } = language
  const writer = new native.TokenWriter(path, 'uint16')
  const hash = createHash('sha256')
  const write = (ids: Int32Array) => {
    writer.append(ids)
    addTo(hash, ids)
  }
  try {
    for (const part of ['train', 'valid'] satisfies Part[]) {
      const next = language.start(part, section)
      for (let left = section[part]; left > 0; ) {
        signal?.throwIfAborted()
        const count = Math.min(left, Math.ceil(blockLength / exampleLength))
        const ids = new Int32Array(count * exampleLength)
        for (let i = 0; i < count; i++) next(ids.subarray(i * exampleLength, (i + 1) * exampleLength))
        write(ids)
        left -= count
        await otherWork()
      }
    }
    // As in the original, the last attn_length tokens begin no window: these make the one before them the last.
    write(new Int32Array(attnLength))
    return { tokens: await writer.commit(), sha256: hash.digest('hex') }
  } finally {
    writer.close()
  }
}

/** One of characters, whose ids are in the order of the code points, as those of the language. */
async function writeTokenizer(folder: string, { characters }: Language): Promise<void> {
  const text = join(folder, `${tokenizerName}.txt.tmp`)
  try {
    await writeFile(text, characters.join(''))
    const { tokenizer } = await native.trainCharFiles([text], { unknown: false, threads: 1 }, newControl())
    await saveTokenizer(tokenizer, join(folder, tokenizerName))
  } finally {
    await rm(text, { force: true })
  }
}

/** What the folder holds, when that is this data and whole; otherwise null. Reads all of it. */
export function wholeSynth(folder: string, { section, language, attnLength }: SynthData): WholeRecord | null {
  const record = readRecord(folder)
  if (record?.state !== 'whole' || !isRecordOf(record, section, attnLength)) return null
  try {
    const tokenizer = native.Tokenizer.load(join(folder, tokenizerName))
    const isRight =
      tokenizer.vocabSize === language.characters.length + 1 &&
      language.characters.every((character, i) => tokenizer.idToToken(i + 1) === character)
    return isRight && hasTokens(join(folder, tokensName), record) ? record : null
  } catch (error) {
    if (error instanceof AotError) return null
    throw error
  }
}

function hasTokens(path: string, { tokens, sha256 }: WholeRecord): boolean {
  const store = native.TokenStore.open(path)
  try {
    if (store.length !== tokens) return false
    const hash = createHash('sha256')
    for (let at = 0; at < tokens; at += blockLength) addTo(hash, store.read(at, Math.min(blockLength, tokens - at)))
    return hash.digest('hex') === sha256
  } finally {
    store.close()
  }
}

function addTo(hash: Hash, ids: Int32Array): void {
  hash.update(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength))
}
