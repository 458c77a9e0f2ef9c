/** The page: its figures are those of the results, nothing breaks it, the same results give the same bytes. */
import { createHash } from 'node:crypto'
import test from 'ava'
import type { ArrowResult } from '../../ts/arrow/types.js'
import { reportBody, reportPage } from '../../ts/report/page.js'
import { mostDrawn } from '../../ts/report/result.js'
import { readHtml, readTable } from './read_page.js'
import { bare, grid2x2, languages, result, strangeTokens } from './results.js'

const title = 'A <title> & "more"'
const page = (results: ArrowResult[], live = false) => reportPage(results, { title, live })

const kinds: [string, ArrowResult[]][] = [
  ['one seed', [result({ seeds: 1 })]],
  ['three seeds', [result()]],
  ['three directions', [result({ others: { middle_out: 0.06 } })]],
  ['a known language', [result({ known: true, fw: 1.05, ratio: 0.09 })]],
  ['unfinished', [result({ done: 0.35 })]],
  ['nulls', [bare()]],
  ['a grid', grid2x2()],
  ['languages', languages()],
  ['nothing', []],
]

/** All kinds of results, each drawn once. */
const everything = kinds.map(([name, results]): [string, ArrowResult[], string] => [name, results, page(results)])

test('the figures of the page are those of the result, to the last digit', (t) => {
  const [one] = [result({ others: { middle_out: 0.06 } })]
  const document = readHtml(page([one]))
  const [row] = readTable(document, 'summary')
  t.is(row?.FW, String(one.fw))
  t.is(row?.BW, String(one.bw))
  t.is(row?.['BW − FW'], String(one.difference))
  t.is(row?.from, String(one.interval?.low))
  t.is(row?.to, String(one.interval?.high))
  t.is(row?.['BW/FW − 1'], String(one.ratio))
  t.is(row?.['over the mean'], String(one.relative))
  t.is(row?.['bits per byte'], String(one.bits_per_byte?.difference))
  t.is(row?.['seed spread'], String(one.seed_spread))
  t.is(row?.seeds, '3')
  t.is(row?.sign, 'established')
  t.is(row?.middle_out, String(one.losses.middle_out))
  const seeds = readTable(document, 'seeds')
  t.deepEqual(
    seeds.map((seed) => [seed.seed, seed.forward, seed.backward, seed['BW − FW'], seed['backward, bits per byte']]),
    one.seeds.map((seed) => [
      String(seed.seed),
      String(seed.losses.forward),
      String(seed.losses.backward),
      String(seed.difference),
      String(seed.bits_per_byte.backward),
    ]),
  )
  const loss = readTable(document, 'r1-loss-table')
  const curve = one.curves.find(({ direction, seed }) => direction === 'middle_out' && seed === 2)
  t.deepEqual(
    loss.map((at) => [at.step, at['middle_out, seed 2']]),
    curve?.valid.map(([step, value]) => [String(step), String(value)]),
  )
  const directions = readTable(document, 'r1-directions')
  t.is(directions[2]?.['beside forward'], String(one.others.middle_out?.difference))
  t.is(directions[1]?.['this/FW − 1'], String(one.ratio))
  t.is(directions[0]?.['beside forward'], '–')
})

test('the answer comes first: the direction and by how much, or why it cannot be said', (t) => {
  const answer = (one: ArrowResult) => readHtml(page([one])).querySelector('.answer')?.textContent
  const [up, down] = [result({ ratio: 0.05 }), result({ ratio: -0.05 })]
  t.is(answer(up), `Backward is harder: +${(100 * up.ratio).toFixed(2)} %`)
  t.is(answer(down), `Forward is harder: −${(-100 * down.ratio).toFixed(2)} %`)
  t.is(answer(result({ seeds: 1 })), 'One seed: sign not established')
  t.is(answer(result({ seeds: 2, ratio: 0.05 })), 'Two seeds: sign not established, it takes three')
  t.is(answer(result({ ratio: 0.0001 })), 'Sign not established: the interval has zero in it')
  t.is(answer(result({ interval: false })), 'Sign not established: there is no interval')
  t.is(answer(result({ ratio: 0.05, done: 0.5 })), 'Sign not established: the runs are not at their end')
  t.true(page([result()]).includes('gpt_64'))
})

