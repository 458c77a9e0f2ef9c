import test from 'ava'
import type { NativeOpShape } from '../../ts/native.js'
import { devices } from '../devices.js'
import { assertGradient, compareWithReference, dot, makeInputs, normal, precisions, runners, runOp } from './harness.js'

const shapes: NativeOpShape[] = [
  { batch: 1, window: 1, width: 1, out: 1 },
  { batch: 3, window: 5, width: 7, out: 9 },
  { batch: 2, window: 36, width: 16, out: 48 },
  { batch: 1, window: 19, width: 38, out: 33 },
  { batch: 2, window: 64, width: 48, out: 144 },
  { batch: 1, window: 9, width: 380, out: 31 },
  { batch: 1, window: 70, width: 192, out: 130 },
  { batch: 1, window: 50, width: 40, out: 20 },
  // On a GPU large tiles, sums split in two, and parts of the rows where a library makes the sums.
  { batch: 2, window: 128, width: 64, out: 128 },
]

for (const name of [
  'linear_forward',
  'linear_forward_fp32',
  'linear_residual_forward',
  'linear_residual_layernorm_forward',
  'linear_gelu_forward',
  'linear_backward_input',
  'linear_backward_input_fp32',
  'linear_gelu_backward_input',
  'linear_backward_weight',
]) {
  test(`${name} agrees with the reference`, (t) => {
    compareWithReference(t, name, shapes, { rate: 0.3, site: 2, seed: 5, minibatch: 9, firstRow: 3 })
  })
}

test('what is not finite stays in its row and column', (t) => {
  // The last units of a row or of a panel must not bring in what lies behind them, not even times zero.
  const check = (name: string, output: string, shape: NativeOpShape, input: number, at: number, bad: number[]) => {
    for (const precision of precisions) {
      const inputs = makeInputs(name, shape)
      const clean = inputs.map((values) => values.slice())
      ;(inputs[input] as Float32Array)[at] = Number.NaN
      for (const runner of runners) {
        const want = runner.run(precision, name, shape, clean)[output] as Float32Array
        const got = runner.run(precision, name, shape, inputs)[output] as Float32Array
        const label = `${runner.name} ${precision} ${name} ${JSON.stringify(shape)}`
        t.deepEqual(
          Array.from(got, (_, i) => i).filter((i) => !Object.is(got[i], want[i])),
          bad,
          label,
        )
        t.true(
          bad.every((i) => Number.isNaN(got[i])),
          label,
        )
      }
    }
  }
  for (const width of [3, 38, 48, 70, 380]) {
    const [n, out] = [37, 40]
    const shape = { window: n, width, out }
    const row = (r: number, size: number) => Array.from({ length: size }, (_, i) => r * size + i)
    const column = (c: number, rows: number, size: number) => Array.from({ length: rows }, (_, i) => i * size + c)
    check('linear_forward_fp32', 'y', shape, 0, 34 * width, row(34, out))
    check('linear_forward_fp32', 'y', shape, 1, 32 * width, column(32, n, out))
    check('linear_backward_weight', 'weight', shape, 0, 5 * out + 17, row(17, width))
    check('linear_backward_weight', 'weight', shape, 1, 36 * width + 1, column(1, out, width))
  }
})

for (const device of devices) {
  const shape = { batch: 2, window: 3, width: 10, out: 7 }
  const n = shape.batch * shape.window

  test(`linear gradients agree with finite differences on ${device}`, (t) => {
    const [x, weight, bias] = makeInputs('linear_forward', shape) as [Float32Array, Float32Array, Float32Array]
    const dy = normal(n * shape.out, 50)
    const loss = (a: Float32Array, b: Float32Array, c: Float32Array) =>
      dot(runOp(device, 'fp32', 'linear_forward', shape, [a, b, c]).y as Float32Array, dy)
    const input = runOp(device, 'fp32', 'linear_backward_input', shape, [dy, weight])
    const parameters = runOp(device, 'fp32', 'linear_backward_weight', shape, [dy, x, weight, bias])
    assertGradient(t, 'x', x, input.dx as Float32Array, (v) => loss(v, weight, bias))
    assertGradient(t, 'weight', weight, parameters.weight as Float32Array, (v) => loss(x, v, bias))
    assertGradient(t, 'bias', bias, parameters.bias as Float32Array, (v) => loss(x, weight, v))
  })

  test(`gradients through dropout and residual agree with finite differences on ${device}`, (t) => {
    const options = { rate: 0.4, site: 3, seed: 8, minibatch: 2, firstRow: 5 }
    const inputs = makeInputs('linear_residual_forward', shape) as [
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
    ]
    const [x, weight, bias, residual] = inputs
    const dout = normal(n * shape.out, 51)
    const loss = (a: Float32Array, b: Float32Array, c: Float32Array) =>
      dot(
        runOp(device, 'fp32', 'linear_residual_forward', shape, [a, b, c, residual], options).out as Float32Array,
        dout,
      )
    const dropped = runOp(device, 'fp32', 'dropout_backward', { ...shape, width: shape.out }, [bias, dout], options)
    const dy = dropped.dy as Float32Array
    const input = runOp(device, 'fp32', 'linear_backward_input', shape, [dy, weight])
    const parameters = runOp(device, 'fp32', 'linear_backward_weight', shape, [dy, x, weight, bias])
    assertGradient(t, 'x', x, input.dx as Float32Array, (v) => loss(v, weight, bias))
    assertGradient(t, 'weight', weight, parameters.weight as Float32Array, (v) => loss(x, v, bias))
    assertGradient(t, 'bias', bias, dropped.bias as Float32Array, (v) => loss(x, weight, v))
  })

  test(`the gradient through GELU agrees with finite differences on ${device}`, (t) => {
    // hidden = gelu(x + bias) with an identity as weight, then a linear layer `second` [out, width].
    const { width, out } = shape
    const x = normal(n * width, 60)
    const bias = normal(width, 61)
    const second = normal(out * width, 62, 0.4)
    const dy = normal(n * out, 63)
    const identity = new Float32Array(width * width)
    for (let i = 0; i < width; i++) identity[i * width + i] = 1
    const hidden = (a: Float32Array, b: Float32Array) =>
      runOp(device, 'fp32', 'linear_gelu_forward', { ...shape, out: width }, [a, identity, b])
    const loss = (a: Float32Array, b: Float32Array) => {
      const y = hidden(a, b).y as Float32Array
      const zero = new Float32Array(out)
      return dot(runOp(device, 'fp32', 'linear_forward', shape, [y, second, zero]).y as Float32Array, dy)
    }
    const derivative = hidden(x, bias).derivative as Float32Array
    const result = runOp(device, 'fp32', 'linear_gelu_backward_input', shape, [dy, second, derivative, bias])
    assertGradient(t, 'x', x, result.dh as Float32Array, (v) => loss(v, bias))
    assertGradient(t, 'bias', bias, result.bias as Float32Array, (v) => loss(x, v))
  })
}
