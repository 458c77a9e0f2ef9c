/** Tells of the arrow while runs are trained, from what they have written so far. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { AotError } from '../errors.js'
import { analyse } from './analyse.js'
import { type RunRecord, readRun } from './read_run.js'
import { pointLine } from './text.js'

/** The runs of one seed. */
export interface LiveSeed {
  /** What its lines begin with. */
  label: string
  /** Of the run folders. */
  folders: string[]
}

interface Watched extends LiveSeed {
  /** Sizes of metrics.jsonl when it was read last. */
  sizes: string
  /** Of the last validation that was told. */
  step: number
}

export class LiveArrow {
  readonly #seeds: Watched[]

  /** What is there already is not told again. */
  constructor(
    seeds: readonly LiveSeed[],
    private readonly print: (line: string) => void,
  ) {
    this.#seeds = seeds.map((seed) => ({ ...seed, sizes: '', step: 0 }))
    this.#look(() => {})
  }

  /** Prints a line for each validation that all runs of a seed have made since. */
  look(): void {
    this.#look(this.print)
  }

  #look(print: (line: string) => void): void {
    for (const seed of this.#seeds) {
      const sizes = seed.folders.map(sizeOfMetrics).join()
      if (sizes === seed.sizes) continue
      seed.sizes = sizes
      for (const point of pointsOf(seed.folders)) {
        if (point.step <= seed.step) continue
        seed.step = point.step
        print(`${seed.label}${pointLine(point)}`)
      }
    }
  }
}

function sizeOfMetrics(folder: string): number {
  return statSync(join(folder, 'metrics.jsonl'), { throwIfNoEntry: false })?.size ?? 0
}

function pointsOf(folders: readonly string[]) {
  const runs: RunRecord[] = []
  for (const folder of folders) {
    try {
      runs.push(readRun(folder))
    } catch (error) {
      // Not begun, or not validated yet.
      if (!(error instanceof AotError)) throw error
    }
  }
  return analyse({ name: '', cell: {}, runs, sources: null, known: null })?.training ?? []
}
