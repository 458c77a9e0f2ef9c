/** What a person sees of a run: a bar on a terminal, plain lines in a log; and the lines of text between them. */
import { type Bar, Presets, SingleBar } from 'cli-progress'

/** One line of text for the user. */
export type Print = (line: string) => void

export interface ProgressPoint {
  step: number
  /** Nats per token. */
  loss: number
  tokensPerSecond: number
}

export function formatCount(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toPrecision(3)}B`
  if (value >= 1e6) return `${(value / 1e6).toPrecision(3)}M`
  if (value >= 1e3) return `${(value / 1e3).toPrecision(3)}k`
  return value.toPrecision(3)
}

export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?'
  const whole = Math.round(seconds)
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60]
  if (hours > 0) return `${hours} h ${minutes} min`
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`
}

export interface TrainProgressOptions {
  /** Minibatches done and in all. */
  start: number
  total: number
  tokensPerStep: number
  print: Print
  /** Where the bar goes; null: no bar, and a plain line for each logged(). */
  terminal: NodeJS.WriteStream | null
}

export class TrainProgress {
  private readonly bar: Bar | null = null

  constructor(private readonly options: TrainProgressOptions) {
    const { start, total, terminal } = options
    if (terminal === null) return
    this.bar = new SingleBar(
      {
        format: '{bar} {value}/{total}  loss {loss}  {rate} tokens/s  {left} left',
        stream: terminal,
        hideCursor: true,
        clearOnComplete: true,
        gracefulExit: false,
      },
      Presets.shades_classic,
    )
    this.bar.start(total, start, { loss: '-', rate: '-', left: '-' })
  }

  /** After each minibatch: moves the bar. */
  stepped(point: ProgressPoint): void {
    this.bar?.update(point.step, {
      loss: point.loss.toFixed(4),
      rate: formatCount(point.tokensPerSecond),
      left: this.left(point),
    })
  }

  /** At each line of the metrics. */
  logged(point: ProgressPoint): void {
    if (this.bar !== null) return
    const { step, loss, tokensPerSecond } = point
    this.options.print(
      `step ${step}/${this.options.total}  loss ${loss.toFixed(4)}  ${formatCount(tokensPerSecond)} tokens/s  ${this.left(point)} left`,
    )
  }

  /** A line of text, above the bar where there is one. */
  line(text: string): void {
    if (this.bar !== null) this.options.terminal?.write('\r\x1b[K')
    this.options.print(text)
  }

  stop(): void {
    this.bar?.stop()
  }

  private left({ step, tokensPerSecond }: ProgressPoint): string {
    return formatDuration(((this.options.total - step) * this.options.tokensPerStep) / tokensPerSecond)
  }
}
