/** What a sink of metrics is: it is told what is measured and written in a run, and shows or sends it somewhere. */
import type { MetricsLine, TrainMetrics, ValidMetrics } from './metrics_jsonl.js'

/** How a start of a run ended, at which step. */
export interface Outcome {
  kind: 'finished' | 'stopped' | 'failed'
  step: number
}

/** A text that the model wrote, in reading order. */
export interface Sample {
  step: number
  /** Seconds since 1970. */
  time: number
  text: string
  /** On one line, for a person. */
  quoted: string
  /** Given in FW+BW mode alone. */
  direction: 'forward' | 'backward' | null
}

/**
 * The calls come in the order of the steps, each after metrics.jsonl and samples.jsonl hold what it tells. A throw or a
 * rejected promise switches the sink off; promises are not waited for, but for that of close(), and that not for long.
 */
export interface Sink {
  /** As in the config key `logging`. */
  readonly name: string
  /** The run begins, or goes on: both files hold what was measured up to its checkpoint. */
  start?(): void | Promise<void>
  train?(line: MetricsLine, metrics: TrainMetrics): void | Promise<void>
  valid?(line: MetricsLine, metrics: ValidMetrics): void | Promise<void>
  sample?(sample: Sample): void | Promise<void>
  /** A checkpoint follows. */
  sync?(step: number): void | Promise<void>
  close?(outcome: Outcome): void | Promise<void>
}
