/** What a person sees of a run: a bar on a terminal, plain lines in a log; and the lines of text between them. */
import type { RunWatcher } from '../config/types.js'
import { formatCount, formatDuration } from './amounts.js'
import type { MetricsLine, TrainMetrics, ValidMetrics } from './metrics_jsonl.js'
import { Progress } from './progress.js'
import type { Outcome, Sample, Sink } from './sink.js'

export interface ProgressPoint {
  step: number
  /** Nats per token. */
  loss: number
  tokensPerSecond: number
}

export interface TrainProgressOptions {
  /** Minibatches done and in all. */
  start: number
  total: number
  tokensPerStep: number
  /** Takes one line of text. */
  print(line: string): void
  /** Where the bar goes; null: no bar, and a plain line for each logged(). */
  terminal: NodeJS.WriteStream | null
  /** Told of everything too. */
  watcher?: RunWatcher | undefined
}

export class TrainProgress implements Sink {
  readonly name = 'terminal'
  private readonly bar: Progress | null

  constructor(private readonly options: TrainProgressOptions) {
    const { start, total, terminal, watcher } = options
    watcher?.begun(start, total)
    this.bar =
      terminal === null
        ? null
        : new Progress({ label: 'training', unit: 'step', mode: 'bar', initial: start, stream: terminal })
  }

  /** After each minibatch: moves the bar. */
  stepped(point: ProgressPoint): void {
    const { step, loss, tokensPerSecond } = point
    this.options.watcher?.stepped(point)
    const details = `loss ${loss.toFixed(4)} | ${formatCount(tokensPerSecond)} tokens/s`
    this.bar?.update(step, this.options.total, details)
  }

  train({ step }: MetricsLine, { loss, tokensPerSecond }: TrainMetrics): void {
    if (this.bar !== null) return
    const { total, tokensPerStep, print } = this.options
    const left = formatDuration(((total - step) * tokensPerStep) / tokensPerSecond)
    const amounts = `loss ${loss.toFixed(4)}, ${formatCount(tokensPerSecond)} tokens/s, ${left} left`
    print(`step ${step} of ${total}: ${amounts}`)
  }

  valid({ step }: MetricsLine, { loss, bitsPerByte, lossByDirection, lossByPosition }: ValidMetrics): void {
    const bits = bitsPerByte === null ? '' : `, ${bitsPerByte.toFixed(4)} bits per byte`
    const sides =
      lossByDirection === null
        ? ''
        : ` (forward ${lossByDirection.forward.toFixed(4)}, backward ${lossByDirection.backward.toFixed(4)})`
    this.line(`step ${step}: validation loss ${loss.toFixed(4)} nats per token${sides}${bits}`)
    this.line(`  by position: ${atPowersOfTwo(lossByPosition)}`)
    this.options.watcher?.validated(step, loss)
  }

  sample({ quoted, direction }: Sample): void {
    this.line(`  sample${direction === null ? '' : `, ${direction}`}: ${quoted}`)
  }

  close({ kind, step }: Outcome): void {
    this.bar?.end(false)
    if (kind === 'stopped') this.line(`stopped at step ${step}: the same command goes on from there`)
  }

  /** A line of text, above the bar where there is one. */
  line(text: string): void {
    if (this.bar !== null) this.options.terminal?.write('\r\x1b[2K')
    this.options.print(text)
  }
}

/** `1: 9.21  2: 8.02  4: 7.53 ...`, and the last. */
function atPowersOfTwo(losses: Float64Array): string {
  const positions: number[] = []
  for (let position = 1; position < losses.length; position *= 2) positions.push(position)
  positions.push(losses.length)
  return positions.map((position) => `${position}: ${(losses[position - 1] as number).toFixed(2)}`).join('  ')
}
