/** What is drawn, where: the marks of the charts stand for the figures of the results. */
import test from 'ava'
import type { ArrowResult } from '../../ts/arrow/types.js'
import { sourceCharts, trainingAndPositions } from '../../ts/report/charts/all.js'
import { type Chart, framed, spread, widths } from '../../ts/report/charts/draw.js'
import { gridCharts } from '../../ts/report/charts/grid.js'
import { lossChart, lossLines } from '../../ts/report/charts/loss.js'
import { stretches } from '../../ts/report/charts/positions.js'
import { ticksWithRoom } from '../../ts/report/charts/ticks.js'
import { trainingChart, trainingLines } from '../../ts/report/charts/training.js'
import { dimensionsOf, labelsOf } from '../../ts/report/dimensions.js'
import { paperContexts } from '../../ts/report/paper.js'
import { type ReadElement, readHtml } from './read_page.js'
import { bare, grid2x2, languages, result } from './results.js'

const drawn = (chart: Chart | null | undefined, width = widths.wide): ReadElement => {
  if (chart === null || chart === undefined) throw new Error('no chart')
  return readHtml(framed(chart, chart.draw(width, 'id')))
}

const texts = (svg: ReadElement) => [...svg.querySelectorAll('text')].map(({ textContent }) => textContent)

const names = (charts: Chart[]) => charts.map(({ name }) => name)

test('a result alone has its losses, its arrow, its positions and its sources', (t) => {
  t.deepEqual(names(trainingAndPositions(result())), ['loss', 'arrow', 'position', 'position-difference'])
  t.deepEqual(names(sourceCharts(result())), ['tokens', 'place', 'place-difference'])
  t.deepEqual(names(sourceCharts(bare())), [])
  t.deepEqual(gridCharts([result()]), [])
})

test('losses are means over the seeds at each step, with the lowest and the highest', (t) => {
  const one = result({ seeds: 3 })
  const { lines, notes } = lossLines(one)
  const forward = lines.series.find(({ label }) => label === 'forward')
  const at = (index: number) =>
    one.curves.filter(({ direction }) => direction === 'forward').map(({ valid }) => valid[index]?.[1] as number)
  t.is(forward?.points.length, 10)
  for (const [index, point] of (forward?.points ?? []).entries()) {
    const losses = at(index)
    t.true(Math.abs(point.y - losses.reduce((a, b) => a + b) / 3) < 1e-12)
    t.is(point.low, Math.min(...losses))
    t.is(point.high, Math.max(...losses))
  }
  t.true(notes.join(' ').includes('means over 3 seeds'))
  t.is(lossLines(result({ seeds: 1 })).lines.series.find(({ label }) => label === 'forward')?.points[0]?.low, undefined)
})

test('a long training is thinned by means, and its first steps are left above the picture', (t) => {
  const one = result({ seeds: 1, steps: 6000 })
  const { lines, notes } = lossLines(one)
  const pale = lines.series.find(({ faint }) => faint)
  t.true((pale?.points.length ?? 0) <= 240)
  const train = one.curves[0]?.train ?? []
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length
  const each = Math.ceil(train.length / 240)
  t.true(Math.abs((pale?.points[1]?.y ?? 0) - mean(train.slice(each, 2 * each).map(([, loss]) => loss))) < 1e-9)
  t.true(notes.includes('The first steps lie above the picture.'))
  const top = lines.y.top as number
  t.true(top < (train[0]?.[1] as number))
  t.true(Math.max(...(lines.series.find(({ label }) => label === 'backward')?.points ?? []).map(({ y }) => y)) <= top)
})

test('directions are told apart without colour: by dashes, by the shape of points, by name', (t) => {
  const { lines } = lossLines(result({ others: { middle_out: 0.05, 'uniform_random(3)': 0.06 } }))
  const strong = lines.series.filter(({ faint }) => !faint)
  t.is(new Set(strong.map(({ symbol }) => symbol)).size, 4)
  t.not(strong[0]?.dash, strong[1]?.dash)
  const said = texts(drawn(lossChart(result({ others: { middle_out: 0.05 } }))))
  for (const name of ['forward', 'backward', 'middle_out'])
    t.true(
      said.some((text) => text.startsWith(name)),
      name,
    )
})

test('the floor of a known language is drawn, in the picture and by name', (t) => {
  const one = result({ known: true, fw: 1.1 })
  const svg = drawn(lossChart(one))
  t.true(texts(svg).includes('entropy floor'))
  t.false(texts(drawn(lossChart(result()))).includes('entropy floor'))
  t.deepEqual(lossLines(one).lines.levels, [{ y: 1.04, label: 'entropy floor' }])
})

