import { stripVTControlCharacters } from 'node:util'
import test from 'ava'
import { terminalStyle } from '../../ts/bench/columns.js'
import type { Row } from '../../ts/bench/record.js'
import {
  digits,
  formatPercent,
  formatShape,
  formatSpread,
  formatTime,
  withoutVersion,
} from '../../ts/bench/row_text.js'
import { rowsTable } from '../../ts/bench/table.js'
import { row } from './rows.js'

const linear = { batch: 16, window: 256, width: 192, out: 768 }
const torch = { by: 'PyTorch 2.13.0 eager' }
const figures = { tflops: 0.198, gbytes_per_s: 3.2, of_matmul: 0.973, of_copy: 0.15, of_floor: 0.985 }

/** Peers first, and out of order: the table puts them where they belong. */
const rows: Row[] = [
  row('linear_forward', 0.0099, { shape: linear, ...torch, figures: { tflops: 0.122, gbytes_per_s: 1.98 } }),
  row('copy', 0.0254, { bench: 'ceiling', shape: { bytes: 268435456 }, figures: { gbytes_per_s: 21.1 } }),
  row('matmul', 0.0844, {
    bench: 'ceiling',
    shape: { batch: 1, window: 2048, width: 2048, out: 2048 },
    figures: { tflops: 1.2035 },
  }),
  row('linear_forward', 0.00611, { shape: linear, figures, spread: 0.02 }),
  row('linear_forward', 0.00201, { shape: linear, precision: 'bf16', figures: { ...figures, tflops: 0.6 } }),
  row('linear_residual_layernorm_forward', 1.6e-4, { shape: { ...linear, out: 192 }, figures }),
  row('attention_forward', 8e-7, {
    shape: { batch: 16, window: 256, width: 192, heads: 6 },
    figures: { tflops: 5, gbytes_per_s: 520, of_matmul: 0.2, of_copy: 1.02, of_floor: 0.5 },
    spread: 0.15,
  }),
  row('attention_forward', 6e-7, { shape: { batch: 16, window: 256, width: 192, heads: 6 }, by: 'flash SDPA 2.13.0' }),
  row('cross_entropy', 0.6, { by: 'PyTorch 2.13.0 eager', shape: { batch: 16, window: 256, vocabulary: 50257 } }),
  row('cross_entropy', 0.4, { by: 'PyTorch 2.13.0 compile', shape: { batch: 16, window: 256, vocabulary: 50257 } }),
  row('linear_forward', 4e-5, { shape: linear, device: 'cuda:0', figures: { tflops: 58, of_floor: 0.6 } }),
]

test('ops at 120 columns', (t) => {
  t.is(
    rowsTable(rows, { width: 120, colours: false }),
    `ops on cpu
                                                                             of      of      of
op                                 prec   median   spread  FLOP/s  GB/s  matmul    copy   floor   ours
linear_forward
  16×256×192 → 768                 fp32  6.11 ms   ±2.0 %   198 G  3.20  97.3 %  15.0 %  98.5 %
    PyTorch 2.13.0 eager                 9.90 ms   ±1.0 %   122 G  1.98                          ×1.62
  16×256×192 → 768                 bf16  2.01 ms   ±1.0 %   600 G  3.20  97.3 %  15.0 %  98.5 %
linear_residual_layernorm_forward
  16×256×192 → 192                 fp32   160 µs   ±1.0 %   198 G  3.20  97.3 %  15.0 %  98.5 %
attention_forward
  16×256×192, 6 heads              fp32   800 ns  ±15.0 %  5.00 T   520  20.0 %   102 %  50.0 %
    flash SDPA 2.13.0                     600 ns   ±1.0 %                                        ×0.75
cross_entropy
  16×256, vocabulary 50257
    PyTorch 2.13.0 eager           fp32   600 ms   ±1.0 %
    PyTorch 2.13.0 compile         fp32   400 ms   ±1.0 %

ceilings on cpu
ceiling  shape               prec   median  spread  FLOP/s  GB/s
copy     268 MB              fp32  25.4 ms  ±1.0 %          21.1
matmul   1×2048×2048 → 2048  fp32  84.4 ms  ±1.0 %  1.20 T

ops on cuda:0
                                                       of
op                  prec   median  spread  FLOP/s   floor
linear_forward
  16×256×192 → 768  fp32  40.0 µs  ±1.0 %  58.0 T  60.0 %`,
  )
})

