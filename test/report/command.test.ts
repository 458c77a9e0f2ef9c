/** aot-report as a person runs it. */
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { collect } from '../../ts/report/collect.js'
import { summaryText } from '../../ts/report/summary_text.js'
import { report, serve } from './browser_support.js'
import { temporaryFolder, writePair, writeRun } from './made_runs.js'

function pairIn(t: ExecutionContext) {
  const root = temporaryFolder(t)
  writePair(join(root, 'pair'))
  return { root, folder: join(root, 'pair') }
}

test('runs: the report goes into ./report, what came of them and where it is are printed', async (t) => {
  const { root, folder } = pairIn(t)
  const { status, stdout, stderr } = await report(['pair'], root)
  t.deepEqual([status, stderr], [0, ''])
  const summary = summaryText(collect([folder]), { width: 80, colours: false })
  t.is(stdout, `${summary}\n\nreport/report.html\nreport/pictures/arrow.png\n`)
  t.true(readFileSync(join(root, 'report/report.html'), 'utf8').includes('<title>pair</title>'))
  t.true(existsSync(join(root, 'report/pictures/arrow.png')))
})

test('a comparison: the report goes beside its arrow.json, by whatever path', async (t) => {
  const { root, folder } = pairIn(t)
  const results = collect([folder])
  writeFileSync(join(folder, 'arrow.json'), JSON.stringify({ format: 'arrows-of-time comparison 1', results }))
  utimesSync(join(folder, 'arrow.json'), 0, 0)
  for (const path of ['pair', 'pair/arrow.json']) {
    const { stdout } = await report([path, '--title', 'Told'], root)
    t.true(stdout.endsWith('\npair/report.html\npair/pictures/arrow.png\n'), stdout)
  }
  t.true(readFileSync(join(folder, 'report.html'), 'utf8').includes('<title>Told</title>'))
  t.false(existsSync(join(root, 'report')))
})

test('--json: every figure, and the files', async (t) => {
  const { root, folder } = pairIn(t)
  writeRun(join(root, 'alone'), { direction: 'forward', seed: 9, steps: [10], settings: { 'optim_params.lr': 0.5 } })
  const { status, stdout, stderr } = await report([root, '-o', join(root, 'out'), '--json'])
  t.is(status, 0)
  const { report: written, results } = JSON.parse(stdout)
  t.is(written.html, join(root, 'out/report.html'))
  t.is(written.pictures[0].png, join(root, 'out/pictures/arrow.png'))
  t.deepEqual(results, JSON.parse(JSON.stringify(collect([folder]))))
  t.is(stderr, `aot-report: ${root}/alone: there is no backward run of the same config beside it\n`)
})

test('what cannot be done is one line, and status 2', async (t) => {
  const { root } = pairIn(t)
  writeFileSync(join(root, 'file'), '')
  for (const [words, message] of [
    [['none'], /^aot-report: none: no such folder; name a run, /],
    [['none', '--serve'], /^aot-report: none: no such folder; name a run, /],
    [['pair/seed-0-forward'], /^aot-report: nothing to compare in .*: there is no backward run /],
    [['pair', '-o', 'file'], /^aot-report: cannot create file\/pictures: not a directory\n$/],
    [['pair', '--serve', '--port', '99999'], /^aot-report: --port must be /],
  ] as const) {
    const { status, stdout, stderr } = await report(words, root)
    t.deepEqual([status, stdout, stderr.split('\n').length], [2, '', 2], stderr)
    t.regex(stderr, message)
  }
})

test('--serve ends on SIGTERM too, and nothing is written', async (t) => {
  const { root, folder } = pairIn(t)
  const { address, child, ended } = await serve(t, [folder])
  const figures = (await (await fetch(`${address}arrow.json`)).json()) as { fw: number }[]
  t.is(figures[0]?.fw, collect([folder])[0]?.fw)
  child.kill('SIGTERM')
  t.is(await ended, 143)
  t.false(existsSync(join(folder, 'report.html')) || existsSync(join(root, 'report')))
})