test('the arrow through training is in percent and in nats, each with its interval and zero', (t) => {
  const one = result()
  const percent = trainingLines(one, 'percent')
  const nats = trainingLines(one, 'nats')
  for (const [index, { step, fw, difference, ratio, interval }] of one.training.entries()) {
    const [first, second] = [percent.series[0]?.points[index], nats.series[0]?.points[index]]
    t.is(first?.x, step)
    t.is(first?.y, ratio * 100)
    t.is(first?.low, (100 * (interval?.low as number)) / fw)
    t.is(second?.y, difference)
    t.is(second?.high, interval?.high)
  }
  t.true(percent.y.zero && nats.y.zero)
  const said = texts(drawn(trainingChart(one)))
  t.true(said.includes('↑ BW/FW − 1, %') && said.includes('↑ BW − FW, nats per token'))
})

test('zero is in the picture of the arrow even when the arrow is far from it', (t) => {
  const said = texts(drawn(trainingChart(result({ ratio: 0.5 }))))
  t.true(said.filter((text) => text === '0').length >= 2)
})

test('one validation is a point, none is no chart', (t) => {
  const one = bare()
  t.true([...drawn(trainingChart(one)).querySelectorAll('path, circle')].length > 0)
  t.is(lossChart(one)?.table.rows.length, 1)
  const none = result({ validations: 0 })
  t.is(trainingChart(none), null)
  t.not(lossChart(none), null)
  t.is(lossChart({ ...none, curves: [] }), null)
})

