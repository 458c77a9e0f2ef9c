/** What a comparison of directions gives. An ArrowResult is what `aot-arrow --json` prints and arrow.json holds. */
import type { ResolvedConfig } from '../config/types.js'

/** A direction by its name: forward, backward, middle_out, uniform_random(3), ... */
export type DirectionName = string

/** An interval for a mean difference, nats per token. */
export interface Interval {
  low: number
  high: number
  /** Of confidence: 0.95. */
  level: number
  /** What varies in it: the text alone (one seed), or the text and the training (from two seeds on). */
  over: 'windows' | 'seeds and windows'
  /** Stretches of the text that were drawn together. */
  blocks: number
}

/** A direction beside the first one. */
export interface Difference {
  /** Mean nats per token of this direction minus that of the first one, over seeds and windows. */
  difference: number
  /** null: fewer than eight blocks of windows, or runs that did not keep the losses of their windows. */
  interval: Interval | null
  /** this / first - 1, and the difference over the mean of both (arXiv 2401.17505). */
  ratio: number
  relative: number
  /** null without a tokenizer. */
  bits_per_byte: number | null
  /** Standard deviation of the differences of the seeds; null for one seed. */
  seed_spread: number | null
}

/** Losses of one seed at its last validation. */
export interface SeedResult {
  seed: number
  /** Nats per token, by direction. */
  losses: Record<DirectionName, number>
  bits_per_byte: Record<DirectionName, number | null>
  /** bw - fw, with the interval over windows for this seed alone. */
  difference: number
  interval: Interval | null
}

/** The losses of one run as it was trained. */
export interface RunCurve {
  direction: DirectionName
  seed: number
  /** [minibatches, nats per token]; loss/train_step and loss/valid of metrics.jsonl, unchanged. */
  train: [step: number, loss: number][]
  valid: [step: number, loss: number][]
}

/** The arrow at a validation that all runs have made. */
export interface ArrowPoint {
  step: number
  fw: number
  bw: number
  difference: number
  ratio: number
  interval: Interval | null
}

export interface TokenSource {
  id: number
  /** null without a tokenizer. */
  text: string | null
  /** Among the validation targets. */
  count: number
  /** Mean nats of this token. */
  fw: number
  bw: number
  /** count * (bw - fw) / all targets: these add up, over all tokens, to the difference. Nats per token. */
  share: number
}

export interface SourceExample {
  window: number
  /** The direction that predicts the marked token much better. */
  easier: 'forward' | 'backward'
  /** A stretch of the window in reading order, with bw - fw of each token. */
  tokens: { text: string; difference: number }[]
  /** Index in `tokens` of the marked one. */
  marked: number
}

/** Where the difference between forward and backward comes from. Means over seeds. */
export interface Sources {
  windows: number
  /** Those with the largest share in favour of each direction, largest first. */
  easier_forward: TokenSource[]
  easier_backward: TokenSource[]
  /** Place in the window, in reading order: [attn_length]. Mean nats of each direction. */
  fw_by_place: number[]
  bw_by_place: number[]
  examples: SourceExample[]
}

/** What is known of the data, where it was made by aot-synth. */
export interface KnownLanguage {
  language: string
  /** Nats per token that no model can go below, in any order. */
  floor: number
  /** Lines for people: sizes, sparsity, ... */
  facts: string[]
}

export interface ArrowRun {
  direction: DirectionName
  seed: number
  folder: string
  step: number
  config: ResolvedConfig
}

export interface ArrowResult {
  format: 'arrows-of-time arrow 1'
  name: string
  /** What a cell of a grid sets, by key, in the order of --grid; {} where there is no grid. */
  cell: Record<string, string | number | boolean | null>
  /** All runs that there are to be are at their end. */
  finished: boolean
  /** All runs are at their end, and the interval over at least three seeds excludes zero. */
  established: boolean
  /** One line for people. */
  verdict: string
  /** Mean over seeds of the last validation, nats per token. */
  fw: number
  bw: number
  /** bw - fw. */
  difference: number
  interval: Interval | null
  ratio: number
  relative: number
  bits_per_byte: { fw: number; bw: number; difference: number } | null
  seeds: SeedResult[]
  seed_spread: number | null
  /** All directions in their order, forward and backward first; losses are means over seeds. */
  directions: DirectionName[]
  losses: Record<DirectionName, number>
  /** The further directions beside forward. */
  others: Record<DirectionName, Difference>
  /** Mean nats at each position of the trained sequence (0: seen nothing but BOS), by direction; means over seeds. */
  by_position: Record<DirectionName, number[]>
  curves: RunCurve[]
  training: ArrowPoint[]
  /** null where it was not looked for: it takes the models. */
  sources: Sources | null
  known: KnownLanguage | null
  model: { kind: string; parameters: number | null; attn_length: number }
  data: { path: string; tokens: number | null; windows: number }
  version: string
  runs: ArrowRun[]
}