test('a grid says in how many cells each direction is harder', (t) => {
  const results = [result({ ratio: 0.05 }), result({ ratio: -0.05, length: 32 }), result({ ratio: 0.0001, length: 16 })]
  const document = readHtml(page(results))
  t.is(document.querySelector('.answer')?.textContent, 'Backward is harder in 1 of 3 comparisons, forward in 1.')
  t.regex(document.querySelector('.verdict')?.textContent ?? '', /sign not established in 1/)
  t.is([...document.querySelectorAll('details.result')].length, 3)
})

test('nothing that a result holds is taken for markup', (t) => {
  const evil = '<img src=x onerror=alert(1)>"\'&</script><!--'
  const one = result({ others: { [evil]: 0.01 }, name: evil, data: `data/${evil}.h5`, cell: { [evil]: evil } })
  one.verdict = evil
  one.version = evil
  one.known = { language: evil, floor: 1, facts: [evil] }
  for (const run of one.runs) Object.assign(run, { folder: evil, config: { ...run.config, $schema: evil } })
  for (const token of one.sources?.easier_forward ?? []) token.text = evil
  for (const example of one.sources?.examples ?? []) for (const token of example.tokens) token.text = evil
  for (const results of [[one], [one, result()]]) {
    const text = reportPage(results, { title: evil, live: true })
    const document = readHtml(text)
    t.deepEqual([...document.querySelectorAll('img, [onerror]')], [])
    t.is([...document.querySelectorAll('script')].length, 1)
    t.is(document.querySelector('h1')?.textContent, evil)
    t.false(text.includes('<img'))
  }
})

test('tokens are seen, whatever letters they have, and no control character reaches the page', (t) => {
  const one = result()
  for (const [index, text] of strangeTokens.entries()) Object.assign(one.sources?.easier_forward[index] ?? {}, { text })
  const text = page([one])
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  t.notRegex(text, /[\0-\x08\x0b-\x1f\x7f]/)
  t.notRegex(text, />[^<]*[\u202a-\u202e]|\p{Surrogate}/u)
  const table = readHtml(text).querySelector('#r1-tokens-table')
  const names = [...(table?.querySelectorAll('tbody th') ?? [])].map(({ textContent }) => textContent)
  t.deepEqual(names.slice(0, strangeTokens.length), [
    '<b>',
    '&amp;',
    '"\'>',
    '↵↵',
    '␣the',
    '\\u0007',
    '</script>',
    '\\u202eabc',
    '(empty)',
    'ё',
    '日本',
    '\\ud800',
  ])
})

test('the same results give the same bytes, and leave no trace in the next', (t) => {
  for (const [name, results, text] of everything) t.is(text, page(structuredClone(results)), name)
})

