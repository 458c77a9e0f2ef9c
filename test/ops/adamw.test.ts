import test from 'ava'
import { compareWithReference, normal, runners } from './harness.js'

const width = 1037
function inputs(scale = 1): [Float32Array, Float32Array, Float32Array, Float32Array] {
  return [normal(width, 1), normal(width, 2, scale), normal(width, 3, 0.1), normal(width, 4, 0.1).map((x) => x * x)]
}

test('adamw agrees with the reference, clipped and not', (t) => {
  const [weights, gradients, moment1, moment2] = inputs()
  const given = () => ({ weights, gradients, moment1, moment2 })
  for (const clip of [1, 1000, 0]) {
    compareWithReference(
      t,
      'adamw',
      [{ width }, { width: 1 }],
      { lr: 0.1, step: 3, clip, weightDecay: 0.01 },
      (shape) => (shape.width === width ? given() : { moment2: new Float32Array([0.5]) }),
    )
  }
})

test('the first step from zero moments, by hand', (t) => {
  // m = 0.1 g, v = 0.001 g^2, both corrected to g and g^2: the step is lr * sign(g) after the decay 1 - lr * 0.01.
  const zero = new Float32Array(2)
  for (const { run } of runners) {
    const got = run(
      'fp32',
      'adamw',
      { width: 2 },
      [new Float32Array([1, -2]), new Float32Array([0.3, -0.4]), zero, zero],
      {
        lr: 0.5,
        clip: 1,
        weightDecay: 0.01,
      },
    )
    t.true(Math.abs((got.norm?.[0] as number) - 0.5) < 1e-7)
    t.true(Math.abs((got.weights?.[0] as number) - (0.995 - 0.5)) < 1e-6)
    t.true(Math.abs((got.weights?.[1] as number) - (-1.99 + 0.5)) < 1e-6)
    t.deepEqual(got.gradients, zero)
  }
})

test('the clip coefficient is clip / (norm + 1e-6), at most 1', (t) => {
  const zero = new Float32Array(2)
  const gradients = new Float32Array([3e-7, -4e-7])
  for (const [clip, coefficient] of [
    [1e-7, 1 / 15],
    [1, 1],
    [0, 1],
  ] as const) {
    for (const { name: runner, run } of runners) {
      const got = run('fp32', 'adamw', { width: 2 }, [zero, gradients, zero, zero], { clip })
      // m = 0.1 g
      const found = (got.moment1?.[0] as number) / 3e-8
      t.true(Math.abs(found - coefficient) < 1e-4, `${runner}, clip ${clip}: ${found}`)
    }
  }
})

test('a gradient that is not finite touches neither weights nor moments', (t) => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const [weights, gradients, moment1, moment2] = inputs()
    gradients[1000] = bad
    for (const { run } of runners) {
      const options = { lr: 0.1, clip: 1 }
      const got = run('fp32', 'adamw', { width }, [weights, gradients, moment1, moment2], options)
      t.deepEqual(got.weights, weights)
      t.deepEqual(got.moment1, moment1)
      t.deepEqual(got.moment2, moment2)
      t.deepEqual(got.gradients, new Float32Array(width))
      t.is(got.norm?.[0], bad)
    }
  }
})
