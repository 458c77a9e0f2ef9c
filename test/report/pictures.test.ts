/** Pictures stand alone: whole SVG in light colours, and PNG with something in it. */
import { Resvg } from '@resvg/resvg-js'
import test from 'ava'
import { type Picture, pictures, wrapped } from '../../ts/report/pictures.js'
import { bare, grid2x2, result } from './results.js'

/** How many pixels are not the background, as a part of all, and how many colours there are. */
function seen(svg: string): { part: number; colours: number } {
  const { pixels } = new Resvg(svg, { font: { loadSystemFonts: false } }).render()
  const colours = new Set<number>()
  let other = 0
  for (let index = 0; index < pixels.length; index += 4) {
    const colour = pixels.readUIntBE(index, 3)
    colours.add(colour)
    if (colour !== 0xffffff) other++
  }
  return { part: (other * 4) / pixels.length, colours: colours.size }
}

function check(t: import('ava').ExecutionContext, { name, svg, png }: Picture): void {
  t.deepEqual([...png.slice(0, 8)], [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], name)
  const [width, height] = [16, 20].map((at) => Buffer.from(png).readUInt32BE(at)) as [number, number]
  const box = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)
  t.deepEqual([width, height], [2 * Number(box?.[1]), 2 * Number(box?.[2])], name)
  t.notRegex(svg, /var\(--|currentColor.*var/)
  t.true(svg.startsWith('<svg xmlns="http://www.w3.org/2000/svg"'))
  const { part, colours } = seen(svg)
  t.true(part > 0.005 && part < 0.7, `${name}: ${part}`)
  t.true(colours > 4, name)
}

test('a comparison: the overview first, then each chart', (t) => {
  const all = pictures([result()])
  t.deepEqual(
    all.map(({ name }) => name),
    ['arrow', 'loss', 'training', 'position', 'position-difference', 'tokens', 'place', 'place-difference'],
  )
  for (const one of all) check(t, one)
  t.regex(all[0]?.title ?? '', /^Backward is harder/)
})

test('a grid: the chart of all first, then each cell', (t) => {
  const all = pictures(grid2x2())
  t.deepEqual(
    all.map(({ name }) => name),
    ['arrow', 'size', 'arrow-1', 'arrow-2', 'arrow-3', 'arrow-4'],
  )
  t.is(all[0]?.title, 'The arrow against context length')
  check(t, all[0] as Picture)
})

test('nulls, one validation and nothing at all', (t) => {
  const all = pictures([bare()])
  t.is(all[0]?.name, 'arrow')
  for (const one of all) check(t, one)
  t.deepEqual(pictures([]), [])
})

test('letters are drawn with our font, whatever the machine has', (t) => {
  const [first, second] = [pictures([bare()])[0], pictures([{ ...bare(), name: 'another name' }])[0]]
  t.true(first?.svg.includes("font-family=\"'DejaVu Sans'"))
  t.false(Buffer.from(first?.png ?? []).equals(Buffer.from(second?.png ?? [])))
})

test('the same results give the same pictures', (t) => {
  const [first, second] = [pictures([bare()]), pictures([bare()])]
  t.deepEqual(
    first.map(({ svg }) => svg),
    second.map(({ svg }) => svg),
  )
  t.true(first.every(({ png }, index) => Buffer.from(png).equals(Buffer.from(second[index]?.png ?? []))))
})

test('names and verdicts with markup or control letters make a whole picture', (t) => {
  const one = result({ name: 'a <b> & "c" \u0007 \ud800', sources: false })
  one.verdict = '<script>&amp;\u0000'
  const [first] = pictures([one])
  check(t, first as Picture)
  t.true(first?.svg.includes('&lt;script&gt;&amp;amp;'))
})

test('long titles go on in the next line', (t) => {
  t.deepEqual(wrapped('aa bb cc', 45, 13), ['aa bb', 'cc'])
  t.deepEqual(wrapped('', 100), [])
  t.deepEqual(wrapped('averylongwordindeed', 10), ['averylongwordindeed'])
})
