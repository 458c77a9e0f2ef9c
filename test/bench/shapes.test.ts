import test from 'ava'
import {
  flopsPerToken,
  type ModelShape,
  opCalls,
  parameterCount,
  shapeSetFor,
  shapeSets,
} from '../../ts/bench/shapes.js'
import { native, nativeFor } from '../../ts/native.js'
import { devices } from '../devices.js'

const small = {
  vocab_size: 10,
  n_layers: 1,
  n_heads: 1,
  embed_dim: 4,
  attn_length: 3,
  mlp_ratio: 4,
  dropout: 0,
  batch: 2,
}

function engineOf(
  { model, batch: _, n_heads, mlp_ratio, ...params }: ModelShape,
  device: string,
  precision: 'fp32' | 'bf16',
) {
  const modelParams = { ...params, embd_dropout: null, ...(model === 'gpt' ? { n_heads, mlp_ratio } : {}) }
  return nativeFor(device).Engine.create({ model, modelParams, device, precision, seed: 0 })
}

test('the FLOPs of a token are those counted by hand', (t) => {
  // Forward, width 4, vocabulary 10, windows of 3, in which a token attends to 2 on average:
  // qkv 2*4*12, scores and sums 2*2*2*4, projection 2*4*4, MLP 2*2*4*16, lm_head 2*4*10.
  t.is(flopsPerToken({ ...small, model: 'gpt' }), 3 * (96 + 32 + 32 + 256 + 80))
  t.is(flopsPerToken({ ...small, model: 'gpt', n_layers: 5 }), 3 * (5 * (96 + 32 + 32 + 256) + 80))
  // Gates of the input and of the hidden state.
  t.is(flopsPerToken({ ...small, model: 'gru' }), 3 * (2 * 4 * 12 + 2 * 4 * 12 + 80))
  t.is(flopsPerToken({ ...small, model: 'lstm' }), 3 * (2 * 4 * 16 + 2 * 4 * 16 + 80))
})

test('parameters are counted as the engine counts them', async (t) => {
  const models = [
    ...Object.values(shapeSets.tiny),
    shapeSets.small.nano,
    { ...small, model: 'lstm', n_layers: 3 } as const,
  ]
  for (const shape of models) {
    const engine = await engineOf(shape, 'cpu', 'fp32')
    t.is(parameterCount(shape), engine.parameterCount, JSON.stringify(shape))
    engine.close()
  }
})

test('a device has models that suit it', (t) => {
  t.is(shapeSetFor('cuda:3'), 'paper')
  t.is(shapeSetFor('cpu'), 'small')
  t.is(shapeSetFor('emulated'), 'tiny')
})

for (const device of devices.filter((name) => name !== 'reference')) {
  test(`the ops of a step are those that the benchmark knows, less that of validation, with their FLOPs: ${device}`, async (t) => {
    for (const shape of Object.values(shapeSets.tiny)) {
      const tokens = new Int32Array(shape.batch * shape.attn_length)
      const engine = await engineOf(shape, device, 'bf16')
      const weights = engine.parameters()
      const { seconds, lanes, ops } = await engine.profile(tokens, tokens, shape.batch)
      t.deepEqual(engine.parameters(), weights, 'the weights stay as they are')
      t.deepEqual(
        ops.map(({ name }) => name).sort(),
        [...new Set(opCalls(shape).map(({ op }) => op))].filter((op) => op !== 'lm_head_loss').sort(),
        shape.model,
      )
      t.true(ops.every((op) => op.calls > 0 && op.seconds >= 0))
      const sum = ops.reduce((total, op) => total + op.seconds, 0)
      t.true(sum > 0 && sum <= seconds * lanes * 1.001, `${sum} s of ${lanes} * ${seconds} s`)
      // The products make up what the model asks for: all but element-wise ops, and what a backward pass makes anew.
      const products = ops.filter(({ name }) => /linear|lm_head|gru|lstm/.test(name))
      const attention = ops.find(({ name }) => name === 'attention_forward')?.flops ?? 0
      const flops = products.reduce((total, op) => total + op.flops, 0) + 3 * attention
      t.is(flops, flopsPerToken(shape) * tokens.length, shape.model)
      engine.close()
    }
  })
}

test('the sizes of every call are those of an op', (t) => {
  const names = new Set(native.listOps().map(({ name }) => name))
  for (const shape of Object.values(shapeSets).flatMap((set) => Object.values(set))) {
    for (const { op, shape: sizes } of opCalls(shape)) {
      t.true(names.has(op), op)
      for (const precision of ['fp32', 'bf16'] as const) t.true(native.opCost(op, sizes, precision).bytes > 0)
    }
  }
})