test('ids are not given twice, and what is named by id is there', (t) => {
  for (const [name, , text] of everything) {
    const ids = [...text.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id as string)
    t.deepEqual(
      ids.filter((id, index) => ids.indexOf(id) !== index),
      [],
      name,
    )
    const used = [...text.matchAll(/(?:url\(#|href="#|aria-labelledby="|data-copy=")([\w-]+)/g)].map(
      ([, id]) => id as string,
    )
    t.deepEqual(
      used.filter((id) => !ids.includes(id)),
      [],
      name,
    )
  }
})

test('it needs nothing from anywhere, and no script but its own may run', (t) => {
  for (const live of [false, true]) {
    const text = page(grid2x2(), live)
    t.deepEqual(
      [...text.matchAll(/(?:src|href)="([^"#][^"]*)"/g)].map(([, address]) => address),
      ['data:,'],
    )
    t.notRegex(text, /@import|url\((?!#)/)
    const document = readHtml(text)
    const script = /<script>(.*)<\/script>/s.exec(text)?.[1] as string
    const policy = document.querySelector('meta[http-equiv]')?.getAttribute('content') ?? ''
    t.true(policy.includes(createHash('sha256').update(script).digest('base64')))
    t.is(/connect-src 'self'/.test(policy), live)
    t.is(/EventSource/.test(script), live)
    t.is(document.querySelector('#status')?.getAttribute('aria-live') ?? null, live ? 'polite' : null)
  }
})

test('for those who do not see: a language, a title, a name for each chart, a table beside it, a way past the header', (t) => {
  for (const [name, , text] of everything) {
    const document = readHtml(text)
    t.is(document.querySelector('html')?.getAttribute('lang'), 'en')
    t.is(document.querySelector('title')?.textContent, title)
    t.is(document.querySelector('a.skip')?.getAttribute('href'), '#main')
    for (const figure of document.querySelectorAll('figure')) {
      for (const svg of figure.querySelectorAll('svg.chart')) {
        t.is(svg.getAttribute('role'), 'img')
        t.true((svg.getAttribute('aria-label') ?? '').length > 20, name)
      }
      t.is([...figure.querySelectorAll('svg.chart')].length, 2)
      t.true([...figure.querySelectorAll('tbody tr')].length > 0, `${name}: ${figure.getAttribute('id')}`)
    }
    for (const region of document.querySelectorAll('.scroll')) t.is(region.getAttribute('tabindex'), '0')
    for (const region of document.querySelectorAll('[role=region]')) t.truthy(region.getAttribute('aria-label'))
  }
})

test('no figure that is not known is written as one', (t) => {
  for (const [name, , text] of everything) {
    t.notRegex(text, />[^<]*\b(NaN|undefined|Infinity|\[object)/, name)
    t.notRegex(text, /="[^"]*\b(NaN|undefined|Infinity)/, name)
  }
  const nothing = result({ validations: 0, sources: false })
  Object.assign(nothing, {
    fw: Number.NaN,
    bw: Number.NaN,
    difference: Number.NaN,
    verdict: '',
    ratio: Number.NaN,
    relative: Number.NaN,
  })
  t.notRegex(page([nothing]), />[^<]*\bNaN|="[^"]*NaN/)
  t.notRegex(page([nothing, result()]), />[^<]*\bNaN|="[^"]*NaN/)
})

test('what the body is alone is what the page holds', (t) => {
  for (const [name, results, text] of everything) t.true(text.includes(`>\n${reportBody(results)}\n</main>`), name)
})

test('the configs are there whole, with what differs between the runs', (t) => {
  const one = result({ seeds: 2 })
  const document = readHtml(page([one]))
  t.deepEqual(JSON.parse(document.querySelector('#r1-config')?.textContent ?? ''), one.runs[0]?.config)
  const rows = readTable(document, 'r1-runs-table')
  t.deepEqual(
    Object.keys(rows[0] ?? {}),
    ['run folder', 'direction', 'seed', 'minibatches', 'precision', 'seed', 'training_params.backwards'].filter(
      (key, index, all) => all.indexOf(key) === index,
    ),
  )
  t.deepEqual(
    rows.map((row) => [row['run folder'], row['training_params.backwards']]),
    one.runs.map((run) => [run.folder, String(run.config.training_params.backwards)]),
  )
})

test('200 cells: all in the tables, charts of the first ones, a page that opens', (t) => {
  const lengths = Array.from({ length: 20 }, (_, index) => 8 + 8 * index)
  const results = lengths.flatMap((length, row) =>
    Array.from({ length: 10 }, (_, column) =>
      result({
        name: `cell_${row}_${column}`,
        cell: { attn_length: length, lr: 0.001 * (column + 1) },
        length,
        ratio: 0.001 * row - 0.0005 * column,
        sources: false,
        steps: 400,
      }),
    ),
  )
  const text = page(results)
  const document = readHtml(text)
  const rows = readTable(document, 'summary')
  t.is(rows.length, 200)
  t.deepEqual(
    rows.map((row) => row['BW/FW − 1']),
    results.map(({ ratio }) => String(ratio)),
  )
  t.is([...document.querySelectorAll('details.result')].length, 200)
  t.is([...document.querySelectorAll('figure[id$=-loss]')].length, mostDrawn)
  t.true(text.length < 8e6, `${text.length} bytes`)
})
