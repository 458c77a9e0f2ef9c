/** What the queue needs to know of runs before any of them begins. */
import { fileURLToPath } from 'node:url'
import type { ResolvedRun } from '../config/types.js'
import { AotError } from '../errors.js'
import { findTokenFile } from '../train/dataset.js'
import { finishedRun } from '../train/finished.js'
import { memoryNeed } from './memory.js'
import type { QueueItem } from './queue.js'

export interface ItemOptions {
  /** The user's options that every run gets, as words. */
  shared: readonly string[]
  noStepPickup: boolean
  cooldownNow: boolean
}

const script = fileURLToPath(new URL('../../../bin/aot-train.js', import.meta.url))

/** @param runs the run as it would be at each place @throws AotError naming its config. */
export async function queueItem(
  runs: readonly ResolvedRun[],
  places: readonly string[][],
  { shared, ...options }: ItemOptions,
): Promise<QueueItem> {
  const [run] = runs as [ResolvedRun]
  try {
    const found = await Promise.all(runs.map((candidate) => finishedRun(candidate, options)))
    const finished = found.find((one) => one !== null) ?? null
    if (finished === null) findTokenFile(run.config.training_params.dataset_folder)
    const needs = runs.map((candidate, place) => memoryNeed(candidate, places[place] as string[]))
    return {
      name: run.runName,
      folder: run.runFolder,
      aggregate: run.config.training_params.aggregate,
      finished,
      needs,
      words: (place) => [script, ...shared, ...wordsOf(runs[place] as ResolvedRun)],
    }
  } catch (error) {
    throw error instanceof AotError ? new AotError(error.code, `${run.configPath}: ${error.message}`) : error
  }
}

function wordsOf({ configPath, device, threads, runName, projectName }: ResolvedRun): string[] {
  const words = [`--device=${device}`, `--run-name=${runName}`, `--project-name=${projectName}`]
  if (threads !== undefined) words.push(`--threads=${threads}`)
  return [...words, `--devices-per-run=${device.split(',').length}`, '--', configPath]
}