test('no mark lies outside its picture, and none has a place that is not a number', (t) => {
  const kinds: ArrowResult[] = [
    result(),
    bare(),
    result({ done: 0.35 }),
    result({ length: 700 }),
    result({ known: true, fw: 1.1 }),
  ]
  const charts = [
    ...kinds.flatMap((one) => [...trainingAndPositions(one), ...sourceCharts(one)]),
    ...gridCharts(grid2x2()),
    ...gridCharts(languages()),
  ]
  for (const chart of charts) {
    for (const width of Object.values(widths)) {
      const { svg, height } = chart.draw(width, 'id')
      t.notRegex(svg, /NaN|undefined|Infinity/, chart.name)
      for (const [, x, y] of svg.matchAll(/<text transform="translate\((-?[\d.]+),(-?[\d.]+)\)/g)) {
        t.true(
          Number(x) >= 0 && Number(x) <= width && Number(y) >= 0 && Number(y) <= height,
          `${chart.name} ${width}: ${x}, ${y}`,
        )
      }
    }
  }
})

test('positions: one by one where few, stretches that cover all where many', (t) => {
  t.deepEqual(stretches(3), [
    { from: 1, to: 1 },
    { from: 2, to: 2 },
    { from: 3, to: 3 },
  ])
  for (const length of [128, 129, 1000, 8192]) {
    const all = stretches(length)
    t.is(all[0]?.from, 1)
    t.is(all.at(-1)?.to, length)
    t.true(all.slice(1).every(({ from }, index) => from === (all[index]?.to as number) + 1))
    t.true(all.length <= 160, `${length}: ${all.length}`)
  }
  const one = result({ length: 300 })
  const table = trainingAndPositions(one).find(({ name }) => name === 'position')?.table
  const last = table?.rows.at(-1) ?? []
  const [from, to] = [last[0]?.value as number, last[1]?.value as number]
  const part = (one.by_position.forward ?? []).slice(from - 1, to)
  t.true(Math.abs((last[2]?.value as number) - part.reduce((a, b) => a + b) / part.length) < 1e-12)
  t.is(to, 300)
})

test('the difference by position is backward minus forward', (t) => {
  const one = result({ length: 16 })
  const rows = trainingAndPositions(one).find(({ name }) => name === 'position-difference')?.table.rows ?? []
  t.deepEqual(
    rows.map((row) => row.at(-1)?.value),
    Array.from(
      { length: 16 },
      (_, index) => (one.by_position.backward?.[index] as number) - (one.by_position.forward?.[index] as number),
    ),
  )
})

test('a grid of context length and model: both against length, by name, and against size', (t) => {
  const charts = gridCharts(grid2x2())
  t.deepEqual(names(charts), ['context', 'size'])
  const said = texts(drawn(charts[0]))
  for (const text of ['gpt', 'gru', 'French (paper)', 'English (paper)', '16', '64']) t.true(said.includes(text), text)
  t.true(charts[0]?.notes.join(' ').includes('arXiv 2401.17505'))
  t.is(charts[0]?.table.rows.length, 4)
})

test("the paper's French curve is drawn at its values", (t) => {
  const svg = drawn(gridCharts(grid2x2())[0])
  const dots = [...svg.querySelectorAll('[stroke="var(--reference)"] circle, [stroke="var(--reference)"] path')]
  t.true(dots.length >= paperContexts.French.length + paperContexts.English.length)
})

test('languages: a row each, beside the paper, whose other languages follow', (t) => {
  const [chart, ...rest] = gridCharts(languages())
  t.deepEqual(rest, [])
  t.is(chart?.title, 'The arrow by language')
  const said = texts(drawn(chart))
  for (const text of ['en', 'fr', 'de', 'xx', 'Greek (paper)']) t.true(said.includes(text), text)
  t.false(said.includes('French (paper)'))
})

test('data of no language the paper has stands alone', (t) => {
  const results = ['wiki', 'code'].map((name) => result({ name, data: `data/${name}.h5` }))
  const [chart] = gridCharts(results)
  t.is(chart?.title, 'The arrow by data')
  t.false(chart?.notes.join(' ').includes('arXiv'))
})

test('any other key has its chart, a number as an axis, words as rows; of two keys one is the colour', (t) => {
  const cells = [0.0001, 0.001, 0.01].flatMap((lr) => ['shuffled', 'contiguous'].map((split) => ({ lr, split })))
  const results = cells.map((cell, index) => result({ cell, ratio: 0.002 * index, sources: false }))
  const charts = gridCharts(results)
  t.deepEqual(names(charts), ['by-lr', 'by-split'])
  const said = texts(drawn(charts[0]))
  for (const text of ['split shuffled', 'split contiguous', 'lr →']) t.true(said.includes(text), text)
  t.true(texts(drawn(charts[1])).includes('contiguous'))
})

test('hollow where the sign is not established', (t) => {
  const fills = (one: ArrowResult) => {
    const svg = drawn(
      gridCharts([
        { ...one, cell: { lr: 1 } },
        { ...one, cell: { lr: 2 } },
      ])[0],
    )
    return [...svg.querySelectorAll('g[aria-label=dot] g')].map((dot) => dot.getAttribute('fill'))
  }
  t.deepEqual(fills(result({ ratio: 0.05 })), ['var(--c1)'])
  t.deepEqual(fills(result({ ratio: 0.05, seeds: 1 })), ['var(--paper)'])
})

test('results that differ in nothing have a row each', (t) => {
  const charts = gridCharts([result({ name: 'a' }), result({ name: 'b' })])
  t.deepEqual(names(charts), ['all'])
  t.true(texts(drawn(charts[0])).includes('b'))
})

test('names tell comparisons apart, even when all is the same', (t) => {
  t.deepEqual(labelsOf(grid2x2()), ['16 tokens, gpt', '16 tokens, gru', '64 tokens, gpt', '64 tokens, gru'])
  const same = [result(), result(), result({ name: 'other' })]
  t.is(new Set(labelsOf(same)).size, 3)
  t.deepEqual(dimensionsOf(same), [])
})

test('data that follow from the cell are no dimension of a grid, data of several grids are', (t) => {
  const cells = (text: string) =>
    [16, 32].map((length) => result({ length, data: `${text}-${length}`, cell: { attn_length: length } }))
  const keys = (results: readonly ArrowResult[]) => dimensionsOf(results).map(({ key }) => key)
  t.deepEqual(keys(cells('copy')), ['attn_length'])
  t.deepEqual(keys([...cells('en'), ...cells('fr')]), ['attn_length', 'data'])
})

test('of ticks that would lie on each other every second or third stays', (t) => {
  t.deepEqual(ticksWithRoom([4, 8, 16, 32], [10, 10, 20, 20], 200), [4, 8, 16, 32])
  t.deepEqual(ticksWithRoom([4, 8, 16, 32, 64], [20, 20, 20, 20, 20], 60), [4, 32])
  t.deepEqual(ticksWithRoom([4, 8], [50, 50], 10), [4])
})

test('labels that would lie on each other are moved apart, no further', (t) => {
  t.deepEqual(spread([10, 50], 16, 0, 100), [10, 50])
  t.deepEqual(spread([50, 50, 50], 16, 0, 100), [50, 66, 82])
  t.deepEqual(spread([99, 98], 16, 0, 100), [100, 84])
  t.deepEqual(spread([0, 5], 16, 0, 100), [0, 16])
})
