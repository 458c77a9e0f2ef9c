/** What the tests of several replicas share: one model on some devices, trained for some steps. */
import { type NativeEngine, type NativeEngineOptions, nativeFor } from '../../ts/native.js'
import { ids } from '../engine/support.js'

const shape = { vocab_size: 43, n_layers: 2, embed_dim: 18, attn_length: 11, dropout: 0.2, embd_dropout: 0.1 }
export const models = [
  { model: 'gpt', modelParams: { ...shape, n_heads: 3, mlp_ratio: 2.5 } },
  { model: 'gru', modelParams: shape },
  { model: 'lstm', modelParams: shape },
] as const

export type Changes = Partial<NativeEngineOptions>

/** `gradients` in buckets so small that each model has many. */
export function create(device: string, changes: Changes = {}): Promise<NativeEngine> {
  const options = {
    ...models[0],
    device,
    precision: 'fp32',
    seed: 7,
    threads: 1,
    bucketElements: 512,
    stallSeconds: 60,
    ...changes,
  }
  return nativeFor(device).Engine.create(options as NativeEngineOptions)
}

/** Optimizer steps of so many minibatches each; the batches grow and shrink: 5, 3, 1, 4 sequences, over again. */
export const aggregate = 2
const sizes = [5, 3, 1, 4]

export interface Trace {
  losses: number[]
  norms: number[]
}

/** Minibatches [from, to). `hint`: tells the engine which minibatch is the last of its step. */
export async function train(engine: NativeEngine, from: number, to: number, hint = true): Promise<Trace> {
  const window = engine.options.modelParams.attn_length as number
  const trace: Trace = { losses: [], norms: [] }
  for (let minibatch = from; minibatch < to; minibatch++) {
    const batch = sizes[minibatch % sizes.length] as number
    const inputs = ids(batch * window, 2 * minibatch + 1)
    const targets = ids(batch * window, 2 * minibatch + 2)
    const last = minibatch % aggregate === aggregate - 1
    trace.losses.push((await engine.accumulate(inputs, targets, batch, 1 / aggregate, hint && last)).loss)
    if (last) trace.norms.push((await engine.optimizerStep({ lr: 3e-3, clip: 1 })).gradNorm)
  }
  return trace
}

export function weights(engine: NativeEngine): Float64Array {
  return Float64Array.from(engine.parameters().flatMap(([, { data }]) => Array.from(data)))
}

/** Root of the mean square of the differences. */
export function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2
  return Math.sqrt(sum / a.length)
}
