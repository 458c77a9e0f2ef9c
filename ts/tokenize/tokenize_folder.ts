/** From the text files of a corpus to a tokenizer, and with a tokenizer to a file of tokens. */
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { removeEmpty } from '../checkpoints/durable.js'
import { AotError } from '../errors.js'
import type { ProgressOptions } from '../logging/progress.js'
import { type NativeTokenizer, native, type TextReport } from '../native.js'
import type { Corpus } from './corpus.js'
import { runJob } from './job.js'
import { makeOutputFolder, saveTokenizer } from './outputs.js'

export interface WorkOptions {
  threads?: number | undefined
  progress?: ProgressOptions['mode']
  /** Aborted: the work ends soon, with an error, and leaves nothing behind. */
  signal?: AbortSignal | undefined
}

export interface Trained {
  tokenizer: NativeTokenizer
  folder: string
  text: TextReport
  words: number
  occurrences: number
  seconds: number
}

/** Trains a tokenizer of up to `vocabSize` tokens and saves it in `folder`. */
export async function trainTokenizer(
  corpus: Corpus,
  folder: string,
  options: WorkOptions & { vocabSize: number },
): Promise<Trained> {
  const threads = options.threads ?? native.availableCores()
  const job = { label: 'training the tokenizer', afterReading: 'learning merges', ...options }
  const { result, seconds } = await runJob(job, (control) =>
    native.trainFiles(corpus.files, { vocabSize: options.vocabSize, threads }, control),
  )
  await saveTokenizer(result.tokenizer, folder)
  return { ...result, folder, seconds }
}

/** Makes a character-level tokenizer and saves it in `folder`. */
export async function trainCharTokenizer(
  corpus: Corpus,
  folder: string,
  options: WorkOptions & { unknown: boolean },
): Promise<Trained> {
  const threads = options.threads ?? native.availableCores()
  const job = { label: 'collecting the characters', ...options }
  const { result, seconds } = await runJob(job, (control) =>
    native.trainCharFiles(corpus.files, { unknown: options.unknown, threads }, control),
  )
  await saveTokenizer(result.tokenizer, folder)
  return { ...result, folder, seconds }
}

/** Loads the Hugging Face folder of a tokenizer. AOT_IO when it is not there. */
export function loadTokenizer(folder: string): NativeTokenizer {
  if (!existsSync(folder)) {
    throw new AotError(
      'AOT_IO',
      `there is no tokenizer ${resolve(folder)}: check the path, or make one without --tokenizer`,
    )
  }
  return native.Tokenizer.load(resolve(folder))
}

export interface Encoded {
  file: string
  text: TextReport
  tokens: number
  dtype: 'int32' | 'uint16'
  seconds: number
}

/** Writes the tokens of the corpus, file after file with nothing between them, to the HDF5 file `file`. */
export async function encodeCorpus(
  corpus: Corpus,
  tokenizer: NativeTokenizer,
  file: string,
  options: WorkOptions & { dtype?: 'auto' | 'int32' | 'uint16' | undefined },
): Promise<Encoded> {
  const threads = options.threads ?? native.availableCores()
  const made = await makeOutputFolder(dirname(file))
  const job = { label: 'encoding', afterReading: 'flushing to disk', ...options }
  try {
    const { result, seconds } = await runJob(job, (control) =>
      native.encodeFiles(tokenizer, corpus.files, file, { threads, dtype: options.dtype ?? 'auto' }, control),
    )
    return { ...result, file, seconds }
  } catch (error) {
    await removeEmpty(made)
    throw error
  }
}
