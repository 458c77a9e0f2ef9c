/** The tokenizer of a run: checked against the config, with the two first tokens of FW+BW mode, copied into the run folder. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Direction } from '../config/types.js'
import { AotError } from '../errors.js'
import type { NativeTokenizer, NativeTokenizerClass } from '../native.js'
import { saveTokenizer } from '../tokenize/outputs.js'

/** First tokens of the windows of FW+BW mode; their ids follow those of the dataset's tokenizer. */
const directionTokens = ['<|forward|>', '<|backward|>'] as const

/**
 * Loads training_params.tokenizer_path. AOT_IO when the folder is not there, AOT_CONFIG when its tokens are not those of
 * the config. In FW+BW mode it may be the tokenizer of an earlier run, which has the two tokens already.
 */
export function loadRunTokenizer(
  loader: NativeTokenizerClass,
  folder: string,
  vocabSize: number,
  direction: Direction,
): NativeTokenizer {
  if (!existsSync(folder)) {
    throw new AotError(
      'AOT_IO',
      `the tokenizer ${folder} (training_params.tokenizer_path) does not exist: make it with aot-tokenize, or set tokenizer_path to null`,
    )
  }
  const tokenizer = loader.load(folder)
  const both = direction.kind === 'fwbw'
  const extended = directionTokens.every((token, i) => tokenizer.tokenToId(token) === vocabSize + i)
  if (both && extended && tokenizer.vocabSize === vocabSize + directionTokens.length) return tokenizer
  if (tokenizer.vocabSize !== vocabSize) {
    throw new AotError(
      'AOT_CONFIG',
      `model_params.vocab_size is ${vocabSize}, but the tokenizer ${folder} has ${tokenizer.vocabSize} tokens: set vocab_size to ${tokenizer.vocabSize}, or name the tokenizer that made the dataset`,
    )
  }
  if (!both) return tokenizer
  for (const [i, token] of directionTokens.entries()) {
    const id = tokenizer.tokenToId(token)
    if (id === undefined) continue
    throw new AotError(
      'AOT_CONFIG',
      `the tokenizer ${folder} has the token ${token} with the id ${id}, but FW+BW mode adds it as ${vocabSize + i}: use the tokenizer that made the dataset, without the two tokens`,
    )
  }
  return tokenizer.withSpecialTokens(directionTokens)
}

/** Where a run keeps its tokenizer, so that its model can be used wherever tokenizer_path has gone to. */
export function runTokenizerFolder(runFolder: string): string {
  return join(runFolder, 'tokenizer')
}

/** Written once: whole, or not at all. */
export async function saveRunTokenizer(tokenizer: NativeTokenizer, runFolder: string): Promise<void> {
  const folder = runTokenizerFolder(runFolder)
  // The last of its files that is written.
  if (!existsSync(join(folder, 'tokenizer.json'))) await saveTokenizer(tokenizer, folder)
}
