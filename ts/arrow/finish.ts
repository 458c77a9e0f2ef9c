/** From trained runs to results: what they wrote, and what their models say of single tokens. */
import { readKnown } from '../synth/known.js'
import { analyse } from './analyse.js'
import { resultsIn } from './comparison.js'
import { checkSame } from './groups.js'
import type { ArrowPlan, PlannedCell } from './plan.js'
import { type RunRecord, readRun } from './read_run.js'
import { findSources } from './sources.js'
import type { ArrowResult, Sources } from './types.js'

export interface FinishOptions {
  device: string
  threads: number | undefined
  signal: AbortSignal
  /** Takes lines for the user. */
  say(line: string): void
}

/**
 * Results of the cells that have a forward and a backward run with a common validation; the others are told of.
 * @throws AotError AOT_CONFIG when runs of a cell were trained on different data: a run at its end is not trained again when
 * the file is another by then.
 */
export async function finishArrow(plan: ArrowPlan, options: FinishOptions): Promise<ArrowResult[]> {
  const before = resultsIn(plan.folder)
  const results: ArrowResult[] = []
  for (const cell of plan.cells) {
    const runs = recordsOf(cell, options.say)
    checkSame(runs)
    const planned = cell.seeds.flat().length
    const found = await resultOf({ name: cell.name, cell: cell.cell.values, runs, planned }, before, options)
    if (found === null)
      options.say(`${cell.name}: nothing to compare: forward and backward have no validation in common`)
    else results.push(found)
  }
  return results
}

function recordsOf(cell: PlannedCell, say: (line: string) => void): RunRecord[] {
  const records: RunRecord[] = []
  for (const run of cell.seeds.flat()) {
    const { runFolder } = run.on('cpu')
    try {
      records.push(readRun(runFolder))
    } catch (error) {
      say(`${cell.name}: ${(error as Error).message}`)
    }
  }
  return records
}

/**
 * One comparison, of `planned` runs (default: those given). What was found of the tokens before is kept where the runs are at
 * the same step; it is looked for when all that are there have been trained to their end.
 */
export async function resultOf(
  { name, cell, runs, planned }: { name: string; cell: ArrowResult['cell']; runs: RunRecord[]; planned?: number },
  before: readonly ArrowResult[],
  options: FinishOptions,
): Promise<ArrowResult | null> {
  const data = runs[0]?.config.training_params.dataset_folder
  const known = data === undefined ? null : readKnown(data)
  const result = analyse({ name, cell, runs, planned, sources: null, known })
  if (result === null || !runs.every(({ finished }) => finished)) return result
  return { ...result, sources: sourcesBefore(result, before) ?? (await sourcesOf(name, runs, options)) }
}

async function sourcesOf(name: string, runs: RunRecord[], { device, threads, signal, say }: FinishOptions) {
  say(`${name}: looking where the difference comes from`)
  return findSources(runs, { device, threads, signal })
}

function sourcesBefore(result: ArrowResult, before: readonly ArrowResult[]): Sources | null {
  const state = ({ runs }: ArrowResult) => JSON.stringify(runs.map(({ folder, step, seed }) => [folder, step, seed]))
  return before.find((one) => state(one) === state(result))?.sources ?? null
}

/** null when the signal ended the work. */
export async function unlessStopped<Result>(signal: AbortSignal, work: Promise<Result>): Promise<Result | null> {
  try {
    return await work
  } catch (error) {
    if (!signal.aborted) throw error
    return null
  }
}
