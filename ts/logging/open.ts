/** Opens the sinks of a run: the files of lines and the terminal always, those that the config key `logging` names. */
import type { ResolvedRun } from '../config/types.js'
import { type RecordBytes, RecordFiles } from './record_files.js'
import type { Sink } from './sink.js'
import { Sinks } from './sinks.js'
import { TensorBoard } from './tensorboard.js'
import type { TrainProgress } from './train_progress.js'
import { Wandb } from './wandb.js'

export interface OpenSinks {
  run: ResolvedRun
  /** Where the run goes on from, and the lengths of its files there. */
  step: number
  bytes: RecordBytes
  progress: TrainProgress
  more: Sink[]
}

/** AOT_IO when the files of lines cannot be opened. */
export function openSinks({ run, step, bytes, progress, more }: OpenSinks): Sinks {
  const print = (line: string) => progress.line(line)
  const makers: Record<ResolvedRun['config']['logging'][number], () => Sink> = {
    tensorboard: () => new TensorBoard(run),
    wandb: () => new Wandb({ run, print }),
  }
  const record = RecordFiles.open(run.runFolder, step, bytes)
  const others = [progress, ...[...new Set(run.config.logging)].map((name) => makers[name]()), ...more]
  return new Sinks({ record, others, print })
}
