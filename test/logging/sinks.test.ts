import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { AotError } from '../../ts/errors.js'
import { openSinks } from '../../ts/logging/open.js'
import { noRecord, RecordFiles } from '../../ts/logging/record_files.js'
import type { Sink } from '../../ts/logging/sink.js'
import { Sinks } from '../../ts/logging/sinks.js'
import { TrainProgress } from '../../ts/logging/train_progress.js'
import { trainRun } from '../../ts/train/run.js'
import { type Faults, fakeSurroundings } from '../train/fakes.js'
import { comparable, folderWithText, makeRun, plain, readLines, type Settings, temporaryFolder } from '../train/runs.js'

const calls = ['start', 'train', 'valid', 'sample', 'sync', 'close'] as const
type Call = (typeof calls)[number]

/** A sink that keeps what it is told, and does something else at one of its calls. */
function sinkThat(told: string[], does: Partial<Record<Call, () => void | Promise<void>>> = {}): Sink {
  return {
    name: 'planted',
    start: () => note('start'),
    train: (line) => note('train', line.step),
    valid: (line) => note('valid', line.step),
    sample: ({ step }) => note('sample', step),
    sync: (step) => note('sync', step),
    close: ({ kind, step }) => note('close', `${kind} ${step}`),
  }
  function note(call: Call, what: string | number = '') {
    told.push(`${call} ${what}`.trim())
    return does[call]?.()
  }
}

async function train(folder: string, name: string, sinks: Sink[], settings: Settings = {}, faults: Faults = {}) {
  const surroundings = { ...fakeSurroundings(faults), sinks }
  const run = makeRun(folder, { steps_to_train: 30, save_every: 10, step_log: 10, ...settings }, name)
  const result = await trainRun(run, plain, surroundings)
  return { run, result, lines: surroundings.lines }
}

const emptyRecord = (folder: string) => RecordFiles.open(folder, 0, noRecord)

/** Without the first line, which names the run, and without what depends on the clock. */
const timeless = (lines: string[]) => lines.slice(1).map((line) => line.replace(/, \S+ tokens\/s.*/, ''))

test('a sink is told of everything in order, each after the files have it', async (t) => {
  const folder = folderWithText(t)
  const told: string[] = []
  const written: number[] = []
  const runFolder = join(folder, 'runs/project/run')
  const counting: Sink = { name: 'counting', train: () => void written.push(readLines(runFolder).length) }
  await train(folder, 'run', [sinkThat(told), counting])
  t.deepEqual(told, [
    ...['start', 'train 10', 'sync 10', 'train 20', 'sync 20', 'valid 25', 'sample 25'],
    ...['train 30', 'valid 30', 'sample 30', 'sync 30', 'close finished 30'],
  ])
  t.deepEqual(written, [1, 2, 4])
})

test('a sink that throws or rejects at any call is switched off with one line, and the run is the same', async (t) => {
  const folder = folderWithText(t)
  const without = await train(folder, 'without', [])
  for (const call of calls) {
    const faults: Record<string, () => void | Promise<void>> = {
      throws: () => {
        throw new Error('planted\n  fault')
      },
      rejects: async () => {
        throw new Error('planted fault')
      },
      'throws no error': () => {
        throw 'planted fault'
      },
    }
    for (const [how, fault] of Object.entries(faults)) {
      const told: string[] = []
      const others: string[] = []
      const name = `${call} ${how}`
      const { run, lines, result } = await train(folder, name, [sinkThat(told, { [call]: fault }), sinkThat(others)])
      t.is(result.step, 30)
      t.deepEqual(comparable(run.runFolder), comparable(without.run.runFolder), name)
      const about = lines.filter((line) => line.includes('planted'))
      t.deepEqual(
        about,
        [`log planted is switched off (${call}: planted fault); metrics.jsonl goes on with everything`],
        name,
      )
      t.is(told.filter((line) => line.startsWith(call)).length, 1, `${name}: it is told no more`)
      // Of a rejection it is known a moment later; of the end it is not told any more.
      if (how !== 'rejects') t.is(told.at(-1)?.split(' ')[0], call, name)
      t.is(told.at(-1)?.startsWith('close'), call === 'close', name)
      t.is(others.at(-1), 'close finished 30', 'the others are told to the end')
      t.deepEqual(
        timeless(lines.filter((line) => !line.includes('planted'))),
        timeless(without.lines),
        'the terminal shows the same',
      )
    }
  }
})

