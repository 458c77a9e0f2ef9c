/** What a person sees of a run: a bar on a terminal, plain lines in a log; and the lines of text between them. */
import { formatCount, formatDuration } from './amounts.js'
import { Progress } from './progress.js'

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
}

export class TrainProgress {
  private readonly bar: Progress | null

  constructor(private readonly options: TrainProgressOptions) {
    const { start, terminal } = options
    this.bar =
      terminal === null
        ? null
        : new Progress({ label: 'training', unit: 'step', mode: 'bar', initial: start, stream: terminal })
  }

  /** After each minibatch: moves the bar. */
  stepped({ step, loss, tokensPerSecond }: ProgressPoint): void {
    const details = `loss ${loss.toFixed(4)} | ${formatCount(tokensPerSecond)} tokens/s`
    this.bar?.update(step, this.options.total, details)
  }

  /** At each line of the metrics. */
  logged({ step, loss, tokensPerSecond }: ProgressPoint): void {
    if (this.bar !== null) return
    const { total, tokensPerStep, print } = this.options
    const left = formatDuration(((total - step) * tokensPerStep) / tokensPerSecond)
    const amounts = `loss ${loss.toFixed(4)}, ${formatCount(tokensPerSecond)} tokens/s, ${left} left`
    print(`step ${step} of ${total}: ${amounts}`)
  }

  /** A line of text, above the bar where there is one. */
  line(text: string): void {
    if (this.bar !== null) this.options.terminal?.write('\r\x1b[2K')
    this.options.print(text)
  }

  stop(): void {
    this.bar?.end(false)
  }
}
