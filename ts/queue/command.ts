/** aot-train with several configs. */
import { fileURLToPath } from 'node:url'
import { terminalStyle } from '../bench/columns.js'
import type { ResolvedRun } from '../config/types.js'
import { AotError } from '../errors.js'
import { ensureSynth } from '../synth/ensure.js'
import { findTokenFile } from '../train/dataset.js'
import { finishedRun } from '../train/finished.js'
import { freeMemory, memoryNeed } from './memory.js'
import { Queue, type QueueItem } from './queue.js'
import { queueStatus, summaryTable } from './summary.js'

export interface QueueCommand {
  /** Each run as it would be at each place. */
  candidates: ResolvedRun[][]
  places: string[][]
  /** The user's options that every run gets, as words. */
  shared: readonly string[]
  noStepPickup: boolean
  cooldownNow: boolean
}

const script = fileURLToPath(new URL('../../../bin/aot-train.js', import.meta.url))

/** @throws AotError for everything that can be seen before the first run begins. */
export async function queueCommand({ candidates, places, shared, ...options }: QueueCommand): Promise<void> {
  const devices = places.flat()
  await freeMemory(devices) // asks whether they are there
  const items: QueueItem[] = []
  for (const runs of candidates) items.push(await itemOf(runs, places, shared, options))
  const queue = new Queue({ items, places, freeMemory: () => freeMemory(devices), stream: process.stderr })
  const release = stopQueueOnSignals(queue)
  try {
    await queue.run()
  } finally {
    release()
  }
  process.stdout.write(`${summaryTable(queue.runs, terminalStyle(process.stdout))}\n`)
  process.exitCode ??= queueStatus(queue.runs)
}

async function itemOf(
  runs: readonly ResolvedRun[],
  places: readonly string[][],
  shared: readonly string[],
  options: { noStepPickup: boolean; cooldownNow: boolean },
): Promise<QueueItem> {
  const [run] = runs as [ResolvedRun]
  try {
    const found = await Promise.all(runs.map((candidate) => finishedRun(candidate, options)))
    const finished = found.find((one) => one !== null) ?? null
    if (finished === null) {
      await ensureSynth(run.config, { print: (line) => process.stderr.write(`aot-train: ${line}\n`) })
      findTokenFile(run.config.training_params.dataset_folder)
    }
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

/** Gives what takes the listeners away again. */
function stopQueueOnSignals(queue: Queue): () => void {
  const status = { SIGINT: 130, SIGTERM: 143 }
  let told = 0
  const onSignal = (signal: NodeJS.Signals) => {
    told++
    process.exitCode = status[signal as keyof typeof status]
    if (told === 1) {
      queue.log(
        'aot-train: stopping: the runs save their state, and the same command goes on; ^C again ends them at once',
      )
      queue.stop()
    } else {
      queue.kill()
    }
  }
  for (const name of Object.keys(status)) process.on(name, onSignal)
  return () => {
    for (const name of Object.keys(status)) process.removeListener(name, onSignal)
  }
}
