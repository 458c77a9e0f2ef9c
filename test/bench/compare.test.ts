import test from 'ava'
import { compare } from '../../ts/bench/compare.js'
import { comparisonTable } from '../../ts/bench/comparison_table.js'
import { file, row, run } from './rows.js'

const plain = { width: 120, colours: false }
const names = (rows: { name: string }[]) => rows.map(({ name }) => name)

test('a real slow-down is noticed, noise is not', (t) => {
  const before = file(run([row('slower', 1), row('faster', 1), row('much slower', 1), row('steady', 1)]))
  const after = file(run([row('slower', 1.1), row('faster', 0.8), row('much slower', 1.5), row('steady', 1.01)]))
  const { pairs, onlyBefore, onlyAfter, machines, versions } = compare(before, after)
  t.deepEqual(
    pairs.map(({ row, change }) => [row.name, change]),
    [
      ['much slower', 'slower'],
      ['slower', 'slower'],
      ['faster', 'faster'],
      ['steady', null],
    ],
  )
  t.is(pairs[0]?.ratio, 1.5)
  t.is(pairs[2]?.ratio, 0.8)
  t.deepEqual([onlyBefore, onlyAfter, machines, versions], [[], [], [], []])
})

test('intervals that meet are noise, however far the medians', (t) => {
  const one = { ...row('op', 1), time: { median: 1, p20: 0.9, p80: 1.5, repeats: 30 } }
  const other = { ...row('op', 1.6), time: { median: 1.6, p20: 1.5, p80: 1.7, repeats: 30 } }
  t.is(compare(file(run([one])), file(run([other]))).pairs[0]?.change, null)
  const apart = { ...other, time: { ...other.time, p20: 1.5001 } }
  t.is(compare(file(run([one])), file(run([apart]))).pairs[0]?.change, 'slower')
  t.is(compare(file(run([apart])), file(run([one]))).pairs[0]?.change, 'faster')
})

test('2 % and less is no change, however narrow the intervals', (t) => {
  const change = (median: number) =>
    compare(file(run([row('op', 1, { spread: 1e-4 })])), file(run([row('op', median, { spread: 1e-4 })]))).pairs[0]
      ?.change
  t.is(change(1.019), null)
  t.is(change(1.021), 'slower')
  t.is(change(1 / 1.019), null)
  t.is(change(1 / 1.021), 'faster')
})

test('several runs in a file: their noise counts', (t) => {
  const runs = (...medians: number[]) => file(...medians.map((median) => run([row('op', median)])))
  // Within one run 1 %, between runs 20 %: 1.15 is nothing new.
  const { pairs } = compare(runs(1.1, 1, 1.2), runs(1.15))
  t.is(pairs[0]?.change, null)
  t.deepEqual(
    [pairs[0]?.before.median, pairs[0]?.before.low, pairs[0]?.before.high, pairs[0]?.before.rows],
    [1.1, 0.99, 1.2 * 1.01, 3],
  )
  t.is(compare(runs(1), runs(1.15)).pairs[0]?.change, 'slower')
  t.is(compare(runs(1, 1.2, 1.1), runs(1.25, 1.3)).pairs[0]?.change, 'slower')
})

test('only the same work is compared', (t) => {
  const of = (more: Parameters<typeof row>[2]) => row('op', 1, more)
  const different = [
    of({ bench: 'train_op' }),
    row('another op', 1),
    of({ device: 'cuda:0' }),
    of({ precision: 'bf16' }),
    of({ precision: null }),
    of({ shape: { batch: 16, window: 128 } }),
    of({ shape: { batch: 16, window: '256' } }),
    of({ by: 'PyTorch 2.13.0 eager' }),
  ]
  const { pairs, onlyBefore, onlyAfter } = compare(file(run([of({})])), file(run(different)))
  t.deepEqual(pairs, [])
  t.is(onlyBefore.length, 1)
  t.is(onlyAfter.length, different.length)
  // The order in which sizes are written is nothing.
  t.is(compare(file(run([of({})])), file(run([of({ shape: { batch: 16, window: 256 } })]))).pairs.length, 1)
})

test('peers of another version are compared, and that is said', (t) => {
  const by = (version: string, kind: string) => ({ by: `PyTorch ${version} ${kind}` })
  const before = file(run([row('op', 1, by('2.12.0', 'eager')), row('op', 1, by('2.12.0', 'compile'))]))
  const after = file(run([row('op', 2, by('2.13.0+cu126', 'eager')), row('op', 1, by('2.12.0', 'compile'))]))
  const { pairs, versions, onlyAfter } = compare(before, after)
  t.deepEqual([pairs.length, onlyAfter.length], [2, 0])
  t.deepEqual(versions, [
    { what: 'PyTorch eager', before: ['PyTorch 2.12.0 eager'], after: ['PyTorch 2.13.0+cu126 eager'] },
  ])
})

