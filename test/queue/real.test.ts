/** aot-train with several configs, as a person runs it. */
import type { ChildProcess } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { native } from '../../ts/native.js'
import { startCommand, until } from '../cli/start.js'
import { comparable, makeRun, readLines, realDataset, type Settings } from '../train/runs.js'

const names = ['a', 'b', 'c', 'd', 'e', 'f']
/** So many a cpu of the queue gets. */
const threads = Math.max(1, Math.floor(native.availableCores() / 2))

const start = (folder: string, ...words: string[]) => startCommand('aot-train', folder, words)

/** Configs a.json to f.json of short runs, each of its own kind; c has no dataset that can be read. */
function makeConfigs(folder: string, settings: Settings): string[] {
  return names.map((name, index) => {
    const own = { backwards: index % 2 === 1, seed: index, steps_to_train: 60 + 20 * index, save_every: 10 }
    const dataset_folder = join(folder, name === 'c' ? 'later.h5' : 'text.h5')
    const { configPath } = makeRun(folder, { ...settings, ...own, dataset_folder }, name)
    const path = join(folder, `${name}.json`)
    copyFileSync(configPath, path)
    return path
  })
}

const runFolder = (folder: string, project: string, name: string) => join(folder, 'runs', project, name)
const log = (folder: string, project: string, name: string) => {
  const path = join(runFolder(folder, project, name), 'log.txt')
  return existsSync(path) ? readFileSync(path, 'utf8') : ''
}

function isAlive({ pid }: ChildProcess): boolean {
  try {
    process.kill(pid as number, 0)
    return true
  } catch {
    return false
  }
}

/** No process trains the run. */
function isFree(run: string): boolean {
  try {
    new native.FileLock(join(run, 'lock'), { busy: 'busy' }).release()
    return true
  } catch {
    return false
  }
}

test('six runs on two devices, one of which fails; the same command goes on; a kill takes nothing', async (t) => {
  t.timeout(280_000)
  const { folder, settings } = await realDataset(t, 300)
  const configs = makeConfigs(folder, settings)
  writeFileSync(join(folder, 'later.h5'), 'no HDF5')
  const queue = (project: string) => start(folder, ...configs, '-d', 'cpu,cpu', '-p', project)

  const first = await queue('queue').ended
  t.is(first.status, 2, first.stderr)
  for (const name of names) {
    const state = name === 'c' ? 'failed' : 'done'
    t.regex(first.stdout, new RegExp(`^${name} .* ${state}$`, 'm'))
  }
  t.regex(first.stdout, /^c: \S*later\.h5 is not an HDF5 file/m)
  const { step, 'loss/valid': loss } = readLines(runFolder(folder, 'queue', 'f')).at(-1) as {
    step: number
    'loss/valid': number
  }
  t.is(step, 160)
  t.true(
    first.stdout
      .split('\n')
      .some((line) => /^f /.test(line) && line.includes(` 160 `) && line.includes(loss.toFixed(4))),
  )

  // With its data there, only the one that failed is trained.
  copyFileSync(join(folder, 'text.h5'), join(folder, 'later.h5'))
  const logs = names.map((name) => log(folder, 'queue', name))
  const second = await queue('queue').ended
  t.is(second.status, 0, second.stderr)
  for (const [index, name] of names.entries()) {
    t.regex(second.stdout, new RegExp(`^${name} .* ${name === 'c' ? 'done' : 'done before'}$`, 'm'))
    t.is(log(folder, 'queue', name) === logs[index], name !== 'c')
  }

  // The queue is killed when it is at its second pair; its runs notice, save and end.
  const killed = queue('killed')
  const metrics = (name: string) => join(runFolder(folder, 'killed', name), 'metrics.jsonl')
  await until(() => (existsSync(metrics('c')) && readFileSync(metrics('c')).length > 0) || !isAlive(killed.child))
  killed.child.kill('SIGKILL')
  await killed.ended
  await new Promise((resolve) => setTimeout(resolve, 2000)) // a run that was just being started comes to its lock
  const begun = names.filter((name) => existsSync(join(runFolder(folder, 'killed', name), 'lock')))
  t.true(begun.includes('c') && !begun.includes('f'), begun.join())
  await until(() => begun.every((name) => isFree(runFolder(folder, 'killed', name))))
  const last = await queue('killed').ended
  t.is(last.status, 0, last.stdout)
  t.regex(last.stdout, /^a .* done before$/m)

  // Each is what it is alone.
  const alone = (config: string) => start(folder, config, '-p', 'alone', '--threads', String(threads)).ended
  for (const half of [configs.slice(0, 3), configs.slice(3)]) {
    for (const { status, stderr } of await Promise.all(half.map(alone))) t.is(status, 0, stderr)
  }
  for (const name of names) {
    const expected = comparable(runFolder(folder, 'alone', name))
    t.deepEqual(comparable(runFolder(folder, 'queue', name)), expected)
    t.deepEqual(comparable(runFolder(folder, 'killed', name)), expected)
  }
})

