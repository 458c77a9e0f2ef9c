/** Tables: exact in CSV, readable as Markdown, escaped in both. */
import test from 'ava'
import papaparse from 'papaparse'
import { percent, plain, range, shortCount, signed, tick } from '../../ts/report/numbers.js'
import { comparisonTable, directionsTable, seedsTable } from '../../ts/report/summary.js'
import { copiedTable, figures, tableCsv, tableHtml, tableMarkdown, tableOf, texts } from '../../ts/report/tables.js'
import { readHtml } from './read_page.js'
import { bare, grid2x2, result } from './results.js'

const strange = [
  'plain',
  'a,b',
  'a "quote"',
  'two\nlines',
  'a\r\nb',
  ' lead',
  '',
  '=1+1',
  'a|b',
  '`c`',
  '<i>',
  '&amp;',
  '\\',
]

const table = tableOf(
  [
    texts<string>('name', 'name', (text) => text),
    figures<string>(
      'length',
      'length',
      (text) => text.length / 3,
      (value) => plain(value),
    ),
  ],
  strange,
)

test('CSV parses back to the very same texts and numbers, with lines that end as RFC 4180 wants', (t) => {
  const csv = tableCsv(table)
  const { data, errors } = papaparse.parse<string[]>(csv, { delimiter: ',', newline: '\r\n', skipEmptyLines: true })
  t.deepEqual(errors, [])
  t.deepEqual(data[0], ['name', 'length'])
  t.deepEqual(
    data.slice(1).map(([name, length]) => [name, Number(length)]),
    strange.map((text) => [text, text.length / 3]),
  )
  t.true(csv.endsWith('\r\n'))
  t.is(csv.split('\r\n').length, strange.length + 3)
})

test('every figure of the summary is in its CSV to the last digit; what is not known is empty', (t) => {
  for (const results of [[result()], grid2x2(), [bare()]]) {
    const { data } = papaparse.parse<Record<string, string>>(tableCsv(comparisonTable(results)), {
      header: true,
      skipEmptyLines: true,
    })
    t.is(data.length, results.length)
    for (const [index, one] of results.entries()) {
      t.is(Number(data[index]?.fw), one.fw)
      t.is(Number(data[index]?.bw), one.bw)
      t.is(Number(data[index]?.difference), one.difference)
      t.is(Number(data[index]?.ratio), one.ratio)
      t.is(Number(data[index]?.relative), one.relative)
      t.is(data[index]?.difference_low, one.interval === null ? '' : String(one.interval.low))
      t.is(
        data[index]?.bits_per_byte_difference,
        one.bits_per_byte === null ? '' : String(one.bits_per_byte.difference),
      )
      t.is(data[index]?.seed_spread, one.seed_spread === null ? '' : String(one.seed_spread))
      t.is(data[index]?.established, one.established ? 'established' : 'not established')
    }
  }
})

test('the columns of a grid come first, by key', (t) => {
  const { columns, rows } = comparisonTable(grid2x2())
  t.deepEqual(
    columns.slice(0, 2).map(({ name }) => name),
    ['attn_length', 'model'],
  )
  t.deepEqual(
    rows.map((row) => row.slice(0, 2).map(({ value }) => value)),
    [
      [16, 'gpt'],
      [16, 'gru'],
      [64, 'gpt'],
      [64, 'gru'],
    ],
  )
})

test('comparisons at one place of the grid are named', (t) => {
  const results = [
    result({ name: 'a', length: 16 }),
    result({ name: 'b', length: 16 }),
    result({ name: 'c', length: 32 }),
  ]
  const { columns, rows } = comparisonTable(results)
  t.is(columns[0]?.name, 'comparison')
  t.is(new Set(rows.map(([name]) => name?.text)).size, 3)
})

test('each seed and each direction has its row', (t) => {
  t.is(seedsTable(grid2x2()).rows.length, 12)
  const one = result({ others: { middle_out: 0.06 } })
  const { rows, columns } = directionsTable(one)
  t.deepEqual(
    rows.map(([name]) => name?.value),
    ['forward', 'backward', 'middle_out'],
  )
  const at = columns.findIndex(({ name }) => name === 'relative')
  t.is(rows[2]?.[at]?.value, one.others.middle_out?.relative as number)
  t.is(rows[1]?.[at]?.value, one.relative)
})

test('no cell breaks a Markdown table or is taken for markup in it', (t) => {
  const lines = tableMarkdown(table).trimEnd().split('\n')
  t.is(lines.length, strange.length + 2)
  t.is(lines[1], '| --- | --: |')
  for (const line of lines) t.is(line.replace(/\\./g, '').split('|').length, 4, line)
  t.true(lines.some((line) => line.includes('a\\|b')))
  t.true(lines.some((line) => line.includes('two<br>lines')))
  t.true(lines.some((line) => line.includes('\\<i\\>')))
})

test('on the page: the exact figure beside the rounded one, first cells name their rows, the region scrolls', (t) => {
  const document = readHtml(tableHtml(table, { id: 'x', label: 'a "label"' }).markup)
  const [first] = document.querySelectorAll('tbody tr')
  t.is(first?.querySelector('td')?.getAttribute('data-value'), String(5 / 3))
  t.is(first?.querySelector('td')?.textContent, '1.6667')
  t.is(first?.querySelector('th')?.getAttribute('scope'), 'row')
  t.is(document.querySelector('#x')?.getAttribute('aria-label'), 'a "label"')
})

test('what is copied is in the page as text, with its buttons', (t) => {
  const document = readHtml(copiedTable(table, { id: 'x', label: 'label' }).markup)
  // The text of a field is taken as it is by this DOM, entities and all; a browser leaves out its first line end.
  const field = (id: string) => {
    const text = document.querySelector(id)?.textContent ?? ''
    return readHtml(`<p>${text.slice(1)}</p>`).querySelector('p')?.textContent
  }
  t.is(field('#x-csv'), tableCsv(table))
  t.is(field('#x-markdown'), tableMarkdown(table))
  t.deepEqual(
    [...document.querySelectorAll('button')].map((button) => button.getAttribute('data-copy')),
    ['x-markdown', 'x-csv'],
  )
})

test('figures for people: sign, digits, dashes', (t) => {
  t.is(plain(2.88021), '2.8802')
  t.is(plain(null), '–')
  t.is(plain(Number.NaN), '–')
  t.is(signed(0.02181), '+0.0218')
  t.is(signed(-0.00312), '−0.0031')
  t.is(signed(0), '0.0000')
  t.is(signed(0.0000213), '+0.00002')
  t.is(signed(-1e-30), '0.000000000000')
  t.is(percent(0.0076), '+0.76 %')
  t.is(percent(-0.0035), '−0.35 %')
  t.is(percent(undefined), '–')
  t.is(range({ low: -0.01, high: 0.02, level: 0.95, over: 'windows', blocks: 3 }), '−0.0100 to +0.0200')
  t.is(range(null), '–')
  t.is(tick(-0.30000000000000004), '−0.3')
  t.deepEqual([0, 950, 1000, 1500, 20e6, 1.64e9].map(shortCount), ['0', '950', '1k', '1.5k', '20M', '1.64G'])
})
