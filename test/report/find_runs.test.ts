import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import test from 'ava'
import { findRuns } from '../../ts/report/find_runs.js'
import { temporaryFolder } from './made_runs.js'

function touch(...paths: string[]): void {
  for (const path of paths) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, '')
  }
}

const run = (folder: string) => touch(join(folder, 'config.json'), join(folder, 'metrics.jsonl'))

function namesOf(root: string, paths = [root]) {
  const { comparisons, runs } = findRuns(paths)
  const name = (path: string) => relative(root, path)
  return {
    runs: runs.map(name),
    comparisons: comparisons.map(({ folder, runs }) => ({ folder: name(folder), runs: runs.map(name) })),
  }
}

test('runs down to four folders below, and not inside runs', (t) => {
  const root = temporaryFolder(t)
  run(join(root, 'b'))
  run(join(root, 'a/b/c/d'))
  run(join(root, 'a/b/c/d/state/10'))
  run(join(root, 'b/tensorboard'))
  run(join(root, 'state/x'))
  run(join(root, '.hidden'))
  run(join(root, 'a/b/c/e/f'))
  touch(join(root, 'c/config.json'))
  t.deepEqual(namesOf(root), { runs: ['a/b/c/d', 'b'], comparisons: [] })
})

test('a comparison holds the runs below it, of a grid too', (t) => {
  const root = temporaryFolder(t)
  touch(join(root, 'p/primes/arrow.json'), join(root, 'p/grid/arrow.json'))
  run(join(root, 'p/primes/seed-0-forward'))
  run(join(root, 'p/primes/seed-0-backward'))
  run(join(root, 'p/grid/model=gpt/seed-0-forward'))
  run(join(root, 'p/alone'))
  const primes = { folder: 'p/primes', runs: ['p/primes/seed-0-backward', 'p/primes/seed-0-forward'] }
  t.deepEqual(namesOf(root), {
    runs: ['p/alone'],
    comparisons: [{ folder: 'p/grid', runs: ['p/grid/model=gpt/seed-0-forward'] }, primes],
  })
  t.deepEqual(namesOf(root, [join(root, 'p/primes')]), { runs: [], comparisons: [primes] })
  t.deepEqual(namesOf(root, [join(root, 'p/primes/arrow.json')]), { runs: [], comparisons: [primes] })
})

test('numbers in names are in their order', (t) => {
  const root = temporaryFolder(t)
  for (const length of [16, 128, 8]) run(join(root, `attn_length=${length},model=gpt`))
  t.deepEqual(
    namesOf(root).runs,
    [8, 16, 128].map((length) => `attn_length=${length},model=gpt`),
  )
})

test('a folder counts once, however often and by whatever way it is named', (t) => {
  const root = temporaryFolder(t)
  run(join(root, 'a'))
  symlinkSync('a', join(root, 'same'))
  symlinkSync('.', join(root, 'loop'))
  symlinkSync('nowhere', join(root, 'broken'))
  t.deepEqual(namesOf(root, [join(root, 'a'), root, `${root}/`, join(root, 'a')]), { runs: ['a'], comparisons: [] })
})

test('what is not there, or no folder', (t) => {
  const root = temporaryFolder(t)
  touch(join(root, 'metrics.jsonl'))
  t.throws(() => findRuns([join(root, 'none')]), {
    code: 'AOT_IO',
    message: `${root}/none: no such folder; name a run, a comparison, or a folder with runs in it`,
  })
  t.throws(() => findRuns([join(root, 'metrics.jsonl')]), {
    code: 'AOT_IO',
    message: `${root}/metrics.jsonl: is a file; name the folder of the run or of the comparison`,
  })
  t.throws(() => findRuns([join(root, 'metrics.jsonl', 'x')]), { code: 'AOT_IO', message: /no such folder/ })
})