test('^C: the runs save, the others do not begin, and the same command goes on', async (t) => {
  t.timeout(120_000)
  const { folder, settings } = await realDataset(t, 300)
  const configs = makeConfigs(folder, { ...settings }).slice(0, 2)
  const words = [...configs, '-d', 'cpu', '--set', 'steps_to_train=4000']
  const { child, ended } = start(folder, ...words)
  const metrics = join(runFolder(folder, 'arrows-of-time', 'a'), 'metrics.jsonl')
  await until(() => (existsSync(metrics) && readFileSync(metrics).length > 0) || !isAlive(child))
  child.kill('SIGINT')
  const { status, stdout, stderr } = await ended
  t.is(status, 130, stderr)
  t.regex(stdout, /^a .* stopped$/m)
  t.regex(stdout, /^b .*not begun$/m)
  t.true(stderr.includes('aot-train: stopping: the runs save their state, and the same command goes on'))
  t.regex(log(folder, 'arrows-of-time', 'a'), /^stopped at step \d+: the same command goes on from there$/m)
})

test('the runs of a queue that is killed save and stop', async (t) => {
  t.timeout(120_000)
  const { folder, settings } = await realDataset(t, 300)
  const configs = makeConfigs(folder, settings).slice(0, 2)
  const { child, ended } = start(folder, ...configs, '-d', 'cpu,cpu', '--set', 'steps_to_train=20000')
  const metrics = (name: string) => join(runFolder(folder, 'arrows-of-time', name), 'metrics.jsonl')
  const trains = (name: string) => existsSync(metrics(name)) && readFileSync(metrics(name)).length > 0
  await until(() => ['a', 'b'].every(trains) || !isAlive(child))
  child.kill('SIGKILL')
  await ended
  const last = (name: string) => log(folder, 'arrows-of-time', name).trimEnd().split('\n').at(-1) as string
  await until(() => ['a', 'b'].every((name) => isFree(runFolder(folder, 'arrows-of-time', name))))
  for (const name of ['a', 'b']) t.regex(last(name), /^stopped at step \d+: the same command goes on from there$/)
})

test('what can be seen before the start is told before anything begins', async (t) => {
  const { folder, settings } = await realDataset(t, 300)
  const configs = makeConfigs(folder, settings)
  const { status, stdout, stderr } = await start(folder, ...configs, '-d', 'cpu,cpu').ended // later.h5 is not there
  t.is(status, 2)
  t.is(stdout, '')
  t.regex(
    stderr,
    /^aot-train: \S+c\.json: the dataset \S+later\.h5 \(training_params\.dataset_folder\) does not exist: .*\n$/,
  )
  t.false(existsSync(join(folder, 'runs')))
  const odd = await start(folder, configs[0] as string, configs[1] as string, '--set', 'n_heads=3').ended
  t.is(odd.status, 2)
  t.false(existsSync(join(folder, 'runs')))
})

test('a run that another process trains is reported as failed', async (t) => {
  const { folder, settings } = await realDataset(t, 300)
  const configs = makeConfigs(folder, settings).slice(0, 2)
  const held = runFolder(folder, 'arrows-of-time', 'a')
  mkdirSync(held, { recursive: true })
  const lock = new native.FileLock(join(held, 'lock'), { busy: 'busy' })
  const { status, stdout } = await start(folder, ...configs, '-d', 'cpu').ended
  lock.release()
  t.is(status, 2)
  t.regex(stdout, /^a: this run is being trained by .*$/m)
  t.regex(stdout, /^b .* done$/m)
})

test('the runs outlast who reads the output', async (t) => {
  const { folder, settings } = await realDataset(t, 300)
  const configs = makeConfigs(folder, settings).slice(0, 2)
  for (const [project, words] of [
    ['several', configs],
    ['one', configs.slice(0, 1)],
  ] as const) {
    const { child, ended } = start(folder, ...words, '-d', 'cpu', '-p', project)
    child.stderr.once('data', () => child.stderr.destroy())
    child.stdout.destroy()
    t.is((await ended).status, 0)
    t.is(readLines(runFolder(folder, project, 'a')).at(-1)?.step, 60)
  }
})
