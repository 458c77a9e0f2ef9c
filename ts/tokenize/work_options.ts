/** What every long work on a corpus takes, and how it says that it was stopped. */
import type { ProgressOptions } from '../logging/progress.js'

export interface WorkOptions {
  /** Default: all processors. */
  threads?: number | undefined
  progress?: ProgressOptions['mode']
  /** Aborted: the work ends soon, with an error. */
  signal?: AbortSignal | undefined
}

/** What a stopped work says of itself: what it has left, and how to go on. */
export class Stopped extends Error {
  constructor(readonly left: string) {
    super(`stopped; ${left}`)
  }
}