test('a sink that never ends what it is told holds nothing up but the end, and that not for long', async (t) => {
  const folder = folderWithText(t)
  const without = await train(folder, 'without', [])
  const never = () => new Promise<void>(() => {})
  const { run, lines } = await train(folder, 'hangs', [
    sinkThat([], { start: never, train: never, valid: never, sample: never, sync: never }),
  ])
  t.deepEqual(comparable(run.runFolder), comparable(without.run.runFolder))
  t.deepEqual(
    lines.filter((line) => line.includes('planted')),
    [],
  )

  const printed: string[] = []
  const closing = sinkThat([], { close: never })
  const sinks = new Sinks({
    record: emptyRecord(folder),
    others: [closing],
    print: (line) => printed.push(line),
    closeSeconds: 0.02,
  })
  t.deepEqual(await sinks.during(0, async () => ({ step: 3, stopped: false })), { step: 3, stopped: false })
  t.deepEqual(printed, [
    'log planted is switched off (it did not end within 0.02 s); metrics.jsonl goes on with everything',
  ])
})

test('sinks learn how a run ended: finished, stopped or failed', async (t) => {
  const folder = folderWithText(t)
  const told: string[] = []
  const controller = new AbortController()
  const faults: Faults = { onMinibatch: (done) => done === 12 && controller.abort() }
  const surroundings = { ...fakeSurroundings(faults), sinks: [sinkThat(told)] }
  await trainRun(makeRun(folder, {}, 'stopped'), { ...plain, signal: controller.signal }, surroundings)
  t.is(told.at(-1), 'close stopped 12')
  await t.throwsAsync(train(folder, 'failed', [sinkThat(told)], {}, { nanLossAt: 7 }), { code: 'AOT_NUMERIC' })
  t.regex(told.at(-1) ?? '', /^close failed/)
})

test('a fault of the record itself ends the run, and no sink is told what the record does not have', async (t) => {
  const told: string[] = []
  const record = emptyRecord(folderWithText(t))
  record.metrics.train = () => {
    throw new AotError('AOT_IO', 'cannot write metrics.jsonl: no space left on device')
  }
  const sinks = new Sinks({ record, others: [sinkThat(told)], print: () => {} })
  const place = { step: 4, epochs: 1, ksamples: 1 }
  const run = sinks.during(0, async () => {
    sinks.train(place, { loss: 1, lr: 1, gradNorm: 1, tokensPerSecond: 1 })
    return { step: 4, stopped: false }
  })
  await t.throwsAsync(run, { code: 'AOT_IO' })
  t.deepEqual(told, ['start', 'close failed 0'])
})

test('a terminal that is gone does not end the run', async (t) => {
  const folder = folderWithText(t)
  const without = await train(folder, 'without', [])
  const run = makeRun(folder, { steps_to_train: 30, save_every: 10, step_log: 10 }, 'gone')
  let printed = 0
  const surroundings = {
    ...fakeSurroundings(),
    print: () => {
      // The lines before training.
      if (++printed > 10) throw new Error('write EPIPE')
    },
  }
  t.is((await trainRun(run, plain, surroundings)).step, 30)
  t.deepEqual(comparable(run.runFolder), comparable(without.run.runFolder))
})

test('the config says which sinks there are', async (t) => {
  const folder = temporaryFolder(t)
  const progress = new TrainProgress({ start: 0, total: 1, tokensPerStep: 1, print: () => {}, terminal: null })
  const files = ['metrics.jsonl', 'samples.jsonl', 'valid_windows.jsonl']
  const made = async (logging: ('tensorboard' | 'wandb')[], name: string) => {
    const run = makeRun(folder, {}, name)
    t.deepEqual(run.config.logging, ['tensorboard'])
    mkdirSync(run.runFolder, { recursive: true })
    const parts = { run: { ...run, config: { ...run.config, logging } }, step: 0, bytes: noRecord }
    await openSinks({ ...parts, progress, more: [] }).during(0, async () => ({ step: 0, stopped: false }))
    return readdirSync(run.runFolder).sort()
  }
  t.deepEqual(await made(['tensorboard', 'tensorboard'], 'a'), [...files, 'tensorboard'].sort())
  t.deepEqual(await made([], 'b'), files)
})
