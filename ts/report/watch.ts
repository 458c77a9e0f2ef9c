/** Follows run folders while they grow: what is found in them is read anew when a file has changed. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { comparisonFile } from '../arrow/comparison.js'
import type { ArrowResult } from '../arrow/types.js'
import { AotError } from '../errors.js'
import { findRuns, runFiles } from './find_runs.js'

/** Two looks at the folders with the same stamp found the same files. Never throws: a folder that has gone is a change too. */
function stampOf(paths: readonly string[]): string {
  try {
    const { comparisons, runs } = findRuns(paths)
    const files = [
      ...comparisons.map(({ folder }) => join(folder, comparisonFile)),
      ...[...runs, ...comparisons.flatMap(({ runs }) => runs)].flatMap((run) =>
        runFiles.map((name) => join(run, name)),
      ),
    ]
    return files
      .map((file) => {
        const status = statSync(file, { throwIfNoEntry: false })
        return `${file} ${status?.size} ${status?.mtimeMs} ${status?.ino}`
      })
      .join('\n')
  } catch (error) {
    return String(error)
  }
}

export interface WatchOptions {
  collect: () => ArrowResult[]
  /** Given the results each time that something has changed. */
  changed: (results: ArrowResult[]) => void
  /** Told in a line, once for as long as it stays the same, what stands in the way; the results from before stay. */
  trouble: (line: string) => void
  /** A mistake of ours: nothing is looked at any more. */
  failed: (error: unknown) => void
  /** Between two looks. fs.watch tells nothing on many network file systems, where runs often lie. */
  milliseconds?: number
}

export class Watch {
  #stamp: string | null = null
  #trouble = ''
  #timer: NodeJS.Timeout | undefined

  constructor(
    private readonly paths: readonly string[],
    private readonly options: WatchOptions,
  ) {}

  /** Reads at once, then whenever something has changed, until stop(). */
  start(): void {
    const began = performance.now()
    try {
      this.#look()
    } catch (error) {
      this.options.failed(error)
      return
    }
    const took = performance.now() - began
    // Half of the time at most goes into reading: who asks for the page must be answered too.
    this.#timer = setTimeout(() => this.start(), Math.max(this.options.milliseconds ?? 1000, took))
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #look(): void {
    const stamp = stampOf(this.paths)
    if (stamp === this.#stamp) return
    // Before it is read: what changes meanwhile is seen at the next look.
    this.#stamp = stamp
    try {
      const results = this.options.collect()
      this.#trouble = ''
      this.options.changed(results)
    } catch (error) {
      if (!(error instanceof AotError)) throw error
      if (error.message !== this.#trouble) this.options.trouble(error.message)
      this.#trouble = error.message
    }
  }
}
