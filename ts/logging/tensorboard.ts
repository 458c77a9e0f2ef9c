/**
 * tensorboard/ of a run folder: one event file with the scalars of metrics.jsonl, the texts of samples.jsonl and the
 * config as hyperparameters. Each start writes the file anew from the two files of lines, which were cut back to the
 * checkpoint: so nothing is in it twice, and what a killed process left half written is gone with the old file.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { ResolvedRun } from '../config/types.js'
import { JsonLinesReader } from './json_lines.js'
import type { MetricsLine } from './metrics_jsonl.js'
import type { Outcome, Sample, Sink } from './sink.js'
import { double, hparams, message, scalar, TfeventsWriter, text, textSample, whole } from './tfevents.js'

const eventFile = /^events\.out\.tfevents\.(\d{10,})\./
/** Not the name of an event file, so that TensorBoard does not read it before it is complete. */
const unfinished = 'next.tmp'

const status = { finished: 1, failed: 2, running: 3 }

export class TensorBoard implements Sink {
  readonly name = 'tensorboard'
  #writer: TfeventsWriter | undefined
  /** Of the last scalars: `epochs` and `ksamples` of a step are written once. */
  #step = -1

  constructor(private readonly run: ResolvedRun) {}

  start(): void {
    const folder = join(this.run.runFolder, 'tensorboard')
    mkdirSync(folder, { recursive: true })
    const older = readdirSync(folder).filter((name) => eventFile.test(name))
    const newest = Math.max(0, ...older.map((name) => Number(eventFile.exec(name)?.[1])))
    // A running TensorBoard goes on from one file to the next in the order of their names.
    const second = String(Math.max(Math.floor(Date.now() / 1000), newest + 1)).padStart(10, '0')
    rmSync(join(folder, unfinished), { force: true })
    this.#writer = new TfeventsWriter(join(folder, unfinished), Date.now() / 1000, 0)
    this.#writeStart()
    this.#replay()
    // An open TensorBoard finds the new file only from the old one, so that stays, empty, until the start after.
    for (const name of older) {
      if (statSync(join(folder, name)).size === 0) rmSync(join(folder, name))
      else truncateSync(join(folder, name))
    }
    renameSync(join(folder, unfinished), join(folder, `events.out.tfevents.${second}.${hostname()}.${process.pid}.0`))
  }

  train(line: MetricsLine): void {
    this.#scalars(line)
  }

  valid(line: MetricsLine): void {
    this.#scalars(line)
  }

  sample({ time, step, direction, text: sample }: Omit<Sample, 'quoted'>): void {
    const tag = direction == null ? 'gen_samples' : `gen_samples/${direction}`
    this.#writer?.write(time, step, [textSample(tag, sample)])
  }

  close({ kind, step }: Outcome): void {
    const now = Date.now() / 1000
    // A run that was stopped goes on one day.
    const end = message(4, whole(1, kind === 'stopped' ? status.running : status[kind]), double(2, now))
    this.#writer?.write(now, step, [hparams('_hparams_/session_end_info', end)])
    this.#writer?.close()
  }

  /** What the record holds of earlier starts. */
  #replay(): void {
    const timeOf = new Map<number, number>()
    for (const record of new JsonLinesReader(join(this.run.runFolder, 'metrics.jsonl')).rest()) {
      const line = record as MetricsLine
      timeOf.set(line.step, line.time)
      this.#scalars(line)
    }
    for (const line of new JsonLinesReader(join(this.run.runFolder, 'samples.jsonl')).rest()) {
      const { step, text: sample, direction } = line as unknown as Omit<Sample, 'time' | 'quoted'>
      this.sample({ step, text: sample, direction, time: timeOf.get(step) ?? 0 })
    }
  }

  #scalars({ step, time, ...values }: MetricsLine): void {
    const once = ['epochs', 'ksamples']
    const shown = Object.entries(values).filter(
      ([tag, value]) => typeof value === 'number' && !(step === this.#step && once.includes(tag)),
    )
    this.#writer?.write(
      time,
      step,
      shown.map(([tag, value]) => scalar(tag, value as number)),
    )
    this.#step = step
  }

  /** The config, flattened, as hyperparameters, and the losses as metrics to compare runs by. */
  #writeStart(): void {
    const { config, projectName, runName, device } = this.run
    const now = Date.now() / 1000
    const parameters = flatten({ ...config, device })
    const infos = parameters.map(([name, value]) => message(4, text(1, name), whole(4, dataType[kindOf(value)])))
    const metrics = ['loss/valid', 'loss/train_step'].map((tag) => message(5, message(1, text(2, tag))))
    const experiment = message(2, text(6, projectName), double(3, now), ...infos, ...metrics)
    const entries = parameters.map(([name, value]) => message(1, text(1, name), protoValue(value)))
    const start = message(3, ...entries, text(4, `${projectName}/${runName}`), double(5, now))
    this.#writer?.write(now, 0, [
      hparams('_hparams_/experiment', experiment),
      hparams('_hparams_/session_start_info', start),
    ])
  }
}

type Parameter = string | number | boolean

/** `section.key`; null and lists as text. */
function flatten(values: object, prefix = ''): [string, Parameter][] {
  return Object.entries(values).flatMap(([name, value]): [string, Parameter][] => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return flatten(value, `${prefix}${name}.`)
    const simple = typeof value === 'object' ? JSON.stringify(value) : value
    return [[prefix + name, simple as Parameter]]
  })
}

/** hparams' DataType. */
const dataType = { string: 1, boolean: 2, number: 3 }

function kindOf(value: Parameter): keyof typeof dataType {
  return typeof value as keyof typeof dataType
}

/** google.protobuf.Value, as the value of an entry of a map. */
function protoValue(value: Parameter): Buffer {
  if (typeof value === 'number') return message(2, double(2, value))
  if (typeof value === 'boolean') return message(2, whole(4, value ? 1 : 0))
  return message(2, text(3, value))
}