test('ops at 80 columns', (t) => {
  t.is(
    rowsTable(rows, { width: 80, colours: false }),
    `ops on cpu
                                                                       of
op                                 prec   median   spread  FLOP/s   floor   ours
linear_forward
  16×256×192 → 768                 fp32  6.11 ms   ±2.0 %   198 G  98.5 %
    PyTorch 2.13.0 eager                 9.90 ms   ±1.0 %   122 G          ×1.62
  16×256×192 → 768                 bf16  2.01 ms   ±1.0 %   600 G  98.5 %
linear_residual_layernorm_forward
  16×256×192 → 192                 fp32   160 µs   ±1.0 %   198 G  98.5 %
attention_forward
  16×256×192, 6 heads              fp32   800 ns  ±15.0 %  5.00 T  50.0 %
    flash SDPA 2.13.0                     600 ns   ±1.0 %                  ×0.75
cross_entropy
  16×256, vocabulary 50257
    PyTorch 2.13.0 eager           fp32   600 ms   ±1.0 %
    PyTorch 2.13.0 compile         fp32   400 ms   ±1.0 %

ceilings on cpu
ceiling  shape               prec   median  spread  FLOP/s  GB/s
copy     268 MB              fp32  25.4 ms  ±1.0 %          21.1
matmul   1×2048×2048 → 2048  fp32  84.4 ms  ±1.0 %  1.20 T

ops on cuda:0
                                                       of
op                  prec   median  spread  FLOP/s   floor
linear_forward
  16×256×192 → 768  fp32  40.0 µs  ±1.0 %  58.0 T  60.0 %`,
  )
})

const training: Row[] = [
  row('mini', 0.611, {
    bench: 'train',
    shape: { batch: 16, window: 256 },
    figures: { tokens_per_s: 6703.6, mfu: 0.453, peak_memory: 1.3e9 },
  }),
  row('mini', 1.4, { bench: 'train', ...torch, figures: { tokens_per_s: 2926, peak_memory: 9.3e9 } }),
  row('mini', 0.5, { bench: 'train', by: 'PyTorch 2.13.0 compile', figures: { tokens_per_s: 8192, peak_memory: 9e9 } }),
  row('adamw', 0.012, { bench: 'train_op', shape: {}, figures: { share: 0.02 } }),
  row('linear_forward', 0.3, {
    bench: 'train_op',
    shape: {},
    figures: { share: 0.491, tflops: 0.198, gbytes_per_s: 2.25, of_matmul: 0.91 },
  }),
  row('gelu', 0.1, { bench: 'train_op', shape: {}, figures: { share: 0.164 } }),
]

test('training at 120 columns', (t) => {
  t.is(
    rowsTable(training, { width: 120, colours: false }),
    `training on cpu
                                                                           peak
model  shape   prec  by                      tokens/s  spread      MFU   memory   ours
mini   16×256  fp32  arrows-of-time             6,704  ±1.0 %   45.3 %  1.30 GB
                     PyTorch 2.13.0 eager       2,926  ±1.0 %  unknown  9.30 GB  ×2.29
                     PyTorch 2.13.0 compile     8,192  ±1.0 %  unknown  9.00 GB  ×0.82

share of a training step on cpu
                                                        of
op              prec  calls     mean  FLOP/s  GB/s  matmul   share
linear_forward  fp32     30   300 ms   198 G  2.25  91.0 %  49.1 %
gelu            fp32     30   100 ms                        16.4 %
adamw           fp32     30  12.0 ms                         2.0 %`,
  )
})

test('training at 80 columns', (t) => {
  t.is(
    rowsTable(training, { width: 80, colours: false }),
    `training on cpu
                                                                   peak
model  shape   prec  by                      tokens/s      MFU   memory   ours
mini   16×256  fp32  arrows-of-time             6,704   45.3 %  1.30 GB
                     PyTorch 2.13.0 eager       2,926  unknown  9.30 GB  ×2.29
                     PyTorch 2.13.0 compile     8,192  unknown  9.00 GB  ×0.82

share of a training step on cpu
                                                        of
op              prec  calls     mean  FLOP/s  GB/s  matmul   share
linear_forward  fp32     30   300 ms   198 G  2.25  91.0 %  49.1 %
gelu            fp32     30   100 ms                        16.4 %
adamw           fp32     30  12.0 ms                         2.0 %`,
  )
})

test('ops by their share stay with their step', (t) => {
  const of = (name: string, precision: 'fp32' | 'bf16', share: number) =>
    row(name, 1, { bench: 'train_op', precision, figures: { share } })
  const text = rowsTable([of('a', 'fp32', 0.2), of('b', 'bf16', 0.9), of('c', 'fp32', 0.8), of('d', 'bf16', 0.1)], {
    width: 80,
    colours: false,
  })
  t.deepEqual(
    text
      .split('\n')
      .slice(2)
      .map((line) => line[0]),
    ['c', 'a', 'b', 'd'],
  )
})

