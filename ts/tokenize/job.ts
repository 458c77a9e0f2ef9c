/** Runs native work on files with a progress display, and stops it on request. */
import type { ProgressOptions } from '../logging/progress.js'
import { Progress } from '../logging/progress.js'
import type { NativeControl } from '../native.js'

export function newControl(): NativeControl {
  return { progress: new Float64Array(4), stop: new Int32Array(1) }
}

export interface JobOptions {
  label: string
  /** What happens once all text is read. */
  afterReading?: string
  progress?: ProgressOptions['mode']
  /** Aborted: the work ends soon, with an error, and leaves nothing behind. */
  signal?: AbortSignal | undefined
}

/** The result of `work` and the seconds it took. */
export async function runJob<Result>(
  options: JobOptions,
  work: (control: NativeControl) => Promise<Result>,
): Promise<{ result: Result; seconds: number }> {
  const control = newControl()
  const stop = () => {
    Atomics.store(control.stop, 0, 1)
  }
  if (options.signal?.aborted) stop()
  options.signal?.addEventListener('abort', stop)
  const progress = new Progress({ label: options.label, unit: 'byte', mode: options.progress })
  const show = () => {
    const [done = 0, total = 0] = control.progress
    progress.update(done, total, total > 0 && done >= total ? (options.afterReading ?? '') : '')
  }
  const timer = setInterval(show, 100)
  const started = performance.now()
  let completed = false
  try {
    const result = await work(control)
    show()
    completed = true
    return { result, seconds: (performance.now() - started) / 1000 }
  } finally {
    clearInterval(timer)
    options.signal?.removeEventListener('abort', stop)
    progress.end(completed)
  }
}
