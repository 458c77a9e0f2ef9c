import test from 'ava'
import { type Ceilings, measureCeilings } from '../../ts/bench/ceilings.js'
import { opFigures, stepFigures } from '../../ts/bench/figures.js'
import { benchOps, selectCalls } from '../../ts/bench/ops.js'
import { type Row, row as rowSchema, timeOf } from '../../ts/bench/record.js'
import { shapeSets } from '../../ts/bench/shapes.js'
import { native } from '../../ts/native.js'
import { devices } from '../devices.js'

const tiny = Object.values(shapeSets.tiny)
const planted: Ceilings = { matmul: { fp32: 1e12, bf16: 4e12 }, copy: 1e11, copyOf: async () => 2e11 }

test('figures are those worked out by hand', async (t) => {
  // 2 ms for 5e8 FLOPs and 4e7 bytes: 0.25 TFLOP/s, 20 GB/s.
  const time = timeOf([0.002, 0.002, 0.002])
  const cost = { flops: 5e8, bytes: 4e7 }
  // Floors: 0.5 ms of products in fp32, 0.2 ms of bytes.
  t.deepEqual(await opFigures(time, cost, 'fp32', planted), {
    tflops: 0.25,
    gbytes_per_s: 20,
    of_copy: 0.2,
    of_matmul: 0.25,
    of_floor: 0.25,
  })
  // In bf16 products take 0.125 ms, so that the bytes bind.
  const low = await opFigures(time, cost, 'bf16', planted)
  t.is(low.of_matmul, 0.0625)
  t.is(low.of_floor, 0.1)
  const unknown = await opFigures(time, cost, 'fp32', { ...planted, matmul: { fp32: null, bf16: null } })
  t.deepEqual(Object.keys(unknown).sort(), ['gbytes_per_s', 'of_copy', 'tflops'])
})

test('MFU is worked out from the model and the measured product; without one it stays unknown', (t) => {
  const shape = { ...shapeSets.tiny.gru_tiny, n_layers: 1, embed_dim: 4, vocab_size: 10, attn_length: 3, batch: 2 }
  // 816 FLOPs a token (shapes.test.ts), 6 tokens in 3 ms.
  t.deepEqual(stepFigures(shape, 0.003, 1000, 8160), {
    tokens_per_s: 2000,
    tflops: 1.632e-6,
    mfu: 200,
    peak_memory: 1000,
  })
  t.false('mfu' in stepFigures(shape, 0.003, 1000, null))
})

test('calls are made once each, and found by parts of their names', (t) => {
  const all = selectCalls(tiny, [])
  t.is(new Set(all.map((call) => JSON.stringify(call))).size, all.length)
  t.is(
    all.filter(({ op }) => op === 'layernorm_forward').length,
    2,
    'of gpt; of gru and lstm, whose sizes are the same',
  )
  t.deepEqual([...new Set(selectCalls(tiny, ['attention', 'gru']).map(({ op }) => op))].sort(), [
    'attention_backward',
    'attention_forward',
    'gru_backward',
    'gru_forward',
  ])
  t.throws(() => selectCalls(tiny, ['conv']), {
    code: 'AOT_CONFIG',
    message: /^--op: no op has "conv" in its name; there are copy, /,
  })
  t.throws(() => selectCalls([shapeSets.tiny.gpt_tiny], ['gru']), {
    code: 'AOT_CONFIG',
    message: /none of these models' steps has gru/,
  })
})

for (const device of devices.filter((name) => name !== 'reference')) {
  test(`every op of every tiny model is timed: ${device}`, async (t) => {
    const precisions = ['fp32', 'bf16'] as const
    const { ceilings, rows } = await measureCeilings(device === 'cpu' ? 'cpu' : device, precisions, 0.01, {
      threads: 2,
    })
    t.deepEqual(
      rows.map(({ name }) => name),
      ['matmul', 'matmul', 'copy'],
    )
    const seen: Row[] = []
    const request = {
      device,
      precisions,
      threads: 2,
      models: tiny,
      ops: [],
      seconds: 0.01,
      signal: new AbortController().signal,
    }
    const measured = await benchOps(request, ceilings, (row) => seen.push(row))
    t.deepEqual(seen, measured)
    for (const row of [...rows, ...measured]) {
      rowSchema.parse(row)
      t.true(row.time.repeats >= 5, row.name)
    }
    const names = new Set(selectCalls(tiny, []).map(({ op }) => op))
    t.deepEqual(new Set(measured.map(({ name }) => name)), names)
    t.true(measured.every(({ figures }) => (figures.of_floor as number) > 0))
  })
}

test('the device of ops is a device, their sizes are sizes', async (t) => {
  await t.throwsAsync(native.timeOp('gpu', 'fp32', 'copy', {}, 0.1), { code: 'AOT_DEVICE' })
  t.throws(() => native.timeOp('cpu', 'fp32', 'copy', { width: 2 ** 21 }, 0.1), { code: 'AOT_CONFIG' })
  t.throws(() => native.timeOp('cpu', 'fp32', 'copy', {}, Number.NaN), { code: 'AOT_CONFIG', message: /seconds/ })
  await t.throwsAsync(native.timeOp('cpu', 'fp32', 'attention_forward', { width: 7, heads: 2 }, 0.1), {
    code: 'AOT_CONFIG',
    message: 'attention_forward: width must be a multiple of heads',
  })
})

test('an aborted benchmark makes no further call', async (t) => {
  const controller = new AbortController()
  const request = {
    device: 'cpu',
    precisions: ['fp32'] as const,
    threads: 1,
    models: tiny,
    ops: [],
    seconds: 0.001,
    signal: controller.signal,
  }
  const rows = await benchOps(request, planted, () => controller.abort())
  t.is(rows.length, 1)
})
