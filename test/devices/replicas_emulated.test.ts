/** Replicas on emulated GPUs do the same as one, whatever runs first; gradients are exchanged beside the backward pass. */
import anyTest, { type TestFn } from 'ava'
import { type NativeEngine, nativeFor } from '../../ts/native.js'
import { devices } from '../devices.js'
import { distance, weights } from '../dist/support.js'
import { ids } from '../engine/support.js'

const test = anyTest as TestFn
const emulatedTest = devices.includes('emulated') ? test.serial : test.serial.skip

const window = 5
const shape = { vocab_size: 21, n_layers: 2, embed_dim: 16, attn_length: window, dropout: 0.2 }
const models = [
  { model: 'gpt', modelParams: { ...shape, n_heads: 2, mlp_ratio: 2 } },
  { model: 'gru', modelParams: shape },
  { model: 'lstm', modelParams: shape },
] as const
type Model = (typeof models)[number]

/** In buckets so small that each model has many. */
function create(device: string, { model, modelParams }: Model, precision = 'fp32'): Promise<NativeEngine> {
  const options = { model, modelParams, device, precision, seed: 7, bucketElements: 512, stallSeconds: 60 }
  return nativeFor(device).Engine.create(options as Parameters<ReturnType<typeof nativeFor>['Engine']['create']>[0])
}

/**
 * Sequences of the minibatches of each optimizer step. Passes of 5 run as they come, are captured and are replayed, some
 * with an exchange and some without; the last 4 give a replica as many rows as they do, with other gradients.
 */
const steps = [[5, 5, 5], [2, 5], [5, 5], [2, 5], [1], [3, 4]]

interface Trained {
  losses: number[]
  norms: number[]
  weights: Float64Array
}

async function train(engine: NativeEngine, last = true): Promise<Trained> {
  const losses: number[] = []
  const norms: number[] = []
  let minibatch = 0
  for (const batches of steps) {
    for (const [i, batch] of batches.entries()) {
      const tokens = [ids(batch * window, 2 * minibatch + 1), ids(batch * window, 2 * minibatch + 2)] as const
      const limit = (token: number) => token % 21
      const [inputs, targets] = [tokens[0].map(limit), tokens[1].map(limit)]
      const isLast = last && i === batches.length - 1
      losses.push((await engine.accumulate(inputs, targets, batch, 1 / batches.length, isLast)).loss)
      minibatch++
    }
    norms.push((await engine.optimizerStep({ lr: 3e-3, clip: 1 })).gradNorm)
  }
  return { losses, norms, weights: weights(engine) }
}

async function trained(device: string, model: Model, { precision = 'fp32', order = 0, last = true } = {}) {
  nativeFor('emulated').setEmulation({ order })
  const engine = await create(device, model, precision)
  try {
    return await train(engine, last)
  } finally {
    engine.close()
    nativeFor('emulated').setEmulation({ order: 0 })
  }
}

for (const model of models) {
  emulatedTest(`two replicas do the same as one: ${model.model}`, async (t) => {
    t.timeout(5 * 60_000)
    const exact = await trained('reference', model)
    const single = await trained('emulated', model)
    const replicas = await trained('emulated,emulated', model)
    for (const key of ['losses', 'norms', 'weights'] as const) {
      const error = distance(replicas[key], exact[key])
      const usual = distance(single[key], exact[key])
      t.true(error <= 4 * usual, `${key}: ${error} against ${usual}`)
    }
    // Streams of other devices and of the exchange run ahead as far as they may, or now and then.
    t.deepEqual(await trained('emulated,emulated', model, { order: 1 }), replicas, 'order 1')
    t.deepEqual(await trained('emulated,emulated', model, { order: 5 }), replicas, 'order 5')
    // Without a pass that exchanges: the same buckets, all at once.
    t.deepEqual(await trained('emulated,emulated', model, { last: false }), replicas, 'without overlap')
  })
}

emulatedTest('three replicas, bf16', async (t) => {
  t.timeout(5 * 60_000)
  const model = models[0]
  const single = await trained('emulated', model, { precision: 'bf16' })
  const replicas = await trained('emulated,emulated,emulated', model, { precision: 'bf16' })
  const moved = distance(single.weights, (await start(model)).weights)
  const error = distance(replicas.weights, single.weights)
  t.true(error < 0.1 * moved, `${error} of ${moved}`)
  t.deepEqual(await trained('emulated,emulated,emulated', model, { precision: 'bf16' }), replicas)
})

async function start(model: Model): Promise<{ weights: Float64Array }> {
  const engine = await create('emulated', model, 'bf16')
  const first = { weights: weights(engine) }
  engine.close()
  return first
}

emulatedTest('a number that is not finite on one replica stops all before the step', async (t) => {
  for (const last of [true, false]) {
    const engine = await create('emulated,emulated', models[0])
    const before = weights(engine)
    const inputs = ids(4 * window, 1).map((token) => token % 21)
    await engine.accumulate(inputs, inputs, 4, 1, false)
    // One sequence is for the second replica alone, whose gradients overflow.
    const sequence = inputs.slice(0, window)
    for (let i = 0; i < 15; i++) await engine.accumulate(sequence, sequence, 1, 3e38, false)
    await engine.accumulate(sequence, sequence, 1, 3e38, last)
    await t.throwsAsync(engine.optimizerStep({ lr: 1, clip: 1 }), { code: 'AOT_NUMERIC' })
    t.deepEqual(weights(engine), before)
    await engine.accumulate(inputs, inputs, 4, 1, true)
    t.true((await engine.optimizerStep({ lr: 1e-3, clip: 1 })).gradNorm > 0)
    engine.close()
  }
})

emulatedTest('gradients read in the middle are those of all replicas', async (t) => {
  const read = async (device: string, last: boolean) => {
    const engine = await create(device, models[0])
    const inputs = ids(3 * window, 1).map((token) => token % 21)
    await engine.accumulate(inputs, inputs, 3, 1, last)
    const gradients = engine.gradients().flatMap(([, { data }]) => Array.from(data))
    engine.close()
    return gradients
  }
  const single = await read('emulated', false)
  const size = distance(single, new Float64Array(single.length))
  for (const last of [false, true]) {
    const error = distance(await read('emulated,emulated', last), single)
    t.true(error < 1e-6 * size, `${error} of ${size}`)
  }
})
