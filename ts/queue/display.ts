/** What a person sees of the queue: a line a run on a terminal, now and then a line of text elsewhere. */
import cliProgress from 'cli-progress'
import wrapAnsi from 'wrap-ansi'
import { formatDuration, formatWhole } from '../logging/amounts.js'
import type { ProgressStream } from '../logging/progress.js'
import { queueLines } from './lines.js'
import type { QueueRun } from './state.js'

export interface QueueDisplay {
  /** A line of text, above those of the runs. */
  log(line: string): void
  /** What the lines of the runs show by themselves. */
  event(line: string): void
  /** Something of the run has changed. */
  changed(run: QueueRun): void
  /** Ends the display; nothing of it stays on a terminal. */
  end(): void
}

/** `runs` change under its hands. `lineSeconds`: between two lines of one run where there is no terminal. */
export function openDisplay(
  runs: readonly QueueRun[],
  stream: ProgressStream & { rows?: number },
  lineSeconds = 30,
): QueueDisplay {
  return stream.isTTY === true ? new Bars(runs, stream) : new Lines(stream, lineSeconds)
}

class Bars implements QueueDisplay {
  readonly #bars: cliProgress.MultiBar

  constructor(
    runs: readonly QueueRun[],
    private readonly stream: ProgressStream & { rows?: number },
  ) {
    const colours = (process.env.NO_COLOR ?? '') === ''
    let lines: string[] = []
    // One bar of several lines, for as many as the terminal has now.
    this.#bars = new cliProgress.MultiBar(
      {
        stream: stream as NodeJS.WritableStream,
        format: () => `${lines.join('\x1b[K\n')}\x1b[J`,
        clearOnComplete: true,
        hideCursor: true,
        linewrap: false,
        forceRedraw: true,
        fps: 5,
        gracefulExit: false,
      },
      cliProgress.Presets.legacy,
    )
    const toFirst = () => {
      if (lines.length > 1) stream.write(`\x1b[${lines.length - 1}A`)
    }
    this.#bars.on('update-pre', toFirst)
    this.#bars.on('stop-pre-clear', toFirst)
    this.#bars.on('redraw-pre', () => {
      // A line is left for what the shell says, and one for the cursor.
      const rows = Math.max(1, Math.min(runs.length, (stream.rows ?? 24) - 2))
      lines = queueLines(runs, { columns: stream.columns ?? 80, rows, colours })
    })
    this.#bars.create(1, 0)
  }

  log(line: string): void {
    // The terminal wraps nothing while the bars are there.
    const lines = wrapAnsi(line, Math.max(20, (this.stream.columns ?? 80) - 1), { hard: true }).split('\n')
    for (const part of lines) this.#bars.log(`${part}\x1b[K\n`)
  }

  event(): void {}

  changed(): void {}

  end(): void {
    this.#bars.update()
    this.#bars.stop()
  }
}

class Lines implements QueueDisplay {
  /** When each run was told of last. */
  readonly #told = new Map<QueueRun, number>()

  constructor(
    private readonly stream: ProgressStream,
    private readonly lineSeconds: number,
  ) {}

  log(line: string): void {
    this.stream.write(`${line}\n`)
  }

  event(line: string): void {
    this.log(line)
  }

  changed(run: QueueRun): void {
    const { state, name } = run
    if (state.kind !== 'running' || state.position === null) return
    const { step, total, loss, validLoss } = state.position
    const now = performance.now() / 1000
    const told = this.#told.get(run) ?? now
    const isDue = loss !== null && now - told >= this.lineSeconds
    if (!isDue && this.#told.has(run)) return
    this.#told.set(run, now)
    if (!isDue) return
    const parts = [`loss ${loss.toFixed(4)}`]
    if (validLoss !== null) parts.push(`last validation ${validLoss.toFixed(4)}`)
    if (state.rate > 0) parts.push(`${formatDuration(Math.round((total - step) / state.rate))} left`)
    this.log(`${name}: step ${formatWhole(step)} of ${formatWhole(total)}: ${parts.join(', ')}`)
  }

  end(): void {}
}
