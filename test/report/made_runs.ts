/** Run folders with made-up numbers, written by what writes those of real runs. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { MetricsJsonl } from '../../ts/logging/metrics_jsonl.js'
import { ValidWindowsJsonl } from '../../ts/logging/valid_windows_jsonl.js'
import { makeRun, type Settings } from '../train/runs.js'

export const windowCount = 320
export const attnLength = 8

export interface MadeRun {
  direction: 'forward' | 'backward' | 'middle_out'
  seed: number
  /** Minibatches at each validation. */
  steps: readonly number[]
  /** As makeRun() takes them. */
  settings?: Settings
}

export function temporaryFolder(t: Pick<ExecutionContext, 'teardown'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'aot-report-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Of one window at a step, nats per token: it falls, and backward and long windows are a bit worse. */
function lossOf({ direction, seed, settings }: MadeRun, step: number, window: number): number {
  const noise = (key: number) => (Math.abs(Math.sin(12.9898 * key + 78.233 * window) * 43758.5453) % 1) - 0.5
  const penalty = { forward: 0, backward: 0.05, middle_out: 0.3 }[direction]
  const isGru = settings?.model === 'gru'
  const length = Number(settings?.['model_params.attn_length'] ?? attnLength)
  return (
    2 +
    20 / (step + 10) -
    length / 100 +
    (isGru ? 0.1 : 0) +
    penalty +
    noise(1) +
    0.02 * noise(seed + penalty + step + length)
  )
}

const place = (step: number) => ({ step, epochs: step / 100, ksamples: step / 500 })

const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length

/** One line of training in metrics.jsonl. */
export function appendTraining(folder: string, bytes: number, step: number, loss: number): number {
  const metrics = new MetricsJsonl(folder, { step: Number.MAX_SAFE_INTEGER, bytes })
  metrics.train(place(step), { loss, lr: 0.001, gradNorm: 1, tokensPerSecond: 5000 })
  metrics.close()
  return metrics.bytes
}

/** Writes the whole folder anew, up to the last of its steps. Returns the loss of the last validation. */
export function writeRun(folder: string, run: MadeRun): number {
  const { direction, seed, steps, settings } = run
  mkdirSync(folder, { recursive: true })
  const isPair = direction !== 'middle_out'
  const { config, configPath } = makeRun(dirname(folder), {
    dataset_folder: 'text.h5',
    backwards: direction === 'backward',
    ...(isPair ? {} : { permutation: direction }),
    seed,
    steps_to_train: 40,
    'model_params.attn_length': attnLength,
    ...settings,
  })
  rmSync(configPath)
  writeFileSync(join(folder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`)
  const start = { step: 0, bytes: 0 }
  const metrics = new MetricsJsonl(folder, start)
  const windows = new ValidWindowsJsonl(folder, start)
  const numbers = Float64Array.from({ length: windowCount }, (_, index) => 3 * index)
  let loss = Number.NaN
  for (const step of steps) {
    const losses = Float64Array.from({ length: windowCount }, (_, window) => lossOf(run, step, window))
    loss = mean(losses)
    metrics.train(place(step), { loss: loss + 0.01, lr: 0.001, gradNorm: 1, tokensPerSecond: 5000 })
    const lossByPosition = Float64Array.from({ length: config.model_params.attn_length }, (_, i) => loss + 1 / (i + 1))
    const perWindow = { windowLosses: losses, windows: numbers }
    metrics.valid(place(step), { loss, lossByPosition, bitsPerByte: loss / 3, lossByDirection: null, ...perWindow })
    windows.valid(step, losses, numbers)
  }
  metrics.close()
  windows.close()
  return loss
}

export type Losses = Record<string, Record<string, number>>

/** The runs of a pair, named as aot-arrow names them. Returns the last losses, by run. */
export function writePair(
  folder: string,
  {
    seeds = [0],
    steps = [10, 20, 30, 40],
    settings = {},
    directions = ['forward', 'backward'] as const,
  }: {
    seeds?: readonly number[]
    steps?: readonly number[]
    settings?: Settings
    directions?: readonly MadeRun['direction'][]
  } = {},
): Record<string, number> {
  return Object.fromEntries(
    seeds.flatMap((seed) =>
      directions.map((direction) => {
        const name = `seed-${seed}-${direction}`
        return [name, writeRun(join(folder, name), { direction, seed, steps, settings })]
      }),
    ),
  )
}

/** The cells of --grid attn_length=8,16 --grid model=gpt,gru, a pair each. Returns the last losses, by cell and run. */
export function writeGrid(folder: string, steps: readonly number[] = [10, 20, 30, 40]): Losses {
  const cells = [8, 16].flatMap((length) => (['gpt', 'gru'] as const).map((model) => ({ length, model })))
  return Object.fromEntries(
    cells.map(({ length, model }) => {
      const name = `attn_length=${length},model=${model}`
      const settings = { 'model_params.attn_length': length, model }
      return [name, writePair(join(folder, name), { steps, settings })]
    }),
  )
}
