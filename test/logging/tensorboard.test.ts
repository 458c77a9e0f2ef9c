import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import type { ResolvedRun } from '../../ts/config/types.js'
import { trainRun } from '../../ts/train/run.js'
import { type Faults, fakeSurroundings } from '../train/fakes.js'
import { killAt, metricsBytes } from '../train/kill.js'
import { comparable, folderWithText, makeRun, plain, readLines, type Settings } from '../train/runs.js'
import { eventFiles, type ReadEvent, readEvents, readHparams, readRecords, runEvents } from './tfevents_reader.js'

const settings: Settings = { steps_to_train: 60, save_every: 10, step_log: 4 }

async function train(run: ResolvedRun, stopAt = 0, planted: Faults = {}) {
  const controller = new AbortController()
  const faults: Faults = { ...planted, onMinibatch: (done) => done === stopAt && controller.abort() }
  const surroundings = fakeSurroundings(faults)
  await trainRun(run, { ...plain, signal: controller.signal }, surroundings)
  return surroundings.lines
}

/** Scalars of the events: tag, step and value. */
function scalars(events: ReadEvent[]) {
  return events.flatMap(({ step, time, values }) =>
    values.filter(({ scalar }) => scalar !== undefined).map(({ tag, scalar }) => ({ tag, step, time, scalar })),
  )
}

function texts(events: ReadEvent[]) {
  return events.flatMap(({ step, values }) =>
    values.filter(({ plugin }) => plugin === 'text').map(({ tag, text }) => ({ tag, step, text })),
  )
}

/** What metrics.jsonl says should be there. */
function wantedScalars(runFolder: string) {
  let last = 0
  return readLines(runFolder).flatMap(({ step, time, ...values }) => {
    const again = step === last
    last = step
    return Object.entries(values)
      .filter(([tag, value]) => typeof value === 'number' && !(again && ['epochs', 'ksamples'].includes(tag)))
      .map(([tag, value]) => ({ tag, step, time: time as number, scalar: Math.fround(value as number) }))
  })
}

function status(events: ReadEvent[]): (number | undefined)[] {
  return events
    .flatMap(({ values }) => values)
    .filter(({ tag }) => tag === '_hparams_/session_end_info')
    .map(({ content }) => readHparams(content as Buffer).status)
}

test('the event file has the scalars of metrics.jsonl, the texts and the config', async (t) => {
  const folder = folderWithText(t)
  const run = makeRun(folder, { ...settings, backwards: null })
  await train(run)
  const events = runEvents(run.runFolder)
  t.is(events[0]?.version, 'brain.Event:2')
  t.deepEqual([events[1]?.session, events[1]?.step], [1, 0], 'SessionLog.START at step 0')
  t.deepEqual(scalars(events), wantedScalars(run.runFolder))
  t.true(scalars(events).some(({ tag }) => tag === 'loss/valid_backward'))
  t.deepEqual(
    texts(events),
    readLines(run.runFolder, 'samples.jsonl').map(({ step, text, direction }) => ({
      ...{ tag: `gen_samples/${direction}`, step, text: text as string },
    })),
  )

  const of = (name: string) =>
    events.flatMap(({ values }) => values).find(({ tag }) => tag === `_hparams_/${name}`)?.content as Buffer
  const { experiment } = readHparams(of('experiment'))
  const { hparams, group } = readHparams(of('session_start_info'))
  t.is(experiment?.name, 'project')
  t.is(group, 'project/run')
  t.deepEqual(experiment?.metrics, ['loss/valid', 'loss/train_step'])
  t.deepEqual(experiment?.hparams, Object.keys(hparams))
  t.like(hparams, {
    'optim_params.lr': 0.01,
    'training_params.backwards': 'null',
    'training_params.fast_scrambling': false,
    'training_params.save_loc': join(folder, 'runs'),
    model: 'gpt',
    device: 'cpu',
    logging: '["tensorboard"]',
  })
  const { model_params, training_params, optim_params, ...top } = run.config
  const keys = [model_params, training_params, optim_params, top].flatMap((section) => Object.keys(section))
  t.is(Object.keys(hparams).length, keys.length + 1, 'and the device')
  t.deepEqual(status(events), [1])
})

