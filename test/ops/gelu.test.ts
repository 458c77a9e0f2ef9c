import test from 'ava'
import { native } from '../../ts/native.js'
import { runners } from './harness.js'

test('GELU and its derivative are exact to 2.5e-7 from -12 to 12, and right at the ends', (t) => {
  const count = 4801
  const x = Float32Array.from({ length: count }, (_, i) => (i - 2400) / 200)
  const ends = [-1e30, -200, -14, 0, 14, 200, 1e30]
  const values = new Float32Array([...x, ...ends])
  // One input channel with weight 1 and bias 0: the op is then GELU itself.
  const shape = { batch: 1, window: values.length, width: 1, out: 1 }
  const inputs = [values, new Float32Array([1]), new Float32Array([0])]
  const exact = native.runOp('reference', 'fp32', 'linear_gelu_forward', shape, inputs)
  for (const { name: runner, run } of runners) {
    const got = run('fp32', 'linear_gelu_forward', shape, inputs)
    for (const name of ['y', 'derivative']) {
      let worst = 0
      for (let i = 0; i < count; i++) {
        const want = exact[name]?.[i] as number
        // Beyond 4 an fp32 value itself is coarser than that.
        worst = Math.max(worst, Math.abs((got[name]?.[i] as number) - want) / Math.max(1, Math.abs(want) / 2))
      }
      t.true(worst < 2.5e-7, `${runner} ${name}: off by ${worst}`)
    }
    const tail = (got.y as Float32Array).slice(count)
    t.true(tail.slice(0, 3).every((y) => Math.abs(y) < 1e-30))
    t.deepEqual([...tail.slice(3)], [0, 14, 200, Math.fround(1e30)])
  }
})
