import test from 'ava'
import type { ArrowResult } from '../../ts/arrow/types.js'
import { summaryText } from '../../ts/report/summary_text.js'
import { result } from './results.js'

interface Known extends Partial<Omit<ArrowResult, 'interval'>> {
  bw: number
  interval: [low: number, high: number] | null
}

/** With figures that are known. */
function made({ interval: ends, fw = 2, bw, ...rest }: Known): ArrowResult {
  const [low, high] = ends ?? [0, 0]
  const interval = ends === null ? null : { low, high, level: 0.95, over: 'windows' as const, blocks: 6 }
  const one = result({ seeds: rest.established ? 3 : 1 })
  return { ...one, fw, bw, difference: bw - fw, ratio: bw / fw - 1, interval, ...rest }
}

const plain = { width: 80, colours: false }

test('one comparison', (t) => {
  t.is(
    summaryText(
      [
        made({
          fw: 1.05512,
          bw: 1.15096,
          interval: [0.0801, 0.1112],
          established: true,
          verdict: 'backward is harder',
        }),
      ],
      plain,
    ),
    `backward is harder

Validation loss, nats per token
seeds  forward  backward  difference       95 % interval  BW/FW−1  sign
    3   1.0551    1.1510     +0.0958  +0.0801 to +0.1112  +9.08 %  established`,
  )
})

const grid = [
  [16, 'gpt'],
  [128, 'gru'],
].map(([attn_length, model], index) =>
  made({
    name: `attn_length=${attn_length},model=${model}`,
    cell: { attn_length: attn_length as number, model: model as string },
    model: { kind: model as string, parameters: null, attn_length: attn_length as number },
    bw: 2.5 - index,
    interval: index === 0 ? [0.25, 0.75] : null,
    ...(index === 0 ? { others: { middle_out: {} as never }, losses: { middle_out: 2.75 } } : {}),
    established: false,
    verdict: `a verdict of cell ${index}, ${'which is long, '.repeat(5)}and goes on in a second line`,
  }),
)

test('a row for each cell of a grid, 80 columns wide', (t) => {
  const text = summaryText(grid, plain)
  t.is(
    text,
    `16 tokens, gpt: a verdict of cell 0, which is long, which is long, which is
long, which is long, which is long, and goes on in a second line
128 tokens, gru: a verdict of cell 1, which is long, which is long, which is
long, which is long, which is long, and goes on in a second line

Validation loss, nats per token
                 forward  backward  difference       95 % interval  middle_out
16 tokens, gpt    2.0000    2.5000     +0.5000  +0.2500 to +0.7500      2.7500
128 tokens, gru   2.0000    1.5000     −0.5000`,
  )
  t.true(text.split('\n').every((line) => line.length <= 80))
})

test('a wide terminal shows all, a narrow one the losses', (t) => {
  const table = (width: number) => summaryText(grid, { width, colours: false }).split('\n').slice(-3).join('\n')
  t.is(
    table(140),
    `                 seeds  forward  backward  difference       95 % interval   BW/FW−1  middle_out  sign
16 tokens, gpt       1   2.0000    2.5000     +0.5000  +0.2500 to +0.7500  +25.00 %      2.7500  open
128 tokens, gru      1   2.0000    1.5000     −0.5000                      −25.00 %              open`,
  )
  t.is(
    table(44),
    `                forward  backward  difference
16 tokens, gpt   2.0000    2.5000     +0.5000
128 tokens, g…   2.0000    1.5000     −0.5000`,
  )
})
