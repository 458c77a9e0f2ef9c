import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { describeMachine, sourceCommit } from '../../ts/bench/machine.js'
import { machine } from '../../ts/bench/record.js'
import { native } from '../../ts/native.js'
import { temporaryFolder } from '../train/runs.js'

const git = (folder: string, ...words: string[]) =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', '-c', 'commit.gpgsign=false', ...words], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: process.env.PATH },
  }).trim()

/** A folder of sources in a repository with one commit. */
function repository(t: ExecutionContext): { folder: string; commit: string } {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'ts'))
  writeFileSync(join(folder, 'ts', 'a.ts'), 'a')
  git(folder, 'init', '-q')
  git(folder, 'add', '.')
  git(folder, 'commit', '-q', '-m', 'a')
  return { folder, commit: git(folder, 'rev-parse', '--short', 'HEAD') }
}

test('this machine', (t) => {
  const here = describeMachine(['cpu'])
  t.deepEqual(machine.parse(here), here)
  t.is(here.processor, here.processor.trim())
  t.is(here.cores, native.availableCores())
  t.is(here.memory, totalmem())
  t.is(here.node, process.version)
  t.deepEqual(here.devices, ['cpu'])
})

test('the commit of a repository, and whether the sources are its', (t) => {
  const { folder, commit } = repository(t)
  t.regex(commit, /^[0-9a-f]{7,}$/)
  t.is(sourceCommit(folder), commit)
  writeFileSync(join(folder, 'bench.json'), 'results are no sources')
  t.is(sourceCommit(folder), commit)
  writeFileSync(join(folder, 'ts', 'b.ts'), 'a new file')
  t.is(sourceCommit(folder), `${commit}+`)
  git(folder, 'add', 'ts')
  t.is(sourceCommit(folder), `${commit}+`)
  git(folder, 'commit', '-q', '-m', 'b')
  writeFileSync(join(folder, 'ts', 'a.ts'), 'changed')
  t.is(sourceCommit(folder), `${git(folder, 'rev-parse', '--short', 'HEAD')}+`)
})

test('through a link to the folder', (t) => {
  const { folder, commit } = repository(t)
  const link = join(temporaryFolder(t), 'link')
  symlinkSync(folder, link)
  t.is(sourceCommit(link), commit)
})

test('no repository, one without a commit, and one of another project above', (t) => {
  t.is(sourceCommit(temporaryFolder(t)), null)
  const empty = temporaryFolder(t)
  git(empty, 'init', '-q')
  t.is(sourceCommit(empty), null)
  const inside = join(repository(t).folder, 'node_modules', 'arrows-of-time')
  mkdirSync(inside, { recursive: true })
  t.is(sourceCommit(inside), null)
})

test.serial('no git', (t) => {
  const { folder } = repository(t)
  const { PATH } = process.env
  process.env.PATH = temporaryFolder(t)
  t.teardown(() => {
    process.env.PATH = PATH
  })
  t.is(sourceCommit(folder), null)
})
