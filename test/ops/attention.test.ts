import test from 'ava'
import { type NativeOpShape, native } from '../../ts/native.js'
import { devices } from '../devices.js'
import {
  assertClose,
  assertGradient,
  compareWithReference,
  dot,
  makeInputs,
  normal,
  type Precision,
  precisions,
  runners,
  runOp,
} from './harness.js'

const shapes: NativeOpShape[] = [
  { batch: 1, window: 1, width: 4, heads: 1 },
  { batch: 2, window: 7, width: 12, heads: 3 },
  { batch: 1, window: 36, width: 16, heads: 4 },
  { batch: 2, window: 33, width: 15, heads: 3 },
  { batch: 1, window: 65, width: 76, heads: 2 },
  { batch: 1, window: 131, width: 32, heads: 2 },
  { batch: 1, window: 50, width: 64, heads: 1 },
  { batch: 1, window: 20, width: 128, heads: 1 },
  { batch: 1, window: 150, width: 80, heads: 1 },
  { batch: 1, window: 70, width: 200, heads: 2 },
]
const options = { rate: 0.3, site: 1, seed: 77, minibatch: 4, firstRow: 6 }

function forward(shape: NativeOpShape, precision: Precision, qkv: Float32Array) {
  return native.runOp('reference', precision, 'attention_forward', shape, [qkv], options)
}
const size = (shape: NativeOpShape) => (shape.batch as number) * (shape.window as number) * (shape.width as number)

test('attention_forward agrees with the reference', (t) => {
  compareWithReference(t, 'attention_forward', shapes)
  compareWithReference(t, 'attention_forward', shapes, options)
})

test('attention_backward agrees with the reference', (t) => {
  compareWithReference(t, 'attention_backward', shapes, options, (shape, precision) => {
    const qkv = normal(3 * size(shape), 30)
    return { qkv, ...forward(shape, precision, qkv) }
  })
})

test('attention_decode agrees with the reference and with the last row of attention_forward', (t) => {
  compareWithReference(t, 'attention_decode', shapes)
  const shape = { batch: 1, window: 21, width: 24, heads: 2 }
  const qkv = normal(21 * 72, 31)
  const rows = (from: number) =>
    Float32Array.from({ length: 21 * 24 }, (_, i) => qkv[Math.floor(i / 24) * 72 + from + (i % 24)] as number)
  const whole = native.runOp('cpu', 'fp32', 'attention_forward', shape, [qkv]).out as Float32Array
  const inputs = [qkv.slice(20 * 72), rows(24), rows(48)]
  const out = native.runOp('cpu', 'fp32', 'attention_decode', shape, inputs).out as Float32Array
  for (let i = 0; i < 24; i++) t.true(Math.abs((out[i] as number) - (whole[20 * 24 + i] as number)) < 1e-6)
})

test('scores of several hundred lose no digits', (t) => {
  const shape = { batch: 1, window: 40, width: 16, heads: 1 }
  const qkv = normal(40 * 48, 32)
  for (let row = 0; row < 40; row++) {
    // All q k / sqrt(D) are near 300, with differences of the order of 1.
    for (let i = 0; i < 16; i++) {
      qkv[row * 48 + i] = 8.66 + 0.02 * (qkv[row * 48 + i] as number)
      qkv[row * 48 + 16 + i] = 8.66 + 0.02 * (qkv[row * 48 + 16 + i] as number)
    }
  }
  const dout = normal(40 * 16, 33)
  const reference = native.runOp('reference', 'fp32', 'attention_forward', shape, [qkv])
  t.true((reference.lse?.[39] as number) > 290)
  for (const { name: runner, run } of runners) {
    const { out } = run('fp32', 'attention_forward', shape, [qkv])
    const worst = (out as Float32Array).reduce(
      (w, x, i) => Math.max(w, Math.abs(x - (reference.out?.[i] as number))),
      0,
    )
    // fp32 scores near 300 are exact to 1.5e-5, and no softmax can be better than that.
    t.true(worst < 6e-5, `${runner}: off by ${worst}`)
    const inputs = [qkv, reference.out, reference.lse, dout] as Float32Array[]
    const want = native.runOp('reference', 'fp32', 'attention_backward', shape, inputs).dqkv as Float32Array
    const got = run('fp32', 'attention_backward', shape, inputs).dqkv as Float32Array
    const off = got.reduce((w, x, i) => Math.max(w, Math.abs(x - (want[i] as number))), 0)
    t.true(off < 1e-3, `${runner}: gradient off by ${off}`)
  }
})

