/** Opens the sinks of a run: the files of lines and the terminal always, those that the config key `logging` names. */
import type { ResolvedRun } from '../config/types.js'
import { MetricsJsonl } from './metrics_jsonl.js'
import { SamplesJsonl } from './samples_jsonl.js'
import type { Sink } from './sink.js'
import { Sinks } from './sinks.js'
import { TensorBoard } from './tensorboard.js'
import type { TrainProgress } from './train_progress.js'
import { Wandb } from './wandb.js'

export interface OpenSinks {
  run: ResolvedRun
  /** Where the run goes on from, and the lengths of the two files there. */
  step: number
  bytes: { metrics: number; samples: number }
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
  const metrics = new MetricsJsonl(run.runFolder, { step, bytes: bytes.metrics })
  const samples = new SamplesJsonl(run.runFolder, { step, bytes: bytes.samples })
  const others = [progress, ...[...new Set(run.config.logging)].map((name) => makers[name]()), ...more]
  return new Sinks({ metrics, samples, others, print })
}
