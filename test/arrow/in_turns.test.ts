import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { trainInTurns } from '../../ts/arrow/in_turns.js'
import type { RunWatcher } from '../../ts/config/types.js'
import { native } from '../../ts/native.js'
import { trainRun } from '../../ts/train/run.js'
import { comparable, makeRun, plain, realDataset } from '../train/runs.js'

const deaf: RunWatcher = { begun() {}, stepped() {}, validated() {} }
const surroundings = { native, print() {}, terminal: null }
const forever = new AbortController().signal

test('runs in turns go step by step, and end as runs that were alone', async (t) => {
  const { folder, settings } = await realDataset(t, 300)
  const small = { ...settings, steps_to_train: 30, 'model_params.attn_length': 16, save_every: 10, batch_size: 4 }
  const runsOf = (name: string) =>
    [false, true].map((backwards) => makeRun(folder, { ...small, backwards }, `${name}-${backwards}`))
  const alone = runsOf('alone')
  for (const run of alone) await trainRun(run, plain, surroundings)
  const steps: string[] = []
  const runs = runsOf('turns')
  const watcher = (index: number): RunWatcher => ({
    ...deaf,
    stepped: ({ step }) => void steps.push(`${step}${'ab'[index]}`),
  })
  t.deepEqual(await trainInTurns(runs, { signal: forever, watcher }), { stopped: false })
  t.deepEqual(steps, Array.from({ length: 30 }, (_, step) => [`${step + 1}a`, `${step + 1}b`]).flat())
  for (const [index, run] of runs.entries()) {
    t.deepEqual(comparable(run.runFolder), comparable(alone[index]?.runFolder as string))
    t.regex(readFileSync(join(run.runFolder, 'log.txt'), 'utf8'), /step 4 of 30: loss/)
  }
})

test('a signal saves and stops both, and they go on to the same end', async (t) => {
  const { folder, settings } = await realDataset(t, 300)
  const small = { ...settings, steps_to_train: 24, 'model_params.attn_length': 16, save_every: 10, batch_size: 4 }
  const runsOf = (name: string) => [1, 2].map((seed) => makeRun(folder, { ...small, seed }, `${name}-${seed}`))
  const whole = runsOf('whole')
  await trainInTurns(whole, { signal: forever, watcher: () => deaf })
  const stop = new AbortController()
  const runs = runsOf('stopped')
  const stepped: RunWatcher['stepped'] = ({ step }) => step === 13 && stop.abort()
  t.deepEqual(await trainInTurns(runs, { signal: stop.signal, watcher: () => ({ ...deaf, stepped }) }), {
    stopped: true,
  })
  for (const run of runs) t.true(Number(readFileSync(join(run.runFolder, 'state/latest'), 'utf8')) <= 14)
  await trainInTurns(runs, { signal: forever, watcher: () => deaf })
  for (const [index, run] of runs.entries()) {
    t.deepEqual(comparable(run.runFolder), comparable(whole[index]?.runFolder as string))
  }
})

test('where one fails the other saves and stops, and the error names the run', async (t) => {
  const { folder, settings } = await realDataset(t, 300)
  const small = { ...settings, steps_to_train: 200, 'model_params.attn_length': 16, save_every: 100, batch_size: 4 }
  const good = makeRun(folder, small, 'good')
  const bad = makeRun(folder, { ...small, 'optim_params.lr': 1e30, 'optim_params.warmup_steps': 0 }, 'bad')
  const error = await t.throwsAsync(trainInTurns([good, bad], { signal: forever, watcher: () => deaf }), {
    code: 'AOT_NUMERIC',
  })
  t.regex(error?.message ?? '', /^bad: training stopped/)
  const saved = Number(readFileSync(join(good.runFolder, 'state/latest'), 'utf8'))
  t.true(saved > 0 && saved < 100, `${saved}`)
})
