import test from 'ava'
import { type NativeOpShape, native } from '../../ts/native.js'
import { devices } from '../devices.js'
import {
  assertClose,
  assertGradient,
  compareWithReference,
  makeInputs,
  normal,
  precisions,
  runners,
  runOp,
  tokens,
} from './harness.js'

const shapes: NativeOpShape[] = [
  { batch: 1, window: 1, width: 1, vocabulary: 1 },
  { batch: 2, window: 3, width: 5, vocabulary: 7 },
  { batch: 2, window: 36, width: 16, vocabulary: 257 },
  { batch: 1, window: 9, width: 38, vocabulary: 1000 },
  { batch: 1, window: 270, width: 15, vocabulary: 300 },
  // More rows than the cpu takes as one block.
  { batch: 1, window: 1030, width: 3, vocabulary: 40 },
  // On the emulated device the logits exist for a part of the rows at a time.
  { batch: 2, window: 260, width: 8, vocabulary: 1000 },
]

for (const name of ['lm_head_loss', 'lm_head_loss_backward', 'lm_head_logits']) {
  test(`${name} agrees with the reference`, (t) => {
    compareWithReference(t, name, shapes, { lossScale: 0.5 })
  })
}

test('logits far above the first ones move the reference, and nothing is lost', (t) => {
  // Logits climb from -150 to 150 along the vocabulary, and down again: the row's reference moves several times.
  const shape = { batch: 1, window: 12, width: 4, vocabulary: 700 }
  const weight = new Float32Array(700 * 4)
  for (let v = 0; v < 700; v++) weight[v * 4] = 150 - Math.abs(v - 400) * 0.75
  const noise = normal(2800, 40, 0.05)
  const y = normal(48, 41, 0.1)
  for (let row = 0; row < 12; row++) y[row * 4] = 1
  const inputs = [y, weight.map((x, i) => x + (noise[i] as number)), tokens(12, 700, 42)]
  for (const precision of precisions) {
    const reference = native.runOp('reference', precision, 'lm_head_loss_backward', shape, inputs)
    t.true(Math.max(...(reference.losses as Float32Array)) > 100)
    for (const { name: runner, run } of runners) {
      const both = run(precision, 'lm_head_loss_backward', shape, inputs)
      // fp32 logits near 150 are exact to 1e-5 only.
      assertClose(t, 'lm_head_loss_backward', precision, shape, both, reference, runner, 20)
      const { losses } = run(precision, 'lm_head_loss', shape, inputs)
      t.deepEqual(losses, both.losses)
    }
  }
})

test('a sure and right prediction has a small, exact gradient', (t) => {
  const shape = { batch: 1, window: 4, width: 3, vocabulary: 40 }
  const weight = normal(120, 43, 0.1)
  for (let i = 0; i < 3; i++) weight[17 * 3 + i] = 5
  const inputs = [new Float32Array(12).fill(1), weight, new Float32Array(4).fill(17)]
  for (const precision of precisions) {
    const reference = native.runOp('reference', precision, 'lm_head_loss_backward', shape, inputs)
    for (const { name: runner, run } of runners) {
      const got = run(precision, 'lm_head_loss_backward', shape, inputs)
      assertClose(
        t,
        'lm_head_loss_backward',
        precision,
        shape,
        { ...got, losses: reference.losses as Float32Array },
        reference,
        runner,
      )
    }
  }
})

test('a NaN or an infinity in the input makes the loss NaN', (t) => {
  const shape = { batch: 1, window: 2, width: 3, vocabulary: 40 }
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const y = new Float32Array([1, 1, 1, 1, bad, 1])
    const inputs = [y, normal(120, 44), new Float32Array([3, 4])]
    for (const { name: runner, run } of runners) {
      const { losses } = run('fp32', 'lm_head_loss', shape, inputs)
      t.true(Number.isFinite(losses?.[0]))
      t.false(Number.isFinite(losses?.[1]), `${runner} ${bad}: ${losses?.[1]}`)
    }
  }
})

test('a single logit that is NaN makes the loss NaN', (t) => {
  const shape = { batch: 1, window: 1, width: 2, vocabulary: 700 }
  for (const at of [0, 5, 333, 699]) {
    const weight = normal(1400, 45)
    weight[2 * at] = Number.NaN
    for (const { name: runner, run } of runners) {
      const { losses } = run('fp32', 'lm_head_loss', shape, [normal(2, 46), weight, new Float32Array([3])])
      t.true(Number.isNaN(losses?.[0]), `${runner} ${at}: ${losses?.[0]}`)
    }
  }
})

for (const device of devices) {
  test(`gradients of the loss agree with finite differences on ${device}`, (t) => {
    const shape = { batch: 2, window: 3, width: 5, vocabulary: 11 }
    const [y, weight, targets] = makeInputs('lm_head_loss', shape) as [Float32Array, Float32Array, Float32Array]
    const mean = (a: Float32Array, b: Float32Array) =>
      (runOp(device, 'fp32', 'lm_head_loss', shape, [a, b, targets]).losses as Float32Array).reduce(
        (sum, x) => sum + x / 6,
        0,
      )
    const result = runOp(device, 'fp32', 'lm_head_loss_backward', shape, [y, weight, targets])
    assertGradient(t, 'y', y, result.dy as Float32Array, (v) => mean(v, weight))
    assertGradient(t, 'weight', weight, result.weight as Float32Array, (v) => mean(y, v))
  })
}
