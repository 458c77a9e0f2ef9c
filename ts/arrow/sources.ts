/** Where the difference between forward and backward comes from: by token, by place in the window, and in the text. */
import { existsSync } from 'node:fs'
import { AotError } from '../errors.js'
import { nativeFor } from '../native.js'
import { runTokenizerFolder } from '../train/run_tokenizer.js'
import { TokenText } from '../train/text.js'
import { pickExamples } from './examples.js'
import { pairsOf } from './losses.js'
import type { RunRecord } from './read_run.js'
import { type EvaluateOptions, evaluateTokens, type TokenLosses } from './token_losses.js'
import type { Sources, TokenSource } from './types.js'

/** Tokens in each of the two lists. */
const listed = 20

/**
 * Evaluates the newest saved states of all seeds that have a forward and a backward run, token by token on their
 * validation windows (of many, an even part: ts/arrow/token_losses.ts). One model is in memory at a time.
 *
 * @throws AotError AOT_CONFIG when there is no pair, or the states are not of one step and the same windows; AOT_DATA when
 * a run has no saved state or it is damaged; what the engine says of the device. The signal's reason when it is aborted.
 */
export async function findSources(runs: readonly RunRecord[], options: EvaluateOptions): Promise<Sources> {
  const pairs = pairsOf(runs, 'forward', 'backward')
  const [pair] = pairs
  if (pair === undefined) {
    throw new AotError('AOT_CONFIG', 'there is no forward and backward run of one seed to look for the difference in')
  }
  const text = textOf(pair.first, options.device)
  const losses = await evaluateTokens(pairs, options)
  const decode = (id: number) => (text.tokenizer === null ? String(id) : text.decode(Int32Array.of(id)))
  return summarise(losses, decode, text.tokenizer !== null)
}

/** By the run's own copy of the tokenizer, or the one that its config names, where it still is. */
function textOf({ folder, config, run }: RunRecord, device: string): TokenText {
  const folders = [runTokenizerFolder(folder), config.training_params.tokenizer_path]
  const found = folders.find((place) => place !== null && existsSync(place)) ?? null
  return TokenText.load(nativeFor(device).Tokenizer, found, config.model_params.vocab_size, run.direction)
}

/** `decode` gives the text of an id, which is known when there is a tokenizer. */
export function summarise(losses: TokenLosses, decode: (id: number) => string, hasText: boolean): Sources {
  const tokens = byToken(losses, (id) => (hasText ? decode(id) : null))
  const inFavour = (sign: 1 | -1) =>
    tokens
      .filter(({ share }) => sign * share > 0)
      .sort((a, b) => sign * (b.share - a.share) || a.id - b.id)
      .slice(0, listed)
  return {
    windows: losses.windows.length,
    easier_forward: inFavour(1),
    easier_backward: inFavour(-1),
    fw_by_place: byPlace(losses, losses.fw),
    bw_by_place: byPlace(losses, losses.bw),
    examples: pickExamples(losses, decode),
  }
}

function byToken({ ids, fw, bw }: TokenLosses, textOf: (id: number) => string | null): TokenSource[] {
  const sums = new Map<number, { count: number; fw: number; bw: number }>()
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as number
    const sum = sums.get(id) ?? { count: 0, fw: 0, bw: 0 }
    sum.count++
    sum.fw += fw[i] as number
    sum.bw += bw[i] as number
    sums.set(id, sum)
  }
  return [...sums].map(([id, { count, fw, bw }]) => ({
    ...{ id, text: textOf(id), count, fw: fw / count, bw: bw / count },
    share: (bw - fw) / ids.length,
  }))
}

function byPlace({ attnLength, windows }: TokenLosses, losses: Float64Array): number[] {
  const sums = new Float64Array(attnLength)
  for (let i = 0; i < losses.length; i++) {
    sums[i % attnLength] = (sums[i % attnLength] as number) + (losses[i] as number)
  }
  return Array.from(sums, (sum) => sum / windows.length)
}
