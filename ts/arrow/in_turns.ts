/** Trains runs in this process on the same devices, a minibatch of each in turn, so that their curves grow together. */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { ioError, makeFolder } from '../checkpoints/durable.js'
import type { ResolvedRun, RunResult, RunWatcher } from '../config/types.js'
import { AotError } from '../errors.js'
import { nativeFor } from '../native.js'
import { trainRun } from '../train/run.js'
import { Turns } from '../train/turns.js'

export interface InTurnsOptions {
  signal: AbortSignal
  /** Told of the run with that index. */
  watcher(index: number): RunWatcher
}

/**
 * Resolves when all runs are at their end, or are stopped by the signal, with their state saved; what a run has to say
 * goes to log.txt of its folder. Where one fails the others save their state and stop; the error is that one's.
 */
export async function trainInTurns(
  runs: readonly ResolvedRun[],
  { signal, watcher }: InTurnsOptions,
): Promise<{ stopped: boolean }> {
  const turns = new Turns()
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  const members = runs.map((run) => ({ run, turn: turns.join() }))
  let first: unknown
  const trainings = members.map(async ({ run, turn }, index): Promise<RunResult | null> => {
    try {
      const surroundings = { native: nativeFor(run.device), print: await openLog(run.runFolder), terminal: null }
      const options = { noStepPickup: false, cooldownNow: false, signal: either, watcher: watcher(index), turn }
      return await trainRun(run, options, surroundings)
    } catch (error) {
      first ??= error instanceof AotError ? new AotError(error.code, `${run.runName}: ${error.message}`) : error
      failed.abort()
      return null
    } finally {
      turn.leave()
    }
  })
  const results = await Promise.all(trainings)
  if (first !== undefined) throw first
  return { stopped: results.some((result) => result?.stopped) }
}

/** Takes the lines of a run; as of a terminal that is gone, a fault of the log is no fault of the run. */
async function openLog(runFolder: string): Promise<(line: string) => void> {
  await makeFolder(runFolder).catch((error) => {
    throw ioError('create the run folder', runFolder, error)
  })
  const file = join(runFolder, 'log.txt')
  return (line) => {
    try {
      appendFileSync(file, `${line}\n`)
    } catch {
      // metrics.jsonl has everything that counts.
    }
  }
}