test('a key that takes almost all of a row costs no accuracy', (t) => {
  // The largest score of a row comes late and exceeds the earlier ones by far; gradients of scores are small differences.
  const shape = { batch: 1, window: 140, width: 64, heads: 2 }
  const qkv = normal(3 * size(shape), 37).map((x, i) => (i % 192 < 128 ? 4 * x : x))
  const dout = normal(size(shape), 38)
  for (const precision of precisions) {
    const compare = (name: string, inputs: Float32Array[]) => {
      const reference = native.runOp('reference', precision, name, shape, inputs)
      // Scores are 16 times those of the other tests, and fp32 holds them with as much larger an error.
      for (const { name: runner, run } of runners) {
        assertClose(t, name, precision, shape, run(precision, name, shape, inputs), reference, runner, 16)
      }
      return reference
    }
    const { out, lse } = compare('attention_forward', [qkv])
    compare('attention_backward', [qkv, out, lse, dout] as Float32Array[])
  }
})

test('a sequence that is not finite leaves the others as they are', (t) => {
  // Every second one is NaN, so that each thread has one before a good one: nothing may be left behind in its buffers.
  for (const [window, head_dim] of [
    [50, 38],
    [131, 16],
    [33, 5],
  ] as const) {
    const shape = { batch: 4, window, width: 2 * head_dim, heads: 2 }
    const spoilt = (values: Float32Array) =>
      values.map((x, i) => (Math.floor((4 * i) / values.length) % 2 === 0 ? Number.NaN : x))
    const good = (values: Float32Array) => values.filter((_, i) => Math.floor((4 * i) / values.length) % 2 === 1)
    const qkv = normal(3 * size(shape), 39)
    const dout = normal(size(shape), 40)
    for (const precision of precisions) {
      const { out, lse } = forward(shape, precision, qkv)
      const inputs = [qkv, out, lse, dout] as Float32Array[]
      for (const { name: runner, run } of runners) {
        const label = `${runner} ${precision} ${JSON.stringify(shape)}`
        for (const [name, output, given] of [
          ['attention_forward', 'out', [qkv]],
          ['attention_backward', 'dqkv', inputs],
        ] as const) {
          const want = run(precision, name, shape, [...given])[output] as Float32Array
          const got = run(precision, name, shape, given.map(spoilt))[output] as Float32Array
          t.deepEqual(good(got), good(want), `${name} ${label}`)
        }
      }
    }
  }
})

test('the gradient of a lone key is exactly 0', (t) => {
  const shape = { batch: 1, window: 1, width: 8, heads: 2 }
  const qkv = normal(24, 34)
  const dout = normal(8, 35)
  for (const precision of precisions) {
    // With dropout, whose scale makes bf16 round the outputs.
    const { out, lse } = forward(shape, precision, qkv)
    for (const { name: runner, run } of runners) {
      const inputs = [qkv, out, lse, dout] as Float32Array[]
      const { dqkv } = run(precision, 'attention_backward', shape, inputs, options)
      t.true(
        (dqkv as Float32Array).slice(0, 16).every((x) => x === 0),
        `${runner} ${precision}`,
      )
    }
  }
})

for (const device of devices) {
  test(`the gradient of attention agrees with finite differences on ${device}`, (t) => {
    const shape = { batch: 2, window: 5, width: 6, heads: 2 }
    const [qkv] = makeInputs('attention_forward', shape) as [Float32Array]
    const dout = normal(60, 36)
    const { out, lse } = runOp(device, 'fp32', 'attention_forward', shape, [qkv], options)
    const inputs = [qkv, out, lse, dout] as Float32Array[]
    const { dqkv } = runOp(device, 'fp32', 'attention_backward', shape, inputs, options)
    assertGradient(t, 'qkv', qkv, dqkv as Float32Array, (v) =>
      dot(runOp(device, 'fp32', 'attention_forward', shape, [v], options).out as Float32Array, dout),
    )
  })
}

test('the tolerance can fail', async (t) => {
  const shape = shapes[1] as NativeOpShape
  const inputs = makeInputs('attention_forward', shape)
  const reference = native.runOp('reference', 'fp32', 'attention_forward', shape, inputs)
  const off = { ...reference, out: (reference.out as Float32Array).map((x, i) => (i === 3 ? x + 1e-4 : x)) }
  const result = await t.try((u) => assertClose(u, 'attention_forward', 'fp32', shape, off, reference, 'planted'))
  result.discard()
  t.false(result.passed)
})
