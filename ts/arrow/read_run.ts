/** A run folder as a comparison needs it, also while the run is being trained. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ioError } from '../checkpoints/durable.js'
import { loadConfigFile } from '../config/load.js'
import { resolveRun } from '../config/resolve.js'
import type { Config, ResolvedConfig, ResolvedRun } from '../config/types.js'
import { AotError } from '../errors.js'
import { readValidWindows, type ValidWindows } from '../logging/valid_windows_jsonl.js'
import type { DatasetIdentity } from '../train/dataset.js'
import { configHash } from '../train/state.js'
import { lookAtState } from './run_state.js'
import type { DirectionName } from './types.js'

/** A validation as metrics.jsonl has it. */
export interface ValidRecord {
  step: number
  /** Nats per token. */
  loss: number
  bitsPerByte: number | null
  /** Mean nats at each position of the trained sequence. */
  lossByPosition: number[]
}

export interface RunRecord {
  folder: string
  direction: DirectionName
  seed: number
  config: ResolvedConfig
  /** What the config says, resolved; its device is the cpu, its folder that of save_loc. */
  run: ResolvedRun
  /** Minibatches at the last line of metrics.jsonl. */
  step: number
  /** Minibatches that it is to have in the end; null before its first checkpoint. */
  total: number | null
  /** Trained, validated and saved to its end. */
  finished: boolean
  /** [minibatches, nats per token] */
  train: [step: number, loss: number][]
  /** At least one. */
  valid: ValidRecord[]
  /** null for runs that did not keep them. */
  windows: ValidWindows | null
  /** Of the model; null before the first checkpoint. */
  parameters: number | null
  /** null before the first checkpoint. */
  dataset: DatasetIdentity | null
}

/** The name of the direction that a config trains; null in FW+BW mode. A list goes by a digest of its places. */
export function directionName({ training_params: { backwards, permutation } }: Config): DirectionName | null {
  if (typeof permutation === 'string') return permutation.trim()
  if (permutation !== null) {
    return `permutation(${createHash('sha256').update(permutation.join()).digest('hex').slice(0, 8)})`
  }
  return backwards === null ? null : backwards ? 'backward' : 'forward'
}

/**
 * Reads a run folder. Lines that are being written are left for the next time.
 * @throws AotError AOT_IO when it is no run folder, AOT_CONFIG when its run cannot be compared, AOT_DATA when a file is
 * damaged or there is no validation yet.
 */
export function readRun(folder: string): RunRecord {
  const configPath = join(folder, 'config.json')
  if (!existsSync(configPath)) {
    throw new AotError(
      'AOT_IO',
      `${folder} is no run folder, it holds no config.json: name the folder of a run, as runs/<project>/<run>`,
    )
  }
  const run = resolveRun(loadConfigFile(configPath), { configPath, device: 'cpu' })
  const direction = directionName(run.config)
  if (direction === null) {
    throw new AotError(
      'AOT_CONFIG',
      `${folder} was trained in FW+BW mode: its two directions see different windows and share one model, so they make no pair; train one with backwards=false and one with backwards=true`,
    )
  }
  const metrics = readMetrics(join(folder, 'metrics.jsonl'))
  if (metrics.valid.length === 0) {
    throw new AotError('AOT_DATA', `${folder} has no validation yet: let the run go on until it has one`)
  }
  const state = lookAtState(folder)
  const isOver = state !== null && state.step === state.state.plan.steps && state.state.validated_step === state.step
  return {
    ...{ folder, direction, seed: run.config.seed, config: run.config, run, ...metrics },
    total: state?.state.plan.steps ?? null,
    finished: isOver && state.state.config_sha256 === configHash(run),
    windows: readWindows(folder),
    parameters: state?.parameters ?? null,
    dataset: state?.state.dataset ?? null,
  }
}

type Metrics = Pick<RunRecord, 'step' | 'train' | 'valid'>

/** Empty where there is no such file yet. */
function readMetrics(path: string): Metrics {
  const metrics: Metrics = { step: 0, train: [], valid: [] }
  if (!existsSync(path)) return metrics
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw ioError('read', path, error)
  }
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n')
  for (const [index, line] of lines.slice(0, -1).entries()) addLine(metrics, line, `${path}:${index + 1}`)
  return metrics
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(Number.isFinite)
}

function addLine(metrics: Metrics, line: string, place: string): void {
  const damaged = new AotError(
    'AOT_DATA',
    `${place} is damaged, it is no line of metrics: bring the file back from a copy, or leave this run out`,
  )
  let record: Record<string, unknown>
  try {
    record = JSON.parse(line)
  } catch {
    throw damaged
  }
  const { step, ...values } = record ?? {}
  if (typeof step !== 'number' || step < metrics.step) throw damaged
  metrics.step = step
  const trained = values['loss/train_step']
  if (typeof trained === 'number') metrics.train.push([step, trained])
  const loss = values['loss/valid']
  if (loss === undefined) return
  const lossByPosition = values['loss/valid_by_position']
  if (typeof loss !== 'number' || !Number.isFinite(loss) || !isNumbers(lossByPosition)) throw damaged
  const bits = values['bits_per_byte/valid']
  metrics.valid.push({ step, loss, bitsPerByte: typeof bits === 'number' ? bits : null, lossByPosition })
}

function readWindows(folder: string): ValidWindows | null {
  const damaged = () =>
    new AotError(
      'AOT_DATA',
      `${join(folder, 'valid_windows.jsonl')} is damaged: bring it back from a copy, or remove it to compare without intervals`,
    )
  let found: ValidWindows | null
  try {
    found = readValidWindows(folder)
  } catch {
    throw damaged()
  }
  const isWhole = found?.validations.every(
    ({ step, losses }) =>
      typeof step === 'number' && losses.length === found.windows.length && losses.every(Number.isFinite),
  )
  if (isWhole === false) throw damaged()
  return found
}
