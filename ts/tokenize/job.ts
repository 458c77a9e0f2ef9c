/** Runs native work on files with a progress display, and stops it on request. */
import { formatCount } from '../logging/amounts.js'
import type { ProgressOptions } from '../logging/progress.js'
import { Progress } from '../logging/progress.js'
import type { NativeControl } from '../native.js'

export function newControl(): NativeControl {
  return { progress: new Float64Array(4), stop: new Int32Array(1) }
}

/** What of a resumed work was done before. */
export interface DoneBefore {
  bytes: number
  tokens: number
  words: number
}

export interface JobOptions {
  label: string
  /** What happens once all text is read. */
  afterReading?: string
  progress?: ProgressOptions['mode']
  /** Aborted: the work ends soon, with an error; what it leaves is its own affair. */
  signal?: AbortSignal | undefined
  /** Bytes in all, where the work itself does not say. */
  total?: number
  before?: DoneBefore
  /** Whether the text is taken in words, whose tokens are worth showing. */
  inWords?: boolean
}

export interface JobResult<Result> {
  result: Result
  /** In all, and of them after the last byte was read. */
  seconds: number
  secondsAfterReading: number
}

/** `1.2M tokens/s | 1.31 tokens/word`, of what this run has made. */
function tokenDetails(made: { tokens: number; words: number }, seconds: number): string {
  if (made.tokens <= 0 || seconds <= 0) return ''
  const rate = `${formatCount(made.tokens / seconds)} tokens/s`
  return made.words > 0 ? `${rate} | ${(made.tokens / made.words).toFixed(2)} tokens/word` : rate
}

/** The result of `work` and the seconds it took. */
export async function runJob<Result>(
  options: JobOptions,
  work: (control: NativeControl) => Promise<Result>,
): Promise<JobResult<Result>> {
  const { before = { bytes: 0, tokens: 0, words: 0 } } = options
  const control = newControl()
  control.progress.set([before.bytes, options.total ?? 0, before.tokens, before.words])
  const stop = () => {
    Atomics.store(control.stop, 0, 1)
  }
  if (options.signal?.aborted) stop()
  options.signal?.addEventListener('abort', stop)
  const progress = new Progress({ label: options.label, unit: 'byte', mode: options.progress, initial: before.bytes })
  const started = performance.now()
  let allRead: number | undefined
  const show = () => {
    const [done = 0, total = 0, tokens = 0, words = 0] = control.progress
    if (total > 0 && done >= total) allRead ??= performance.now()
    const made = { tokens: tokens - before.tokens, words: options.inWords ? words - before.words : 0 }
    const details = tokenDetails(made, ((allRead ?? performance.now()) - started) / 1000)
    progress.update(done, total, (allRead === undefined ? undefined : options.afterReading) ?? details)
  }
  const timer = setInterval(show, 100)
  let completed = false
  try {
    const result = await work(control)
    show()
    completed = true
    const ended = performance.now()
    return {
      result,
      seconds: (ended - started) / 1000,
      secondsAfterReading: (ended - (allRead ?? ended)) / 1000,
    }
  } finally {
    clearInterval(timer)
    options.signal?.removeEventListener('abort', stop)
    progress.end(completed)
  }
}
