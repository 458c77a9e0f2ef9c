import test from 'ava'
import { summaryText } from '../../ts/report/summary_text.js'
import { madeResult } from './made_results.js'

const plain = { width: 80, colours: false }

test('one comparison', (t) => {
  t.is(
    summaryText(
      [madeResult({ fw: 1.05512, bw: 1.15096, interval: [0.0801, 0.1112], seeds: 3, established: true })],
      plain,
    ),
    `one seed: sign not established

Validation loss, nats per token
seeds  forward  backward  difference       95 % interval  BW/FW−1  sign
    3   1.0551    1.1510     +0.0958  +0.0801 to +0.1112  +9.08 %  established`,
  )
})

const grid = [
  [16, 'gpt'],
  [128, 'gru'],
].map(([attn_length, model], index) =>
  madeResult({
    name: `attn_length=${attn_length},model=${model}`,
    cell: { attn_length: attn_length as number, model: model as string },
    bw: 2.5 - index,
    interval: index === 0 ? [0.25, 0.75] : null,
    others: index === 0 ? { middle_out: 2.75 } : {},
    verdict: `a verdict of cell ${index}, ${'which is long, '.repeat(5)}and goes on in a second line`,
  }),
)

test('a row for each cell of a grid, 80 columns wide', (t) => {
  const text = summaryText(grid, plain)
  t.is(
    text,
    `attn_length=16 model=gpt: a verdict of cell 0, which is long, which is long,
which is long, which is long, which is long, and goes on in a second line
attn_length=128 model=gru: a verdict of cell 1, which is long, which is long,
which is long, which is long, which is long, and goes on in a second line

Validation loss, nats per token
                           forward  backward  difference       95 % interval
attn_length=16 model=gpt    2.0000    2.5000     +0.5000  +0.2500 to +0.7500
attn_length=128 model=gru   2.0000    1.5000     −0.5000`,
  )
  t.true(text.split('\n').every((line) => line.length <= 80))
})

test('a wide terminal shows all, a narrow one the losses', (t) => {
  const table = (width: number) => summaryText(grid, { width, colours: false }).split('\n').slice(-3).join('\n')
  t.is(
    table(140),
    `                           seeds  forward  backward  difference       95 % interval   BW/FW−1  middle_out  sign
attn_length=16 model=gpt       1   2.0000    2.5000     +0.5000  +0.2500 to +0.7500  +25.00 %      2.7500  open
attn_length=128 model=gru      1   2.0000    1.5000     −0.5000                      −25.00 %              open`,
  )
  t.is(
    table(46),
    `                 forward  backward  difference
attn_length=16…   2.0000    2.5000     +0.5000
attn_length=12…   2.0000    1.5000     −0.5000`,
  )
})
