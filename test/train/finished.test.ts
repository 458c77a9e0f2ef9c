import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { finishedRun } from '../../ts/train/finished.js'
import { trainRun } from '../../ts/train/run.js'
import { fakeSurroundings } from './fakes.js'
import { folderWithText, makeRun, plain, readLines } from './runs.js'

test('a run is finished when a start of it would do nothing', async (t) => {
  const folder = folderWithText(t)
  const run = makeRun(folder, { steps_to_train: 20 })
  t.is(await finishedRun(run, plain), null)
  const controller = new AbortController()
  const watcher = {
    begun() {},
    validated() {},
    stepped: ({ step }: { step: number }) => step === 11 && controller.abort(),
  }
  await trainRun(run, { ...plain, signal: controller.signal, watcher }, fakeSurroundings({}))
  t.is(await finishedRun(run, plain), null, 'it was stopped')
  await trainRun(run, plain, fakeSurroundings({}))
  const loss = readLines(run.runFolder).findLast((line) => 'loss/valid' in line)?.['loss/valid']
  t.is(typeof loss, 'number')
  t.deepEqual(await finishedRun(run, plain), { step: 20, validLoss: loss } as never)

  t.is(await finishedRun(run, { ...plain, noStepPickup: true }), null)
  t.is(await finishedRun(run, { ...plain, cooldownNow: true }), null)
  t.is(await finishedRun(makeRun(folder, { steps_to_train: 30 }), plain), null, 'another config')
  t.is(await finishedRun(makeRun(folder, { steps_to_train: 20 }, 'other'), plain), null, 'another run')

  const metrics = join(run.runFolder, 'metrics.jsonl')
  appendFileSync(metrics, '{"step": 20, "loss/valid')
  t.deepEqual(await finishedRun(run, plain), { step: 20, validLoss: loss } as never)
  const trainer = join(run.runFolder, 'state', '20', 'trainer.json')
  const text = readFileSync(trainer, 'utf8')
  writeFileSync(trainer, text.replace('"step": 20', '"step": 21'))
  t.is(await finishedRun(run, plain), null, 'damaged')
  writeFileSync(trainer, text)
  writeFileSync(metrics, '')
  t.is(await finishedRun(run, plain), null, 'its validation is not there')
})

test('a run that was stopped between its last step and its last validation is not finished', async (t) => {
  const run = makeRun(folderWithText(t), { steps_to_train: 20 })
  const controller = new AbortController()
  const watcher = {
    begun() {},
    validated() {},
    stepped: ({ step }: { step: number }) => step === 20 && controller.abort(),
  }
  await trainRun(run, { ...plain, signal: controller.signal, watcher }, fakeSurroundings({}))
  const metrics = join(run.runFolder, 'metrics.jsonl')
  const text = readFileSync(metrics, 'utf8')
  t.is(await finishedRun(run, plain), null)
  // The next start was killed after it: the checkpoint does not know of it.
  appendFileSync(metrics, '{"step":20,"loss/valid":3}\n')
  t.is(await finishedRun(run, plain), null)
  writeFileSync(metrics, text)
  const { validLoss } = await trainRun(run, plain, fakeSurroundings({}))
  t.deepEqual(await finishedRun(run, plain), { step: 20, validLoss } as never)
})

test('a watcher is told of all steps', async (t) => {
  const run = makeRun(folderWithText(t), { steps_to_train: 6 })
  const told: unknown[] = []
  const watcher = {
    begun: (...place: number[]) => told.push(['begun', ...place]),
    stepped: ({ step }: { step: number }) => told.push(step),
    validated: (step: number, loss: number) => told.push(['validated', step, typeof loss]),
  }
  await trainRun(run, { ...plain, watcher }, fakeSurroundings({}))
  t.deepEqual(told, [['begun', 0, 6], 1, 2, 3, 4, 5, 6, ['validated', 6, 'number']])
})
