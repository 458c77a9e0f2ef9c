import { appendFileSync, cpSync, mkdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { ArrowResult } from '../../ts/arrow/types.js'
import { Collector, collect } from '../../ts/report/collect.js'
import { runFiles } from '../../ts/report/find_runs.js'
import { temporaryFolder, writeGrid, writePair, writeRun } from './made_runs.js'
import { result } from './results.js'

const format = 'arrows-of-time comparison 1'
const { sources } = result()

/** Writes arrow.json, so long after the runs that nobody can take it for older; -1: before them. */
function writeComparison(folder: string, results: unknown, minutes = 1): void {
  const path = join(folder, 'arrow.json')
  writeFileSync(path, JSON.stringify({ format, results }))
  const time = Date.now() / 1000 + 60 * minutes
  utimesSync(path, time, time)
}

/** As aot-arrow leaves it at the end of the runs in the folder: with what only it finds out. */
const finished = (folder: string) =>
  collect([folder]).map((one): ArrowResult => ({ ...one, name: 'as told', finished: true, verdict: 'kept', sources }))

function pairIn(t: ExecutionContext, options: Parameters<typeof writePair>[1] = {}) {
  const root = temporaryFolder(t)
  const folder = join(root, 'primes')
  const losses = writePair(folder, options)
  return { root, folder, losses }
}

test('a pair by its folder, by its runs, and from above', (t) => {
  const { root, folder, losses } = pairIn(t)
  const [forward, backward] = ['forward', 'backward'].map((name) => join(folder, `seed-0-${name}`)) as [string, string]
  const want = collect([folder])
  t.is(want.length, 1)
  const [{ fw, bw, name, cell, runs, sources }] = want as [ArrowResult]
  t.deepEqual([fw, bw], [losses['seed-0-forward'], losses['seed-0-backward']])
  t.deepEqual([name, cell, sources], ['primes', {}, null])
  t.deepEqual(
    runs.map(({ folder }) => folder),
    [forward, backward],
  )
  for (const paths of [[root], [forward, backward], [backward, forward], [forward, root]]) {
    t.deepEqual(collect(paths), want, paths.join())
  }
})

test('the cells of a grid, seeds and further directions', (t) => {
  const root = temporaryFolder(t)
  const losses = writeGrid(join(root, 'grid'))
  const cells = collect([join(root, 'grid')])
  t.deepEqual(
    cells.map(({ name, cell, fw }) => ({ name, cell, fw })),
    [8, 16].flatMap((attn_length) =>
      ['gpt', 'gru'].map((model) => {
        const name = `attn_length=${attn_length},model=${model}`
        return { name, cell: { attn_length, model }, fw: losses[name]?.['seed-0-forward'] as number }
      }),
    ),
  )
  writePair(join(root, 'more'), { seeds: [3, 4, 5], directions: ['forward', 'backward', 'middle_out'] })
  const [more] = collect([join(root, 'more')])
  t.deepEqual(more?.directions, ['forward', 'backward', 'middle_out'])
  t.deepEqual(
    more?.seeds.map(({ seed }) => seed),
    [3, 4, 5],
  )
})

test('runs with names of their own', (t) => {
  const root = temporaryFolder(t)
  for (const direction of ['forward', 'backward'] as const) {
    writeRun(join(root, `en-${direction}`), { direction, seed: 0, steps: [10] })
    const lr = { 'optim_params.lr': 0.5 }
    writeRun(join(root, direction), { direction, seed: 0, steps: [10], settings: lr })
  }
  const names = collect([root]).map(({ name, cell }) => ({ name, cell }))
  // What backward and forward have in common is their folder.
  t.deepEqual(names, [
    { name: root.slice(root.lastIndexOf('/') + 1), cell: {} },
    { name: 'en', cell: {} },
  ])
})

test('arrow.json is taken while nothing came after it', (t) => {
  const { root, folder } = pairIn(t)
  const kept = finished(folder)
  writeComparison(folder, kept)
  t.deepEqual(collect([folder]), JSON.parse(JSON.stringify(kept)))
  t.is(collect([join(folder, 'arrow.json')])[0]?.verdict, 'kept')
  t.is(collect([root])[0]?.verdict, 'kept')
  // Alone it says all that is known, finished or not.
  const alone = join(root, 'alone')
  mkdirSync(alone)
  writeComparison(alone, [{ ...kept[0], finished: false }])
  t.is(collect([alone])[0]?.verdict, 'kept')
})

test('a comparison that lies apart from its runs is not told twice', (t) => {
  const { root, folder } = pairIn(t)
  const apart = join(root, 'compared')
  mkdirSync(apart)
  writeComparison(apart, finished(folder))
  writePair(join(root, 'other'), { settings: { 'optim_params.lr': 0.5 } })
  t.deepEqual(
    collect([root]).map(({ name }) => name),
    ['as told', 'other'],
  )
})

test('runs that are newer are read; what arrow.json tells of the same steps is kept', (t) => {
  const { root, folder } = pairIn(t)
  const kept = finished(folder)
  const live = collect([folder])
  const read = { ...live[0], name: 'as told', sources: JSON.parse(JSON.stringify(sources)) }
  writeComparison(folder, kept, -1)
  t.deepEqual(collect([folder]), [read] as never)
  writeComparison(folder, [{ ...kept[0], finished: false }])
  t.deepEqual(collect([folder]), [read] as never)
  // Any one file of any run counts.
  for (const name of runFiles) {
    writeComparison(folder, kept)
    const path = join(folder, 'seed-0-backward', name)
    mkdirSync(join(path, '..'), { recursive: true })
    const time = Date.now() / 1000 + 120
    if (name === 'state/latest') writeFileSync(path, '40\n')
    utimesSync(path, time, time)
    t.not(collect([folder])[0]?.verdict, 'kept', name)
    utimesSync(path, time - 120, time - 120)
    t.is(collect([folder])[0]?.verdict, 'kept', name)
  }
  // Somewhere else they are still the same runs.
  const moved = join(root, 'elsewhere/primes')
  mkdirSync(join(root, 'elsewhere'))
  renameSync(folder, moved)
  writeComparison(moved, kept, -1)
  t.deepEqual(collect([moved])[0]?.sources, read.sources)
  writePair(moved, { steps: [10, 20, 30, 40, 50] })
  const [later] = collect([moved])
  t.is(later?.sources, null)
  t.is(later?.name, 'as told')
  t.is(later?.runs[0]?.step, 50)
})

test('what cannot be compared is told, and left out', (t) => {
  const { root, folder } = pairIn(t)
  const add = (name: string, run: Partial<Parameters<typeof writeRun>[1]>) =>
    writeRun(join(root, name), { direction: 'forward', seed: 0, steps: [10], ...run })
  add('alone', { settings: { 'optim_params.lr': 0.5 } })
  add('young', { steps: [] })
  add('both', { settings: { backwards: null } })
  add('torn', {})
  writeFileSync(join(root, 'torn/config.json'), '{')
  add('bad', {})
  appendFileSync(join(root, 'bad/metrics.jsonl'), 'nonsense\n')
  const lines: string[] = []
  t.is(collect([root], (line) => lines.push(line)).length, 1)
  t.deepEqual(lines.sort().length, 5)
  t.is(lines[0], `${root}/alone: there is no backward run of the same config beside it`)
  t.regex(lines[1] as string, /bad\/metrics\.jsonl:3 is damaged/)
  t.regex(lines[2] as string, /both was trained in FW\+BW mode/)
  t.regex(lines[3] as string, /torn\/config\.json/)
  t.regex(lines[4] as string, /young has no validation yet/)
  // Nothing is left: then it is the error.
  rmSync(folder, { recursive: true })
  for (const [name, message] of [
    [
      'alone',
      `nothing to compare in ${root}/alone: ${root}/alone: there is no backward run of the same config beside it`,
    ],
    ['young', /^nothing to compare in .*\/young: .*\/young has no validation yet: /],
    ['both', /FW\+BW mode/],
  ] as const) {
    t.throws(() => collect([join(root, name)]), { code: 'AOT_DATA', message })
  }
})

test('two directions without a validation in common, and nothing at all', (t) => {
  const root = temporaryFolder(t)
  writeRun(join(root, 'a/x-forward'), { direction: 'forward', seed: 0, steps: [10] })
  writeRun(join(root, 'a/x-backward'), { direction: 'backward', seed: 0, steps: [20] })
  t.throws(() => collect([join(root, 'a')]), {
    message: /x-forward: forward and backward have no validation in common yet$/,
  })
  mkdirSync(join(root, 'empty'))
  t.throws(() => collect([join(root, 'empty')]), {
    code: 'AOT_DATA',
    message: `nothing to compare in ${root}/empty: a run folder holds config.json and metrics.jsonl; aot-arrow trains a pair`,
  })
  t.throws(() => collect([join(root, 'none')]), { code: 'AOT_IO', message: /none: no such folder/ })
})

const [whole] = JSON.parse(JSON.stringify([result({ seeds: 1 })])) as [Record<string, unknown>]

for (const [what, text, why] of [
  ['nothing', '', 'it is no whole JSON document'],
  ['a half', JSON.stringify({ format, results: [whole] }).slice(0, -100), 'it is no whole JSON document'],
  ['a list', '[]', 'the document: .*'],
  ['another format', JSON.stringify({ format: 'x 2', results: [] }), 'format: .*'],
  ['no results', JSON.stringify({ format }), 'results: .*'],
  ['a number as a result', JSON.stringify({ format, results: [whole, 7] }), 'results\\.1: .*'],
  ['a loss that is a text', JSON.stringify({ format, results: [{ ...whole, fw: '2' }] }), 'results\\.0\\.fw: .*'],
  ['a loss that is none', JSON.stringify({ format, results: [{ ...whole, bw: null }] }), 'results\\.0\\.bw: .*'],
  ['a curve', JSON.stringify({ format, results: [{ ...whole, curves: [{}] }] }), 'results\\.0\\.curves\\.0\\..*'],
  ['a cell', JSON.stringify({ format, results: [{ ...whole, cell: { a: [] } }] }), 'results\\.0\\.cell\\.a: .*'],
] as const) {
  test(`a damaged arrow.json: ${what}`, (t) => {
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, 'arrow.json'), text)
    const end = 'remove it, and the runs beside it are read instead'
    t.throws(() => collect([folder]), {
      code: 'AOT_DATA',
      message: new RegExp(`^${folder}/arrow\\.json is damaged or of another version \\(${why}\\): ${end}$`),
    })
  })
}

test('only what has changed is read and computed anew', (t) => {
  const root = temporaryFolder(t)
  const folder = join(root, 'grid')
  writeGrid(folder)
  const collector = new Collector([folder], () => {})
  const first = collector.collect()
  const second = collector.collect()
  t.true(second.every((one, index) => one === first[index]))
  const run = join(folder, 'attn_length=16,model=gpt/seed-0-forward')
  cpSync(run, join(root, 'copy'), { recursive: true })
  appendFileSync(join(run, 'metrics.jsonl'), '{"st')
  const torn = collector.collect()
  t.deepEqual(torn, first)
  writeRun(run, {
    direction: 'forward',
    seed: 0,
    steps: [10, 20],
    settings: { 'model_params.attn_length': 16, model: 'gpt' },
  })
  const third = collector.collect()
  t.deepEqual(
    third.map((one, index) => one === first[index]),
    [true, true, false, true],
  )
  t.is(third[2]?.training.at(-1)?.step, 20)
  t.true(readFileSync(join(run, 'metrics.jsonl'), 'utf8').endsWith('\n'))
})
