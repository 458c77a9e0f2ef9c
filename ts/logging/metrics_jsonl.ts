/** metrics.jsonl of a run folder: what was measured, one object a line. docs/checkpoints.md says what each key means. */
import { join } from 'node:path'
import { JsonLines, type JsonRecord, type LinesMark } from './json_lines.js'

/** Where in the run a line was written. */
export interface MetricsPlace {
  /** Minibatches so far. */
  step: number
  epochs: number
  /** Thousands of training windows so far. */
  ksamples: number
}

export interface TrainMetrics {
  /** Mean over the minibatches since the last such line, nats per token. */
  loss: number
  /** Of the last optimizer step; the norm before clipping, null before the first step. */
  lr: number
  gradNorm: number | null
  tokensPerSecond: number
}

export interface ValidMetrics {
  /** Nats per token. */
  loss: number
  lossByPosition: Float64Array
  bitsPerByte: number | null
  lossByDirection: { forward: number; backward: number } | null
  /** Mean nats per token of each validation window, and the windows' numbers: for valid_windows.jsonl. */
  windowLosses: Float64Array
  windows: Float64Array
}

/** A line as it is written: the place, the `time` in seconds since 1970, and what was measured. */
export type MetricsLine = JsonRecord & MetricsPlace & { time: number }

export class MetricsJsonl {
  private readonly lines: JsonLines

  constructor(runFolder: string, mark: LinesMark) {
    this.lines = JsonLines.open(join(runFolder, 'metrics.jsonl'), mark)
  }

  get bytes(): number {
    return this.lines.bytes
  }

  train(place: MetricsPlace, metrics: TrainMetrics): MetricsLine {
    return this.write(place, {
      'loss/train_step': metrics.loss,
      lr: metrics.lr,
      ...(metrics.gradNorm === null ? {} : { grad_norm: metrics.gradNorm }),
      tokens_per_s: metrics.tokensPerSecond,
    })
  }

  valid(place: MetricsPlace, metrics: ValidMetrics): MetricsLine {
    const { bitsPerByte, lossByDirection } = metrics
    return this.write(place, {
      'loss/valid': metrics.loss,
      ...(bitsPerByte === null ? {} : { 'bits_per_byte/valid': bitsPerByte }),
      ...(lossByDirection === null
        ? {}
        : { 'loss/valid_forward': lossByDirection.forward, 'loss/valid_backward': lossByDirection.backward }),
      'loss/valid_by_position': Array.from(metrics.lossByPosition),
    })
  }

  sync(): void {
    this.lines.sync()
  }

  close(): void {
    this.lines.close()
  }

  private write(place: MetricsPlace, values: Record<string, unknown>): MetricsLine {
    const { step, epochs, ksamples } = place
    const line = { step, epochs, ksamples, time: Date.now() / 1000, ...values }
    this.lines.append(line)
    return line
  }
}
