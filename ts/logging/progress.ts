/** Shows how far a long work is, its rate and the time left: a bar on a terminal, a line every few seconds in a log. */
import cliProgress from 'cli-progress'
import { formatBytes, formatCount, formatDuration, formatNumberOf, formatWhole } from './amounts.js'

/** Where to show it: anything with a `write`, a terminal when `isTTY`. */
export interface ProgressStream {
  isTTY?: boolean
  columns?: number
  write(text: string): boolean
}

export interface ProgressOptions {
  /** What is done: `training the tokenizer`. */
  label: string
  /** What the amounts count: `byte`, or another singular such as `step`. */
  unit: string
  /** `auto`: `bar` on a terminal, else `lines`. `quiet` shows nothing. */
  mode?: 'auto' | 'bar' | 'lines' | 'quiet' | undefined
  /** Amount done before the start (a resumed work): no part of the rate. */
  initial?: number | undefined
  /** Between two lines of mode `lines`; default 5. */
  lineSeconds?: number | undefined
  /** Default stderr. */
  stream?: ProgressStream | undefined
  /** Seconds; for tests. */
  clock?: (() => number) | undefined
}

/** Over how many seconds the rate is taken. */
const rateWindow = 20

/** Beside the bar lines do not wrap. */
const wrapped = '\x1b[?7h'

/** No wrapping, and the place of the cursor to which the bar's end goes back. */
const barBegins = '\x1b[?7l\x1b7'

const barSize = 24
const leastBar = 4

export class Progress {
  readonly #options: ProgressOptions
  readonly #stream: ProgressStream
  readonly #mode: 'bar' | 'lines' | 'quiet'
  readonly #clock: () => number
  readonly #started: number
  readonly #bar: cliProgress.SingleBar | undefined
  #samples: { time: number; done: number }[]
  #lastLine: number
  #done: number
  #total = 0
  #details = ''
  #ended = false

  constructor(options: ProgressOptions) {
    const mode = options.mode ?? 'auto'
    this.#options = options
    this.#stream = options.stream ?? process.stderr
    this.#mode = mode !== 'auto' ? mode : this.#stream.isTTY ? 'bar' : 'lines'
    this.#clock = options.clock ?? (() => performance.now() / 1000)
    this.#started = this.#lastLine = this.#clock()
    this.#done = options.initial ?? 0
    this.#samples = [{ time: this.#started, done: this.#done }]
    if (this.#mode === 'bar') {
      this.#bar = new cliProgress.SingleBar(
        {
          stream: this.#stream as NodeJS.WritableStream,
          format: (_, { progress }) => `${options.label} ${this.#drawn(progress)}${this.#status()}`,
          hideCursor: true,
          clearOnComplete: true,
          linewrap: false,
          fps: 10,
          gracefulExit: false,
        },
        cliProgress.Presets.legacy,
      )
      this.#bar.start(1, 0)
    }
  }

  /** Says how much is done, of how much (0 while unknown), and what else there is to say (`loss 3.21`). */
  update(done: number, total: number, details = ''): void {
    if (this.#ended) return
    const now = this.#clock()
    this.#done = done
    this.#total = total
    this.#details = details
    const last = this.#samples.at(-1)
    if (last === undefined || now - last.time >= 0.25) this.#samples.push({ time: now, done })
    while (this.#samples.length > 2 && (this.#samples[1]?.time ?? now) <= now - rateWindow) this.#samples.shift()
    this.#bar?.update(total > 0 ? Math.min(1, done / total) : 0)
    if (this.#mode === 'lines' && now - this.#lastLine >= (this.#options.lineSeconds ?? 5)) {
      this.#lastLine = now
      this.#stream.write(`${this.#options.label}: ${this.#status()}\n`)
    }
  }

  /** Prints a line of text; a bar stays below it. */
  log(line: string): void {
    if (this.#mode === 'quiet') return
    const isAboveBar = this.#mode === 'bar' && !this.#ended
    this.#stream.write(isAboveBar ? `\r\x1b[2K${wrapped}${line}\n${barBegins}` : `${line}\n`)
  }

  /** Ends the display. With `completed`, a last line says what was done and how fast. */
  end(completed: boolean): void {
    if (this.#ended) return
    this.#ended = true
    this.#bar?.stop()
    if (!completed || this.#mode === 'quiet') return
    const seconds = this.#clock() - this.#started
    const amount = this.#done - (this.#options.initial ?? 0)
    const rate = seconds > 0 ? `, ${this.#rate(amount / seconds)}` : ''
    this.#stream.write(`${this.#options.label}: ${this.#amount(amount)} in ${formatDuration(seconds)}${rate}\n`)
  }

  /** The bar, as far as the terminal has room for it beside what is said; nothing where that is little. */
  #drawn(part: number): string {
    const others = this.#options.label.length + this.#status().length + ' [] '.length
    const size = Math.min(barSize, (this.#stream.columns ?? 80) - 1 - others)
    if (size < leastBar) return ''
    const full = Math.round(part * size)
    return `[${'='.repeat(full)}${' '.repeat(size - full)}] `
  }

  #amount(amount: number): string {
    return this.#options.unit === 'byte' ? formatBytes(amount) : formatNumberOf(amount, this.#options.unit)
  }

  #rate(perSecond: number): string {
    return this.#options.unit === 'byte'
      ? `${formatBytes(perSecond)}/s`
      : `${formatCount(perSecond)} ${this.#options.unit}s/s`
  }

  #status(): string {
    const parts = []
    if (this.#total > 0) {
      const percent = Math.min(100, Math.floor((100 * this.#done) / this.#total))
      const bytes = this.#options.unit === 'byte'
      const done = bytes ? formatBytes(this.#done) : formatWhole(this.#done)
      parts.push(`${String(percent).padStart(3)}%`, `${done} of ${this.#amount(this.#total)}`)
    } else {
      parts.push(this.#amount(this.#done))
    }
    if (this.#details !== '') parts.push(this.#details)
    const first = this.#samples[0]
    const seconds = first === undefined ? 0 : this.#clock() - first.time
    const rate = first === undefined || seconds <= 0 ? 0 : (this.#done - first.done) / seconds
    if (rate > 0) {
      parts.push(this.#rate(rate))
      if (this.#total > this.#done) parts.push(`${formatDuration(Math.round((this.#total - this.#done) / rate))} left`)
    }
    return parts.join(' | ')
  }
}