test('after a stop nothing is there twice, nor past the checkpoint', async (t) => {
  const folder = folderWithText(t)
  const run = makeRun(folder, settings)
  for (const minibatch of [5, 12, 25, 33]) {
    await train(run, minibatch)
    const events = runEvents(run.runFolder)
    t.deepEqual(scalars(events), wantedScalars(run.runFolder), `stopped at ${minibatch}`)
    t.deepEqual(status(events), [3], 'it runs, as far as TensorBoard knows')
    const sizes = eventFiles(run.runFolder).map(({ content }) => content.length > 0)
    t.deepEqual(sizes, minibatch === 5 ? [true] : [false, true], 'the file before is there, empty')
  }
  await train(run)
  const events = runEvents(run.runFolder)
  t.deepEqual(scalars(events), wantedScalars(run.runFolder))
  t.deepEqual(status(events), [1])
  t.is(texts(events).length, 3)
})

test('after a kill the next start begins from the record, whatever is left in the folder', async (t) => {
  const folder = folderWithText(t)
  const whole = makeRun(folder, settings, 'whole')
  const faults = { milliseconds: 2 }
  await train(whole, 0, faults)
  const run = makeRun(folder, settings, 'killed')
  const child = { folder, settings, name: 'killed', faults }
  t.true(await killAt(child, run.runFolder, metricsBytes(1500)))
  const tensorboard = join(run.runFolder, 'tensorboard')
  const [name] = readdirSync(tensorboard) as [string]
  t.deepEqual(status(readEvents(readFileSync(join(tensorboard, name)))), [], 'a killed run has no end')
  // As a process that is killed while it writes a record, or while it makes the next file, leaves them.
  appendFileSync(join(tensorboard, name), Buffer.from([200, 0, 0, 0, 0, 0, 0, 0, 1, 2]))
  t.throws(() => readRecords(readFileSync(join(tensorboard, name))))
  writeFileSync(join(tensorboard, 'next.tmp'), 'half')
  await train(run, 0, faults)
  t.deepEqual(comparable(run.runFolder), comparable(whole.runFolder))
  t.deepEqual(scalars(runEvents(run.runFolder)), wantedScalars(run.runFolder))
  t.deepEqual(
    eventFiles(run.runFolder).map(({ content }) => content.length > 0),
    [false, true],
  )
  t.is(eventFiles(run.runFolder)[0]?.name, name, 'a TensorBoard that is open reads the new one after it')

  rmSync(tensorboard, { recursive: true })
  await train(run)
  t.deepEqual(scalars(runEvents(run.runFolder)), wantedScalars(run.runFolder), 'and a lost one is made anew')
})

test('a failed run is marked so', async (t) => {
  const run = makeRun(folderWithText(t), settings)
  await t.throwsAsync(trainRun(run, plain, fakeSurroundings({ nanLossAt: 13 })), { code: 'AOT_NUMERIC' })
  const events = runEvents(run.runFolder)
  t.deepEqual(scalars(events), wantedScalars(run.runFolder))
  t.deepEqual(status(events), [2])
})

test('where the folder cannot be written, the run goes on without it', async (t) => {
  const run = makeRun(folderWithText(t), settings)
  mkdirSync(run.runFolder, { recursive: true })
  writeFileSync(join(run.runFolder, 'tensorboard'), 'a file')
  const lines = await train(run)
  t.is(lines.filter((line) => /^log tensorboard is switched off \(start: EEXIST/.test(line)).length, 1)
  t.is(readLines(run.runFolder).at(-1)?.step, 60)
})

test('files of others in the folder are left alone', async (t) => {
  const run = makeRun(folderWithText(t), settings)
  await train(run, 12)
  const tensorboard = join(run.runFolder, 'tensorboard')
  writeFileSync(join(tensorboard, 'notes.txt'), 'mine')
  await train(run)
  t.is(readFileSync(join(tensorboard, 'notes.txt'), 'utf8'), 'mine')
  t.is(readdirSync(tensorboard).length, 3)
})