test('a peer that is in one file only has no other version', (t) => {
  const { versions } = compare(file(run([row('op', 1, { by: 'tiktoken 0.12.0' })])), file(run([row('op', 1)])))
  t.deepEqual(versions, [])
})

test('another machine is said, also within one file', (t) => {
  const rows = [row('op', 1)]
  const { machines } = compare(file(run(rows)), file(run(rows, { cores: 4, node: 'v22.0.0', devices: [] })))
  t.deepEqual(machines, [
    { what: 'cores', before: ['2'], after: ['4'] },
    { what: 'devices', before: ['cpu: AVX-512, 2 threads'], after: ['none'] },
    { what: 'node', before: ['v20.19.0'], after: ['v22.0.0'] },
  ])
  const mixed = file(run(rows), run(rows, { processor: 'Another' }))
  t.deepEqual(compare(mixed, mixed).machines, [
    { what: 'processor', before: ['A processor, 2 cores', 'Another'], after: ['A processor, 2 cores', 'Another'] },
  ])
})

test('peak memory more than 5 % apart is said, also where the time did not change', (t) => {
  const ratio = (before: number | null, after: number | null) => {
    const side = (bytes: number | null) =>
      file(run([row('op', 1, { figures: bytes === null ? {} : { peak_memory: bytes } })]))
    return compare(side(before), side(after)).pairs[0]?.memoryRatio
  }
  t.is(ratio(1e9, 1.5e9), 1.5)
  t.is(ratio(1e9, 0.5e9), 0.5)
  t.is(ratio(1e9, 1.04e9), null)
  t.is(ratio(null, 1e9), null)
  t.is(ratio(1e9, null), null)
})

test('empty files, and a file with itself', (t) => {
  const same = file(run([row('op', 1), row('other', 2)]))
  t.is(
    comparisonTable(compare(file(), file()), plain),
    '0 faster, 0 slower, 0 within the noise, 0 only in A, 0 only in B',
  )
  t.is(comparisonTable(compare(same, same), plain), '0 faster, 0 slower, 2 within the noise, 0 only in A, 0 only in B')
  t.deepEqual(names(compare(file(), same).onlyAfter), ['op', 'other'])
})

const before = file(
  run([
    row('linear_forward', 0.006),
    row('gelu', 0.001),
    row('adamw', 0.01, { figures: { peak_memory: 1e9 } }),
    row('gone', 1, { by: 'PyTorch 2.12.0 eager' }),
    row('gelu', 0.002, { by: 'PyTorch 2.12.0 eager' }),
  ]),
)
const after = file(
  run(
    [
      row('linear_forward', 0.003),
      row('gelu', 0.00125),
      row('adamw', 0.01, { figures: { peak_memory: 2e9 } }),
      row('gelu', 0.003, { by: 'PyTorch 2.13.0 eager' }),
      row('new', 1, { precision: 'bf16', bench: 'train' }),
    ],
    { cores: 4 },
  ),
)
const rest = `
peak memory:
  adamw (16×256, fp32, cpu): 1.00 GB in A, 2.00 GB in B, ×2.00

only in A:
  gone, PyTorch 2.12.0 eager (16×256, fp32, cpu)

only in B:
  train new (16×256, bf16, cpu)

other versions of peers:
  PyTorch eager: PyTorch 2.12.0 eager in A, PyTorch 2.13.0 eager in B

not the same machine, so nothing can be concluded about the code:
  cores: 2 in A, 4 in B

1 faster, 2 slower, 1 within the noise, 1 only in A, 1 only in B`

test('the table of a comparison at 120 columns', (t) => {
  t.is(
    comparisonTable(compare(before, after), { width: 120, colours: false }),
    `what                        shape   prec  device        A  spread        B  spread        change
gelu, PyTorch 2.13.0 eager  16×256  fp32  cpu     2.00 ms  ±1.0 %  3.00 ms  ±1.0 %  ×1.50 slower
gelu                        16×256  fp32  cpu     1.00 ms  ±1.0 %  1.25 ms  ±1.0 %  ×1.25 slower
linear_forward              16×256  fp32  cpu     6.00 ms  ±1.0 %  3.00 ms  ±1.0 %  ×2.00 faster
${rest}`,
  )
})

test('the table of a comparison at 80 columns', (t) => {
  t.is(
    comparisonTable(compare(before, after), { width: 80, colours: false }),
    `what                        shape   prec        A        B        change
gelu, PyTorch 2.13.0 eager  16×256  fp32  2.00 ms  3.00 ms  ×1.50 slower
gelu                        16×256  fp32  1.00 ms  1.25 ms  ×1.25 slower
linear_forward              16×256  fp32  6.00 ms  3.00 ms  ×2.00 faster
${rest}`,
  )
})

test('colours only where they are wanted', (t) => {
  const text = comparisonTable(compare(before, after), { width: 120, colours: true })
  t.true(text.includes('\u001b[31m×1.50 slower\u001b[39m'))
  t.true(text.includes('\u001b[32m×2.00 faster\u001b[39m'))
})
