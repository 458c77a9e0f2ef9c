import test from 'ava'
import { type NativeOpShape, native } from '../../ts/native.js'
import { devices } from '../devices.js'
import { assertGradient, compareWithReference, dot, makeInputs, normal, runOp } from './harness.js'

const options = { rate: 0.2, site: 0, seed: 123456789, minibatch: 3, firstRow: 2 }
const shapes: NativeOpShape[] = [
  { batch: 1, window: 1, width: 1, vocabulary: 1 },
  { batch: 3, window: 5, width: 7, vocabulary: 4 },
  { batch: 2, window: 36, width: 16, vocabulary: 50 },
  { batch: 2, window: 9, width: 38, vocabulary: 11 },
]

for (const name of ['embedding_forward', 'embedding_backward', 'token_embedding_forward', 'token_embedding_backward']) {
  test(`${name} agrees with the reference`, (t) => {
    compareWithReference(t, name, shapes)
    compareWithReference(t, name, shapes, options)
  })
}

for (const device of devices) {
  test(`embedding gradients agree with finite differences on ${device}`, (t) => {
    const shape = { batch: 2, window: 4, width: 5, vocabulary: 3 }
    const [ids, token, position] = makeInputs('embedding_forward', shape) as [Float32Array, Float32Array, Float32Array]
    const dx = normal(40, 20)
    const loss = (a: Float32Array, b: Float32Array) =>
      dot(runOp(device, 'fp32', 'embedding_forward', shape, [ids, a, b], options).x as Float32Array, dx)
    const result = runOp(device, 'fp32', 'embedding_backward', shape, [ids, token, position, dx], options)
    assertGradient(t, 'token', token, result.token as Float32Array, (v) => loss(v, position))
    assertGradient(t, 'position', position, result.position as Float32Array, (v) => loss(token, v))
  })
}

test('token ids outside of the vocabulary are refused', (t) => {
  const shape = { batch: 1, window: 2, width: 3, vocabulary: 4 }
  const inputs = [new Float32Array([1, 4]), new Float32Array(12), new Float32Array(6)]
  t.throws(() => native.runOp('cpu', 'fp32', 'embedding_forward', shape, inputs), {
    code: 'AOT_CONFIG',
    message: 'embedding_forward: inputs must be token ids below 4',
  })
})
