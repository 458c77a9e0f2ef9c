/** One device's training steps for the model of scaling: as a file of runs has measured them, or at the device's best. */
import { z } from 'zod'
import { AotError } from '../errors.js'
import { native } from '../native.js'
import { recurrentSlice } from './ops.js'
import type { BenchFile, Row, Run } from './record.js'
import { ourselves } from './row_text.js'
import type { DeviceStep } from './scaling.js'
import { type ModelShape, stepCalls } from './shapes.js'

export interface NamedStep {
  name: string
  device: string
  precision: 'fp32' | 'bf16'
  shape: ModelShape
  step: DeviceStep
  /** When it was measured; null: it follows from arithmetic alone. */
  date: string | null
}

export interface OpSeconds {
  op: string
  seconds: number
}

/**
 * The parts of a step by the ops that it is made of. What they leave of `total` counts as forward, where nothing hides.
 * @param ops of one minibatch and the optimizer, each name once or more
 */
export function splitStep(shape: ModelShape, ops: readonly OpSeconds[], total: number) {
  const { model, n_layers } = shape
  const parts = { head: 0, layers: 0, embedding: 0, optimizer: 0 }
  // Both ways dropout between recurrent layers is the same op; in bf16 it has two names.
  const bothWays = ops.every(({ op }) => op !== 'dropout_forward_fp32')
  for (const { op, seconds } of ops) {
    if (op === 'adamw') parts.optimizer += seconds
    else if (op === 'lm_head_loss_backward') parts.head += seconds
    else if (/embedding_backward$/.test(op)) parts.embedding += seconds
    else if (op === 'layernorm_backward') {
      // One of them is that of the last norm.
      const norms = model === 'gpt' ? 2 * n_layers + 1 : 1
      parts.head += seconds / norms
      parts.layers += (seconds * (norms - 1)) / norms
    } else if (/_backward/.test(op) || op === 'dropout_forward_fp32') parts.layers += seconds
    else if (op === 'dropout_forward' && bothWays) parts.layers += seconds / 2
  }
  const { head, layers, embedding, optimizer } = parts
  const backward = [head, ...Array<number>(n_layers).fill(layers / n_layers), embedding]
  return { forward: total - head - layers - embedding - optimizer, backward, optimizer }
}

/** The cpu gives its threads whole sequences; a GPU takes all of its share in one pass. */
const lanesOf = (device: string, { model, batch }: ModelShape, threads: number) =>
  device === 'cpu'
    ? { batch, lanes: threads, slice: model === 'gpt' ? 1 : recurrentSlice }
    : { batch, lanes: 1, slice: batch }

const trainShape = z.object({
  model: z.enum(['gpt', 'gru', 'lstm']),
  vocab_size: z.number(),
  n_layers: z.number(),
  n_heads: z.number(),
  embed_dim: z.number(),
  attn_length: z.number(),
  mlp_ratio: z.number(),
  dropout: z.number(),
  batch: z.number(),
  threads: z.number(),
})

function measuredStep(run: Run, row: Row): NamedStep | null {
  const parsed = trainShape.safeParse(row.shape)
  const key = JSON.stringify([row.device, row.precision, row.shape])
  const ops = run.rows.flatMap((other): OpSeconds[] => {
    const { bench, name, figures } = other
    const isPart = bench === 'train_op' && name.startsWith(`${row.name} `) && figures.share !== undefined
    if (!isPart || JSON.stringify([other.device, other.precision, other.shape]) !== key) return []
    return [{ op: name.slice(row.name.length + 1), seconds: (figures.share as number) * row.time.median }]
  })
  if (!parsed.success || row.precision === null || ops.length === 0) return null
  const { threads, ...shape } = parsed.data
  const { name, device, precision } = row
  const step = { ...splitStep(shape, ops, row.time.median), ...lanesOf(device, shape, threads) }
  return { name, device, precision, shape, step, date: run.date }
}

const seconds = ({ step: { forward, backward, optimizer } }: NamedStep) =>
  forward + backward.reduce((total, part) => total + part, 0) + optimizer

/** Which steps of a file are meant; empty, null: all. */
export interface StepChoice {
  models: readonly string[]
  precisions: readonly string[]
  /** Of the cpu. */
  threads: number | null
}

/**
 * The training steps of a file of runs, in its order. Of several of one work the shortest: what else ran on the machine
 * can only have made the others longer.
 * @throws AotError AOT_DATA when there is none of such
 */
export function measuredSteps(path: string, { runs }: BenchFile, choice: StepChoice): NamedStep[] {
  const { models, precisions, threads } = choice
  const found = new Map<string, NamedStep>()
  for (const run of runs) {
    for (const row of run.rows.filter(({ bench, by }) => bench === 'train' && by === ourselves)) {
      const step = measuredStep(run, row)
      if (step === null) continue
      const key = JSON.stringify([row.name, row.device, row.precision, row.shape])
      const before = found.get(key)
      if (before === undefined || seconds(step) < seconds(before)) found.set(key, step)
    }
  }
  const all = [...found.values()]
  const cure = 'measure one by aot-bench train MODEL --json FILE'
  if (all.length === 0) throw new AotError('AOT_DATA', `${path} has no training step with its ops: ${cure}`)
  for (const model of models) {
    if (all.some(({ name }) => name === model)) continue
    const names = [...new Set(all.map(({ name }) => name))].join(', ')
    throw new AotError('AOT_DATA', `${path} has no training step of ${model}, only of ${names}: ${cure}`)
  }
  const chosen = all.filter(
    ({ name, device, precision, step }) =>
      (models.length === 0 || models.includes(name)) &&
      (precisions.length === 0 || precisions.includes(precision)) &&
      (threads === null || device !== 'cpu' || step.lanes === threads),
  )
  if (chosen.length === 0) {
    throw new AotError('AOT_DATA', `${path} has no training step in this precision, on so many threads: ${cure}`)
  }
  return chosen
}

/** What a device can do at best, by its specification. */
export interface Peak {
  /** A second, of the precision. */
  flops: number
  /** Of memory a second. */
  bytes: number
}

/** The least seconds of each op of a step: of its FLOPs, or of what it must read and write, whichever takes longer. */
export function leastSeconds(shape: ModelShape, precision: 'fp32' | 'bf16', peak: Peak): OpSeconds[] {
  return stepCalls(shape).map(({ op, shape: sizes, calls }) => {
    const { flops, bytes } = native.opCost(op, sizes, precision)
    return { op, seconds: calls * Math.max(flops / peak.flops, bytes / peak.bytes) }
  })
}

/** A step of a GPU that does everything as fast as its specification lets it: no GPU is faster, and none was measured. */
export function leastStep(name: string, shape: ModelShape, precision: 'fp32' | 'bf16', peak: Peak): NamedStep {
  const ops = leastSeconds(shape, precision, peak)
  const total = ops.reduce((sum, { seconds }) => sum + seconds, 0)
  const step = { ...splitStep(shape, ops, total), ...lanesOf('cuda', shape, 1) }
  return { name, device: 'a GPU at its best', precision, shape, step, date: null }
}
