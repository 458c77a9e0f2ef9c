/**
 * Tells all sinks of a run. The files of lines are the run's record: where they fail, the run ends. No other sink can
 * harm it: one that throws, or whose promise is rejected, is switched off with one line.
 */
import type { MetricsPlace, TrainMetrics, ValidMetrics } from './metrics_jsonl.js'
import type { RecordBytes, RecordFiles } from './record_files.js'
import type { Outcome, Sample, Sink } from './sink.js'

export interface SinksOptions {
  record: Pick<RecordFiles, 'metrics' | 'samples' | 'validWindows' | 'bytes' | 'sync' | 'close'>
  /** In the order in which they are told. */
  others: Sink[]
  /** Takes one line of text. */
  print(line: string): void
  /** How long the end of the run waits for the others. */
  closeSeconds?: number
}

type Call = 'start' | 'train' | 'valid' | 'sample' | 'sync' | 'close'

export class Sinks {
  readonly #options: SinksOptions
  readonly #on: Set<Sink>

  constructor(options: SinksOptions) {
    this.#options = options
    this.#on = new Set(options.others)
  }

  /** Lengths of the record's files: the marks to go on from. */
  get bytes(): RecordBytes {
    return this.#options.record.bytes
  }

  /** Starts the sinks, does the work, and closes them, whatever comes of it. */
  async during<Result extends { step: number; stopped: boolean }>(
    step: number,
    work: () => Promise<Result>,
  ): Promise<Result> {
    let outcome: Outcome = { kind: 'failed', step }
    try {
      this.#tell('start', (sink) => sink.start?.())
      const result = await work()
      outcome = { kind: result.stopped ? 'stopped' : 'finished', step: result.step }
      return result
    } finally {
      await this.#close(outcome)
    }
  }

  train(place: MetricsPlace, metrics: TrainMetrics): void {
    const line = this.#options.record.metrics.train(place, metrics)
    this.#tell('train', (sink) => sink.train?.(line, metrics))
  }

  valid(place: MetricsPlace, metrics: ValidMetrics): void {
    const { record } = this.#options
    // Who sees the line of metrics finds its windows too.
    record.validWindows.valid(place.step, metrics.windowLosses, metrics.windows)
    const line = record.metrics.valid(place, metrics)
    this.#tell('valid', (sink) => sink.valid?.(line, metrics))
  }

  sample(sample: Omit<Sample, 'time'>): void {
    this.#options.record.samples.sample(sample.step, sample.text, sample.direction)
    const timed = { ...sample, time: Date.now() / 1000 }
    this.#tell('sample', (sink) => sink.sample?.(timed))
  }

  /** Flushes the record to disk: called before the checkpoint that counts on it. */
  sync(step: number): void {
    this.#options.record.sync()
    this.#tell('sync', (sink) => sink.sync?.(step))
  }

  async #close(outcome: Outcome): Promise<void> {
    const { record, closeSeconds = 30 } = this.#options
    const closing = new Map(this.#tell('close', (sink) => sink.close?.(outcome)))
    for (const [sink, closed] of closing) void closed.then(() => closing.delete(sink))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, closeSeconds * 1000)
    })
    await Promise.race([Promise.all(closing.values()), late])
    clearTimeout(timer)
    for (const sink of closing.keys()) this.#switchOff(sink, `it did not end within ${closeSeconds} s`)
    record.close()
  }

  /** Calls each sink that is on. The promises resolve when it has done what it was told, or is switched off. */
  #tell(call: Call, tell: (sink: Sink) => void | Promise<void>): [Sink, Promise<void>][] {
    const told: [Sink, Promise<void>][] = []
    for (const sink of this.#on) {
      const fail = (error: unknown) => this.#switchOff(sink, `${call}: ${(error as Error)?.message ?? String(error)}`)
      try {
        const done = tell(sink)
        if (done !== undefined) told.push([sink, Promise.resolve(done).catch(fail)])
      } catch (error) {
        fail(error)
      }
    }
    return told
  }

  #switchOff(sink: Sink, reason: string): void {
    if (!this.#on.delete(sink)) return
    try {
      const line = reason.replaceAll(/\s*\n\s*/g, ' ')
      this.#options.print(`log ${sink.name} is switched off (${line}); metrics.jsonl goes on with everything`)
    } catch {
      // The terminal is gone: there is no one to tell.
    }
  }
}
