/** Whether a run has nothing left to do, by its files alone: no engine, no lock, no data is touched. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { peekNewest } from '../checkpoints/store.js'
import type { ResolvedRun, RunOptions } from '../config/types.js'
import { AotError } from '../errors.js'
import { configHash, parseState, type TrainerState } from './state.js'

export interface Finished {
  step: number
  /** Nats per token, of the last validation. */
  validLoss: number
}

/**
 * What the run ended with, when a start of it with these options would train and validate nothing; null otherwise, also
 * where its state cannot be read: what is wrong with it, a start of the run says.
 */
export async function finishedRun(
  run: ResolvedRun,
  { noStepPickup, cooldownNow }: Pick<RunOptions, 'noStepPickup' | 'cooldownNow'>,
): Promise<Finished | null> {
  if (noStepPickup) return null // trains more, however much there was
  const checkpoint = await peekNewest(join(run.runFolder, 'state'))
  if (checkpoint === null) return null
  const { step } = checkpoint
  let state: TrainerState
  try {
    state = parseState(checkpoint.folder, checkpoint.state)
  } catch (error) {
    if (error instanceof AotError) return null
    throw error
  }
  const isOver = step === state.plan.steps && state.validated_step === step && state.config_sha256 === configHash(run)
  if (!isOver || (cooldownNow && !state.plan.cooldownNow)) return null
  const validLoss = await lastValidation(run.runFolder, step)
  return validLoss === null ? null : { step, validLoss }
}

/** The loss that metrics.jsonl has of a step's validation. */
async function lastValidation(runFolder: string, step: number): Promise<number | null> {
  const text = await readFile(join(runFolder, 'metrics.jsonl'), 'utf8').catch(() => '')
  for (const line of text.split('\n').reverse()) {
    if (!line.includes('"loss/valid"')) continue
    try {
      const record = JSON.parse(line)
      if (record.step === step && typeof record['loss/valid'] === 'number') return record['loss/valid']
    } catch {
      // A line that a kill cut off.
    }
  }
  return null
}
