/** What a checkpoint says of the training beside the engine's own files, and whether a config may go on from it. */
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { ResolvedRun } from '../config/types.js'
import { AotError } from '../errors.js'
import { type DatasetIdentity, datasetMismatch } from './dataset.js'

const count = z.int().nonnegative()
const number = z.number()

/** The `state` of trainer.json. */
const stateSchema = z.strictObject({
  /** Done so far. */
  optimizer_steps: count,
  samples: count,
  tokens: count,
  /** Since the last line of metrics: the sum of the losses of so many minibatches. */
  loss_sum: number,
  loss_count: count,
  /** Of the last optimizer step; null before the first. */
  lr: number.nullable(),
  grad_norm: number.nullable(),
  /** The step of the last validation; 0 before the first. */
  validated_step: count,
  /** Lengths of the files of lines. */
  metrics_bytes: count,
  samples_bytes: count,
  /** Checkpoints of before the file was know none. */
  valid_windows_bytes: count.default(0),
  plan: z.strictObject({
    steps: count,
    cooldownStart: count,
    cooldownSteps: count,
    wanted: z.strictObject({ stepsToTrain: count, cooldownFinish: number }),
    cooldownNow: z.boolean(),
  }),
  dataset: z.strictObject({ tokens: count, fingerprint: z.string(), maxId: count }),
  /** Config keys that a run cannot change on its way. */
  fixed: z.record(z.string(), z.unknown()),
  config_sha256: z.string(),
})

export type TrainerState = z.infer<typeof stateSchema>

/** AOT_DATA when it is not the state of a trainer of this version. */
export function parseState(folder: string, state: unknown): TrainerState {
  const { success, data, error } = stateSchema.safeParse(state)
  if (success) return data
  const where = error.issues[0]?.path.join('.') ?? ''
  throw new AotError(
    'AOT_DATA',
    `${folder}/trainer.json is not of this version of arrows-of-time (${where}): give another --run-name to start anew`,
  )
}

export function configHash(run: ResolvedRun): string {
  return createHash('sha256').update(JSON.stringify(run.config)).digest('hex')
}

/** The keys that decide weights, windows and their order: a run that changed one on its way would be neither. */
export function fixedKeys(run: ResolvedRun): Record<string, unknown> {
  const { config, direction, windows, validBatchSize } = run
  const training = config.training_params
  const fixed: Record<string, unknown> = {
    model: config.model,
    precision: config.precision,
    seed: config.seed,
    split: config.split,
    'training_params.batch_size': training.batch_size,
    'training_params.aggregate': training.aggregate,
    'training_params.backwards': direction.kind === 'permutation' ? null : direction.kind,
    'training_params.permutation': direction.kind === 'permutation' ? direction.permutation : null,
    'training_params.stride': windows.stride,
    'training_params.fast_scrambling': training.fast_scrambling,
    // Together they say which windows are kept from training.
    'training_params.valid_steps x val_batch_size': training.valid_steps * validBatchSize,
  }
  for (const [key, value] of Object.entries(config.model_params)) fixed[`model_params.${key}`] = value
  return fixed
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'absent'
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

const anew = 'give another --run-name to start anew'

/** AOT_CONFIG naming the first key in which the config differs from that of the checkpoint. */
export function checkFixedKeys(runFolder: string, before: Record<string, unknown>, now: Record<string, unknown>): void {
  for (const key of new Set([...Object.keys(before), ...Object.keys(now)])) {
    const [old, given] = [shown(before[key]), shown(now[key])]
    if (JSON.stringify(before[key]) === JSON.stringify(now[key])) continue
    throw new AotError(
      'AOT_CONFIG',
      `${key} is ${given}, but the run in ${runFolder} was begun with ${old}: set it back, or ${anew}`,
    )
  }
}

/** AOT_CONFIG when the token file is not the one that the run was begun on. */
export function checkDataset(runFolder: string, path: string, before: DatasetIdentity, now: DatasetIdentity): void {
  const how = datasetMismatch(before, now)
  if (how === null) return
  throw new AotError(
    'AOT_CONFIG',
    `training_params.dataset_folder: ${path} is not the file that the run in ${runFolder} was begun on (${how}): name that one, or ${anew}`,
  )
}
