/**
 * Several processes that train one run together: each makes the same steps at the same time, the first keeps the run
 * folder and speaks.
 */
import type { CheckpointStore } from '../checkpoints/store.js'
import type { ResolvedRun, TrainWorld } from '../config/types.js'
import { AotError } from '../errors.js'
import { noRecord } from '../logging/record_files.js'
import type { Sinks } from '../logging/sinks.js'
import type { TrainProgress } from '../logging/train_progress.js'
import { type DatasetIdentity, datasetMismatch } from './dataset.js'
import { configHash, parseState, type TrainerState } from './state.js'

/** This process, which works alone. */
export const alone: TrainWorld = {
  rank: 0,
  size: 1,
  members: [{ host: 'localhost', process: process.pid }],
  broadcast: async (text) => text ?? '',
  allGather: async (text) => [text],
}

/** Where the first process found the run, for the others to begin from. */
export interface Beginning {
  step: number
  before: TrainerState | null
  dataset: DatasetIdentity
}

/** Tells the others where the run begins. */
export async function tellBeginning(world: TrainWorld, run: ResolvedRun, beginning: Beginning): Promise<void> {
  await world.broadcast(JSON.stringify({ ...beginning, config: configHash(run) }))
}

/** @throws AotError AOT_CONFIG when this process was given another config than the first. */
export async function hearBeginning(world: TrainWorld, run: ResolvedRun): Promise<Beginning> {
  const { config, step, before, dataset } = JSON.parse(await world.broadcast(null))
  if (config !== configHash(run)) {
    throw new AotError(
      'AOT_CONFIG',
      `${run.configPath} is another config on ${where(world)} than for the first process: give all processes the same file and options`,
    )
  }
  return { step, before: before === null ? null : parseState(run.runFolder, before), dataset }
}

/** AOT_DATA when this process has another token file than the first. */
export function checkSameDataset(world: TrainWorld, path: string, first: DatasetIdentity, here: DatasetIdentity): void {
  const difference = datasetMismatch(first, here)
  if (difference === null) return
  throw new AotError(
    'AOT_DATA',
    `${path} on ${where(world)} is not the token file of the first process (${difference}): copy that one there`,
  )
}

function where({ rank, members }: TrainWorld): string {
  return `process ${rank} (${members[rank]?.host})`
}

/** Whether to stop: in several processes as soon as one of them was told to, at the same place in all. */
export class StopVote {
  private decided = false

  constructor(
    private readonly world: TrainWorld,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /** All processes ask at the same places. */
  async stop(): Promise<boolean> {
    if (this.decided) return true
    const wanted = this.signal?.aborted === true
    this.decided = this.world.size === 1 ? wanted : (await this.world.allGather(wanted ? 'stop' : '')).includes('stop')
    return this.decided
  }
}

/** What stands for the files and lines of the run in every process but the first. */
export const silentSinks: Pick<Sinks, 'bytes' | 'train' | 'valid' | 'sample' | 'sync'> = {
  bytes: noRecord,
  train() {},
  valid() {},
  sample() {},
  sync() {},
}

export const silentProgress: Pick<TrainProgress, 'stepped'> = { stepped() {} }

/** Takes part in the first process's saves: the engine has what only this process holds. */
export class DistantStore implements Pick<CheckpointStore, 'newestStep' | 'save' | 'backup'> {
  constructor(public newestStep: number | null) {}

  async save(step: number, write: (folder: string) => Promise<void>): Promise<void> {
    await write('')
    this.newestStep = step
  }

  async backup(): Promise<void> {}
}
