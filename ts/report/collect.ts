/** From folders to the comparisons in them: those that aot-arrow finished as it left them, the others from their runs. */
import { statSync } from 'node:fs'
import { join, resolve, sep } from 'node:path'
import { analyse } from '../arrow/analyse.js'
import { comparisonFile, readComparison } from '../arrow/comparison.js'
import { groupRuns } from '../arrow/groups.js'
import { type RunRecord, readRun } from '../arrow/read_run.js'
import type { ArrowResult, ArrowRun } from '../arrow/types.js'
import { AotError } from '../errors.js'
import { readKnown } from '../synth/known.js'
import { type Found, findRuns, runFiles } from './find_runs.js'
import { cellOf, nameOf } from './names.js'

/** @param note told, in a line each, what is left out and why */
export function collect(paths: readonly string[], note: (line: string) => void = () => {}): ArrowResult[] {
  return new Collector(paths, note).collect()
}

/** Reads the same paths again and again; what has not changed since is neither read nor computed anew. */
export class Collector {
  readonly #records = new Map<string, { stamp: string; record: RunRecord }>()
  readonly #results = new Map<string, { records: readonly RunRecord[]; result: ArrowResult | null }>()

  constructor(
    private readonly paths: readonly string[],
    /** Told, in a line each, what is left out and why. */
    private readonly note: (line: string) => void,
  ) {}

  /** @throws AotError when nothing can be compared, with what is missing. */
  collect(): ArrowResult[] {
    const left: string[] = []
    const { comparisons, runs } = findRuns(this.paths)
    const compared = comparisons.flatMap((comparison) => this.#comparison(comparison, left))
    // A comparison of finished runs lies apart from them.
    const told = new Set(compared.flatMap(({ runs }) => runs.map(({ folder }) => resolve(folder))))
    const others = runs.filter((run) => !told.has(resolve(run)))
    const results = [...compared, ...this.#live(others, left)]
    const [why = 'a run folder holds config.json and metrics.jsonl; aot-arrow trains a pair'] = left
    if (results.length === 0) throw new AotError('AOT_DATA', `nothing to compare in ${this.paths.join(', ')}: ${why}`)
    for (const line of left) this.note(line)
    return results
  }

  /** As arrow.json has it when nothing came after it; else from the runs, with what only aot-arrow finds out. */
  #comparison({ folder, runs }: Found['comparisons'][number], left: string[]): ArrowResult[] {
    const path = join(folder, comparisonFile)
    const kept = readComparison(path)
    const written = statSync(path).mtimeMs
    const isNewest = kept.every(({ finished }) => finished) && runs.every((run) => changedAt(run) <= written)
    if (runs.length === 0 || isNewest) return kept
    return this.#live(runs, left).map((result) => withKept(result, kept))
  }

  #live(folders: readonly string[], left: string[]): ArrowResult[] {
    const records = folders.flatMap((folder) => this.#record(folder, left))
    return groupRuns(records).flatMap((runs) => {
      const result = this.#analysed(runs)
      if (result === null) left.push(`${runs.map(({ folder }) => folder).join(', ')}: ${whyAlone(runs)}`)
      return result ?? []
    })
  }

  #record(folder: string, left: string[]): RunRecord[] {
    const stamp = fileStamps(folder).join()
    const before = this.#records.get(folder)
    if (before?.stamp === stamp) return [before.record]
    try {
      const record = readRun(folder)
      this.#records.set(folder, { stamp, record })
      return [record]
    } catch (error) {
      if (!(error instanceof AotError)) throw error
      left.push(error.message)
      return []
    }
  }

  #analysed(runs: RunRecord[]): ArrowResult | null {
    const key = runs.map(({ folder }) => folder).join('\n')
    const before = this.#results.get(key)
    if (before?.records.every((record, index) => record === runs[index])) return before.result
    const known = readKnown((runs[0] as RunRecord).config.training_params.dataset_folder)
    const result = analyse({ name: nameOf(runs), cell: cellOf(runs), runs, sources: null, known })
    this.#results.set(key, { records: runs, result })
    return result
  }
}

function whyAlone(runs: readonly RunRecord[]): string {
  const directions = new Set(runs.map(({ direction }) => direction))
  const missing = ['forward', 'backward'].find((name) => !directions.has(name))
  return missing === undefined
    ? 'forward and backward have no validation in common yet'
    : `there is no ${missing} run of the same config beside it`
}

/** Name, cell and sources are those of arrow.json where it knows the runs; sources only at the same steps. */
function withKept(result: ArrowResult, kept: readonly ArrowResult[]): ArrowResult {
  const runKey = ({ folder, direction, seed }: ArrowRun) => [tail(folder), direction, seed].join()
  const places = result.runs.map(runKey)
  const before = kept.find(({ runs }) => runs.some((run) => places.includes(runKey(run))))
  if (before === undefined) return result
  const state = ({ runs }: ArrowResult) => JSON.stringify(runs.map((run) => [runKey(run), run.step]).sort())
  return {
    ...result,
    name: before.name,
    cell: before.cell,
    sources: state(before) === state(result) ? before.sources : null,
  }
}

/** Cell and run: the comparison may have been moved, or is seen from another folder. */
function tail(folder: string): string {
  const parts = resolve(folder).split(sep)
  return parts.slice(-2).join(sep)
}

function statuses(run: string) {
  return runFiles.map((name) => statSync(join(run, name), { throwIfNoEntry: false }))
}

/** Two reads of the run with the same stamps find the same. */
function fileStamps(run: string): string[] {
  return statuses(run).map((status) => `${status?.size} ${status?.mtimeMs} ${status?.ino}`)
}

/** When the figures of the run were written last, in milliseconds since 1970. */
function changedAt(run: string): number {
  return Math.max(...statuses(run).map((status) => status?.mtimeMs ?? 0))
}
