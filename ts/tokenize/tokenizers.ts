/** Tokenizers in folders: found, told apart, and remembered what they were trained on. */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { replaceFile } from '../checkpoints/durable.js'
import { packageVersion } from '../cli/version.js'
import { AotError } from '../errors.js'
import { type NativeTokenizer, native } from '../native.js'
import type { Inputs } from './inputs.js'
import { saveTokenizer } from './outputs.js'
import { shownName } from './shown.js'

export interface LoadedTokenizer {
  native: NativeTokenizer
  /** Absolute. */
  folder: string
  /** Of its files: other files, another tokenizer. */
  digest: string
}

/** Loads the Hugging Face folder of a tokenizer. AOT_IO when it is not there. */
export function loadTokenizer(folder: string): NativeTokenizer {
  const path = resolve(folder)
  if (!existsSync(path)) {
    throw new AotError(
      'AOT_IO',
      `there is no tokenizer ${shownName(path)}: check the path, or make one without --tokenizer`,
    )
  }
  return native.Tokenizer.load(path)
}

export function openTokenizer(folder: string): LoadedTokenizer {
  const path = resolve(folder)
  const loaded = loadTokenizer(path)
  return { native: loaded, folder: path, digest: digestOfFolder(path) }
}

const newerForm = ['tokenizer.json']
const olderForm = ['vocab.json', 'merges.txt', 'added_tokens.json', 'special_tokens_map.json']

/** Of the files from which a tokenizer is loaded. */
function digestOfFolder(folder: string): string {
  const names = existsSync(join(folder, 'tokenizer.json')) ? newerForm : olderForm
  const digests = names
    .filter((name) => existsSync(join(folder, name)))
    .map((name) => [name, native.digestOf(readFileSync(join(folder, name)))])
  return native.digestOf(JSON.stringify(digests))
}

/** How a new tokenizer is made: `vocabSize` of BPE; or of the characters, with a token for others or without. */
export type NewTokenizer = { kind: 'bpe'; vocabSize: number } | { kind: 'char'; unknown: boolean }

const trainedOnName = 'trained_on.json'

const trainedOnSchema = z.object({
  version: z.literal(1),
  created_by: z.string(),
  corpus: z.object({ name: z.string(), files: z.number(), bytes: z.number(), digest: z.string() }),
  /** Of the tokenizer's files, which may have been replaced by others. */
  tokenizer: z.string(),
  options: z.union([
    z.object({ kind: z.literal('bpe'), vocabSize: z.number() }),
    z.object({ kind: z.literal('char'), unknown: z.boolean() }),
  ]),
})

/** Names, sizes and times of the files. */
function digestOfInputs({ files }: Inputs): string {
  return native.digestOf(JSON.stringify(files.map(({ name, size, mtime }) => [name, size, mtime])))
}

/** The text of `trained_on.json`: what the tokenizer in `folder` was made from. */
function trainedOn(folder: string, inputs: Inputs, options: NewTokenizer): string {
  const { name, files, bytes } = inputs
  const corpus = { name, files: files.length, bytes, digest: digestOfInputs(inputs) }
  const record = {
    version: 1,
    created_by: `arrows-of-time ${packageVersion()}`,
    corpus,
    options,
    tokenizer: digestOfFolder(folder),
  }
  return `${JSON.stringify(record, null, 2)}\n`
}

/**
 * Saves a new tokenizer as a Hugging Face folder, with what it was made from. A folder that is new, or empty, appears whole
 * or not at all; in one that holds files, those of the tokenizer are replaced one by one.
 */
export async function saveTrained(
  tokenizer: NativeTokenizer,
  folder: string,
  inputs: Inputs,
  options: NewTokenizer,
): Promise<void> {
  if (existsSync(join(folder, trainedOnName))) rmSync(join(folder, trainedOnName))
  await saveTokenizer(tokenizer, folder, (place) =>
    replaceFile(join(place, trainedOnName), trainedOn(place, inputs, options)),
  )
}

/** Whether the tokenizer in `folder` is what training on this corpus with these options gave. */
export function wasTrainedOn(folder: string, inputs: Inputs, options: NewTokenizer): boolean {
  const path = join(folder, trainedOnName)
  if (!existsSync(path)) return false
  let json: unknown
  try {
    json = JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return false
  }
  const { data } = trainedOnSchema.safeParse(json)
  if (data?.corpus.digest !== digestOfInputs(inputs) || data.tokenizer !== digestOfFolder(folder)) return false
  return JSON.stringify(data.options) === JSON.stringify(options)
}
