import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import type { Faults } from './fakes.js'
import { betweenRenameAndLatest, killAt, metricsBytes, startChild, whileSaving } from './kill.js'
import { comparable, folderWithText, makeRun, stateNames } from './runs.js'

const settings = { steps_to_train: 120, aggregate: 3, save_every: 8, backup_every: 16, step_log: 1 }
const faults: Faults = { milliseconds: 5, saveMilliseconds: 40 } // slow enough that a busy machine sees the moments

test('killed at any moment and started again, a run ends as one that was not', async (t) => {
  const folder = folderWithText(t)
  const child = (name: string) => ({ folder, settings, name, faults })
  const runFolder = (name: string) => makeRun(folder, settings, name).runFolder
  t.is((await startChild(child('whole')).ended).status, 0)

  const moments = [
    whileSaving('model.safetensors', 'optimizer.safetensors'),
    whileSaving('optimizer.safetensors', 'trainer.json'),
    metricsBytes(3000),
    whileSaving('trainer.json'),
    betweenRenameAndLatest,
    metricsBytes(9000),
  ]
  let killed = 0
  for (const moment of moments) if (await killAt(child('killed'), runFolder('killed'), moment)) killed++
  t.true(killed >= 3, `only ${killed} kills`)
  t.is((await startChild(child('killed')).ended).status, 0)
  t.deepEqual(comparable(runFolder('killed')), comparable(runFolder('whole')))
  t.deepEqual(stateNames(runFolder('killed')), stateNames(runFolder('whole')))
})

test('SIGTERM saves and stops with status 130', async (t) => {
  const folder = folderWithText(t)
  const long = { folder, settings: { ...settings, steps_to_train: 100000 }, name: 'run', faults }
  const { child, ended } = startChild(long)
  const { runFolder } = makeRun(folder, settings)
  while (!metricsBytes(2000)(runFolder)) await new Promise((resolve) => setTimeout(resolve, 5))
  child.kill('SIGTERM')
  t.deepEqual(await ended, { status: 130, signal: null, stderr: '' })
  t.true(comparable(runFolder).metrics.length > 5)
})

test('a file that may not grow, as on a full disk, ends the run with one line and leaves the checkpoint', async (t) => {
  const folder = folderWithText(t)
  const run = (prefix: string[], name = 'run') =>
    startChild({ folder, settings, name, faults: { milliseconds: 0 }, prefix }).ended
  // Blocks of 1024 bytes: a checkpoint's files need 3, the metrics outgrow 8.
  const limited = await run(['bash', '-c', 'ulimit -f 8; exec "$0" "$@"'])
  t.is(limited.status, 2)
  t.regex(limited.stderr, /^AOT_IO: cannot write .*metrics\.jsonl: file too large; free some space and start again\n$/)
  t.is((await run([])).status, 0)
  t.is((await run([], 'whole')).status, 0)
  const of = (name: string) => comparable(makeRun(folder, settings, name).runFolder)
  t.deepEqual(of('run'), of('whole'))
})

test('the lock of a killed run is free', async (t) => {
  const folder = folderWithText(t)
  const options = { folder, settings, name: 'run', faults }
  const { runFolder } = makeRun(folder, settings)
  t.true(await killAt(options, runFolder, metricsBytes(100)))
  writeFileSync(join(runFolder, 'lock'), '999999\n')
  t.is((await startChild(options).ended).status, 0)
})
