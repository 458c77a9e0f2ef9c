import test from 'ava'
import { type NativeOpShape, native } from '../../ts/native.js'
import { devices } from '../devices.js'
import { assertGradient, compareWithReference, dot, makeInputs, normal, runOp } from './harness.js'

const shapes: NativeOpShape[] = [1, 5, 16, 31, 48, 130, 380].map((width) => ({ batch: 2, window: 5, width }))

function stats(shape: NativeOpShape, x: Float32Array): Float32Array {
  const width = shape.width as number
  const inputs = [x, new Float32Array(width), new Float32Array(width)]
  return native.runOp('reference', 'fp32', 'layernorm_forward', shape, inputs).stats as Float32Array
}

test('layernorm_forward agrees with the reference', (t) => {
  compareWithReference(t, 'layernorm_forward', shapes)
})

test('layernorm_backward agrees with the reference', (t) => {
  for (const accumulate of [false, true]) {
    compareWithReference(t, 'layernorm_backward', shapes.slice(1), { accumulate }, (shape) => {
      const x = normal(10 * (shape.width as number), 70)
      return { x, stats: stats(shape, x) }
    })
  }
})

for (const device of devices) {
  test(`layernorm gradients agree with finite differences on ${device}`, (t) => {
    const shape = { batch: 2, window: 2, width: 9 }
    const [x, weight, bias] = makeInputs('layernorm_forward', shape) as [Float32Array, Float32Array, Float32Array]
    const dy = normal(36, 71)
    const loss = (a: Float32Array, b: Float32Array, c: Float32Array) =>
      dot(runOp(device, 'fp32', 'layernorm_forward', shape, [a, b, c]).y as Float32Array, dy)
    const result = runOp(device, 'fp32', 'layernorm_backward', shape, [
      x,
      weight,
      bias,
      stats(shape, x),
      dy,
      new Float32Array(36),
    ])
    assertGradient(t, 'x', x, result.dx as Float32Array, (v) => loss(v, weight, bias))
    assertGradient(t, 'weight', weight, result.weight as Float32Array, (v) => loss(x, v, bias))
    assertGradient(t, 'bias', bias, result.bias as Float32Array, (v) => loss(x, weight, v))
  })
}