test('tokenizing: peers get less of the text, so that rates are compared', (t) => {
  const shape = { text: 'french', vocabulary: 50257, threads: 2 }
  const work = { bench: 'tokenize', precision: null, shape } as const
  const ours = { text_bytes: 104857600, mbytes_per_s: 87.4, peak_memory: 5e7 }
  const text = [
    row('encode', 1.2, { ...work, figures: ours }),
    row('encode', 2.84, { ...work, by: 'tokenizers 0.23.2 (node)', figures: { text_bytes: 2e7, mbytes_per_s: 7.38 } }),
    row('encode', 2.3, { ...work, shape: { ...shape, threads: 1 }, figures: { ...ours, mbytes_per_s: 45.6 } }),
  ]
  t.is(
    rowsTable(text, { width: 120, colours: false }),
    `tokenizing on cpu
work           by                        threads  vocabulary  median  spread       of  MB/s   memory   ours
encode french  arrows-of-time                  2       50257  1.20 s  ±1.0 %   105 MB  87.4  50.0 MB
               tokenizers 0.23.2 (node)        2              2.84 s  ±1.0 %  20.0 MB  7.38           ×11.8
encode french  arrows-of-time                  1       50257  2.30 s  ±1.0 %   105 MB  45.6  50.0 MB`,
  )
})

test('nothing measured: nothing', (t) => {
  t.is(rowsTable([], { width: 80, colours: false }), '')
})

test('no line is wider than a terminal of 80, and what must be read stays', (t) => {
  const lines = rowsTable([...rows, ...training], { width: 80, colours: false }).split('\n')
  t.deepEqual(
    lines.filter((line) => line.length > 80),
    [],
  )
})

test('colours where they are wanted: a ratio is good or bad', (t) => {
  const text = rowsTable(rows, { width: 120, colours: true })
  t.true(text.includes('\u001b[32m×1.62\u001b[39m'))
  t.true(text.includes('\u001b[31m×0.75\u001b[39m'))
  t.is(stripVTControlCharacters(text), rowsTable(rows, { width: 120, colours: false }))
})

test.serial('the style of a terminal, a pipe, and NO_COLOR', (t) => {
  const before = process.env.NO_COLOR
  t.teardown(() => {
    if (before === undefined) delete process.env.NO_COLOR
    else process.env.NO_COLOR = before
  })
  delete process.env.NO_COLOR
  t.deepEqual(terminalStyle({ isTTY: true, columns: 93 }), { width: 93, colours: true })
  t.deepEqual(terminalStyle({ isTTY: true, columns: 0 }), { width: 100, colours: true })
  t.deepEqual(terminalStyle({ columns: 93 }), { width: 100, colours: false })
  process.env.NO_COLOR = '1'
  t.deepEqual(terminalStyle({ isTTY: true, columns: 93 }), { width: 93, colours: false })
})

test('amounts', (t) => {
  const times: [number, string][] = [
    [2.5e-10, '0.25 ns'],
    [1.5e-9, '1.50 ns'],
    [9.996e-7, '1.00 µs'],
    [12.34e-6, '12.3 µs'],
    [0.00099951, '1.00 ms'],
    [0.25, '250 ms'],
    [1, '1.00 s'],
    [123.4, '123 s'],
  ]
  for (const [seconds, text] of times) t.is(formatTime(seconds), text)
  t.deepEqual([0, 0.123, 9.994, 9.996, 99.94, 99.96, 12345].map(digits), [
    '0.00',
    '0.12',
    '9.99',
    '10.0',
    '99.9',
    '100',
    '12345',
  ])
  t.deepEqual([0, 0.0314, 0.9994, 0.9996, 1.25].map(formatPercent), ['0.0 %', '3.1 %', '99.9 %', '100 %', '125 %'])
  t.is(formatSpread(2, 1.5, 3.5), '±50.0 %')
})

test('shapes', (t) => {
  t.is(formatShape({ width: 192, out: 768, window: 256, batch: 16 }), '16×256×192 → 768')
  t.is(formatShape({ batch: 16, window: 256, width: 192, heads: 1 }), '16×256×192, 1 head')
  t.is(formatShape({ batch: 16, window: 256, vocabulary: 50257 }), '16×256, vocabulary 50257')
  t.is(formatShape({ parameters: 1000 }), 'parameters 1000')
  t.is(formatShape({ out: 5 }), '→ 5')
  t.is(formatShape({ bytes: 1e6, text: 'en' }), '1.00 MB, text en')
  t.is(formatShape({}), '')
})

test('names without their version', (t) => {
  t.is(withoutVersion('PyTorch 2.13.0+cu126 eager'), 'PyTorch eager')
  t.is(withoutVersion('tiktoken 0.12.0'), 'tiktoken')
  t.is(withoutVersion('tokenizers 0.23.2-rc.1 (node)'), 'tokenizers (node)')
  t.is(withoutVersion('arrows-of-time'), 'arrows-of-time')
})
