import test from 'ava'
import { compareWithReference, type Runner, reference, runners } from './harness.js'

/** Philox 4x32-10 and the numbering of native/backend/rng.h, once more. */
function philox(counter: number[], seed: bigint): number[] {
  let [c0, c1, c2, c3] = counter.map((c) => BigInt(c >>> 0)) as [bigint, bigint, bigint, bigint]
  let key0 = seed & 0xffffffffn
  let key1 = seed >> 32n
  for (let round = 0; round < 10; round++) {
    const p0 = 0xd2511f53n * c0
    const p1 = 0xcd9e8d57n * c2
    ;[c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ key0, p1 & 0xffffffffn, (p0 >> 32n) ^ c3 ^ key1, p0 & 0xffffffffn]
    key0 = (key0 + 0x9e3779b9n) & 0xffffffffn
    key1 = (key1 + 0xbb67ae85n) & 0xffffffffn
  }
  return [c0, c1, c2, c3].map(Number)
}

test('philox gives the published numbers', (t) => {
  t.deepEqual(philox([0, 0, 0, 0], 0n), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8])
  t.deepEqual(philox([-1, -1, -1, -1], 0xffffffffffffffffn), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd])
})

const seed = 0x1234567890abc
const everywhere = [reference, ...runners]

test('elements are dropped by their place in the global batch', (t) => {
  const [rate, site, minibatch, firstRow] = [0.35, 7, 12, 3]
  const threshold = Math.floor(Math.fround(rate) * 2 ** 32)
  for (const shape of [
    { batch: 3, window: 5, width: 7 },
    { batch: 2, window: 3, width: 64 },
    { batch: 2, window: 37, width: 3 },
  ]) {
    const size = shape.batch * shape.window * shape.width
    const first = firstRow * shape.window * shape.width
    const want = Float32Array.from({ length: size }, (_, i) => {
      const index = first + i
      const word = philox([Math.floor(index / 4), 0, minibatch, site], BigInt(seed))[index % 4] as number
      return word < threshold ? 0 : 1
    })
    t.true(want.includes(0) && want.includes(1))
    for (const { name: runner, run } of everywhere) {
      const options = { rate, site, minibatch, firstRow, seed }
      const inputs = [new Float32Array(shape.width), new Float32Array(size).fill(1)]
      const { dy } = run('fp32', 'dropout_backward', shape, inputs, options)
      t.deepEqual(
        (dy as Float32Array).map((x) => (x === 0 ? 0 : 1)),
        want,
        runner,
      )
      t.true((dy as Float32Array).every((x) => x === 0 || Math.abs(x - 1 / (1 - rate)) < 1e-6))
    }
  }
})

test('the places of elements past 2^34 count as well', (t) => {
  const shape = { batch: 1, window: 64, width: 1024 }
  const firstRow = 2 ** 19
  const size = 64 * 1024
  const inputs = [new Float32Array(1024), new Float32Array(size).fill(1)]
  const masks = ({ run }: Runner, at: number) =>
    run('fp32', 'dropout_backward', shape, inputs, { rate: 0.5, seed, firstRow: at }).dy
  const want = masks(reference, firstRow)
  for (const runner of runners) {
    t.deepEqual(masks(runner, firstRow), want, runner.name)
    t.notDeepEqual(masks(runner, 0), want)
  }
})

test('attention probabilities are dropped by their counters', (t) => {
  // With q = k = 0 every probability of row r is 1/(r+1); v is an identity, so that out[r, c] shows what became of it.
  const [rate, site, minibatch, firstRow, heads, window] = [0.4, 5, 2, 3, 2, 43]
  const width = heads * window
  const shape = { batch: 2, window, width, heads }
  const qkv = new Float32Array(2 * window * 3 * width)
  for (let row = 0; row < 2 * window; row++) {
    for (let h = 0; h < heads; h++) qkv[row * 3 * width + 2 * width + h * window + (row % window)] = 1
  }
  const threshold = Math.floor(Math.fround(rate) * 2 ** 32)
  const group = (x: number) => Math.floor(x / 16) * 8 + (x % 8)
  const want = new Float32Array(2 * window * width)
  for (let sequence = 0; sequence < 2; sequence++) {
    for (let h = 0; h < heads; h++) {
      for (let row = 0; row < window; row++) {
        for (let column = 0; column <= row; column++) {
          const counter = [group(row) | (group(column) << 16), (firstRow + sequence) * heads + h, minibatch, site]
          const word = (Math.floor(row / 8) % 2) * 2 + (Math.floor(column / 8) % 2)
          const kept = (philox(counter, BigInt(seed))[word] as number) >= threshold
          want[(sequence * window + row) * width + h * window + column] = kept ? 1 : 0
        }
      }
    }
  }
  for (const { name: runner, run } of everywhere) {
    const options = { rate, site, minibatch, firstRow, seed }
    const { out } = run('fp32', 'attention_forward', shape, [qkv], options)
    t.deepEqual(
      (out as Float32Array).map((x) => (x === 0 ? 0 : 1)),
      want,
      runner,
    )
  }
})

for (const name of ['dropout_forward', 'dropout_forward_fp32']) {
  test(`${name} agrees with the reference`, (t) => {
    const shapes = [
      { batch: 2, window: 9, width: 5 },
      { batch: 1, window: 40, width: 48 },
    ]
    compareWithReference(t, name, shapes, { rate: 0.1, seed: 4, firstRow: 3 })
    compareWithReference(t, name, shapes)
  })
}

test('dropout_backward agrees with the reference', (t) => {
  compareWithReference(
    t,
    'dropout_backward',
    [
      { batch: 2, window: 9, width: 5 },
      { batch: 1, window: 40, width: 48 },
    ],
    { rate: 0.1, seed: 4 },
  )
})
