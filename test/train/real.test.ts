/** The loop with the real tokenizer, data and engine. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { type NativeEngine, native } from '../../ts/native.js'
import { trainRun } from '../../ts/train/run.js'
import { readSafetensors } from './fakes.js'
import { killAt, metricsBytes, startChild, whileSaving } from './kill.js'
import { comparable, makeRun, plain, readLines, realDataset, type Settings, stateNames } from './runs.js'

const small: Settings = {
  steps_to_train: 40,
  save_every: 10,
  step_log: 5,
  batch_size: 4,
  'model_params.attn_length': 16,
}

/** The engine class, aborting after so many minibatches. */
function aborting(minibatches: number, controller: AbortController): typeof native.Engine {
  const counting = (engine: NativeEngine) => {
    const accumulate = engine.accumulateFrom.bind(engine)
    let issued = engine.minibatch
    const value: typeof accumulate = async (loader, scale) => {
      const number = ++issued
      const result = await accumulate(loader, scale)
      if (number === minibatches) controller.abort()
      return result
    }
    return Object.defineProperty(engine, 'accumulateFrom', { value })
  }
  return {
    create: async (options) => counting(await native.Engine.create(options)),
    load: async (folder, options) => counting(await native.Engine.load(folder, options)),
  }
}

/** A dataset, and a function that trains on it. */
async function trainer(t: ExecutionContext) {
  const { folder, settings } = await realDataset(t, 300)
  const all = { ...settings, ...small }
  const train = async (more: Settings = {}, name = 'run', stopAt = -1, initFrom?: string) => {
    const lines: string[] = []
    const run = makeRun(folder, { ...all, ...more }, name)
    const controller = new AbortController()
    const surroundings = {
      native: { ...native, Engine: aborting(stopAt, controller) },
      print: (line: string) => lines.push(line),
      terminal: null,
    }
    return { run, lines, result: await trainRun(run, { ...plain, initFrom, signal: controller.signal }, surroundings) }
  }
  return { folder, settings: all, train }
}

test('a model learns, and its run folder says how', async (t) => {
  const { train } = await trainer(t)
  const { run, lines, result } = await train({ steps_to_train: 120, 'optim_params.lr': 0.02, aggregate: 1 })
  const metrics = readLines(run.runFolder)
  const losses = metrics.flatMap((line) => (line['loss/train_step'] as number) ?? [])
  // ln 300 = 5.7 nats for a model that knows nothing.
  t.true((losses[0] as number) > 5, `${losses[0]}`)
  t.true((result.validLoss as number) < 3.5, `${result.validLoss}`)
  const last = metrics.at(-1) as Record<string, unknown>
  t.is((last['loss/valid_by_position'] as number[]).length, 16)
  t.true((last['bits_per_byte/valid'] as number) < (result.validLoss as number) / Math.LN2)
  t.true(lines.includes('model: gpt, forward, 5,816 parameters, fp32'), lines.join('\n'))
  t.regex(lines.find((line) => line.startsWith('a training window, target')) as string, /(time|arrow|past|future|word)/)
  t.is(readLines(run.runFolder, 'samples.jsonl').length, 5)
})

test('both directions have the same validation windows', async (t) => {
  const { train } = await trainer(t)
  const forward = await train({}, 'forward')
  const backward = await train({ backwards: true }, 'backward')
  t.deepEqual(backward.result.validWindows?.numbers, forward.result.validWindows?.numbers)
  t.notDeepEqual(backward.result.validWindows?.losses, forward.result.validWindows?.losses)
  const both = await train({ backwards: null, valid_steps: 4 }, 'both')
  const sides = both.result.validLossByDirection as { forward: number; backward: number }
  t.true(sides.forward > 0 && sides.backward > 0)
  t.deepEqual(
    readLines(both.run.runFolder, 'samples.jsonl').map(({ direction }) => direction),
    ['forward', 'backward'],
  )
})

test('two minibatches of 4 windows for a step are one of 8', async (t) => {
  const { train } = await trainer(t)
  const settings = { 'model_params.dropout': 0, val_batch_size: 4 }
  const parts = await train({ ...settings, steps_to_train: 12, step_log: 2, aggregate: 2 }, 'parts')
  const whole = await train({ ...settings, steps_to_train: 6, step_log: 1, aggregate: 1, batch_size: 8 }, 'whole')
  const steps = (run: typeof whole) => readLines(run.run.runFolder).filter((line) => 'grad_norm' in line)
  const [found, wanted] = [steps(parts), steps(whole)]
  t.is(found.length, 6)
  for (const [i, step] of wanted.entries()) {
    t.is(found[i]?.lr, step.lr)
    const ratio = (found[i]?.grad_norm as number) / (step.grad_norm as number)
    t.true(Math.abs(ratio - 1) < 1e-4, `step ${i}: ${ratio}`)
  }
})

test('stopped at any minibatch, also in an accumulation, and started again, it is the same run', async (t) => {
  const { train } = await trainer(t)
  const settings = { aggregate: 3, 'model_params.dropout': 0.1 }
  const whole = await train(settings, 'whole')
  for (const stopAt of [4, 12, 25, 26]) {
    const { result } = await train(settings, 'broken', stopAt)
    t.true(result.stopped)
    t.true(result.step === stopAt || result.step === stopAt + 1) // the next may have been issued by then
  }
  const { run } = await train(settings, 'broken')
  t.deepEqual(comparable(run.runFolder), comparable(whole.run.runFolder))
})

test('killed and started again, also in a save, it is the same run', async (t) => {
  const { folder, settings, train } = await trainer(t)
  const whole = await train({ save_every: 4 }, 'whole')
  const child = { folder, settings: { ...settings, save_every: 4 }, name: 'broken', faults: null }
  const { runFolder } = makeRun(folder, settings, 'broken')
  let killed = 0
  for (const moment of [
    whileSaving('model.safetensors', 'optimizer.safetensors'),
    metricsBytes(600),
    whileSaving('optimizer.safetensors', 'trainer.json'),
  ]) {
    if (await killAt(child, runFolder, moment)) killed++
  }
  t.true(killed >= 1)
  const { status, stderr } = await startChild(child).ended
  t.deepEqual([status, stderr], [0, ''])
  t.deepEqual(comparable(runFolder), comparable(whole.run.runFolder))
})

test('weights that are not finite end the run before anything is saved', async (t) => {
  const { folder, train } = await trainer(t)
  const { run } = await train({ steps_to_train: 10 }, 'good')
  const content = readFileSync(join(run.runFolder, 'state', '10', 'model.safetensors'))
  content.writeFloatLE(Number.NaN, content.length - 4)
  const planted = join(folder, 'planted')
  mkdirSync(planted)
  writeFileSync(join(planted, 'model.safetensors'), content)
  await t.throwsAsync(train({}, 'spoilt', -1, planted), {
    code: 'AOT_NUMERIC',
    message:
      /^training stopped at minibatch 1, before the weights were touched: its loss is not a finite number; nothing was saved yet/,
  })
  t.deepEqual(stateNames(makeRun(folder, {}, 'spoilt').runFolder), ['backups'])
})

test('a learning rate far too high ends the run and leaves a whole checkpoint', async (t) => {
  const { train } = await trainer(t)
  const settings = { save_every: 1, aggregate: 1, steps_to_train: 60 }
  const before = await train({ ...settings, steps_to_train: 5 })
  const error = await t.throwsAsync(train({ ...settings, 'optim_params.lr': 1e38, 'optim_params.warmup_steps': 0 }), {
    code: 'AOT_NUMERIC',
  })
  t.regex(
    error.message,
    /^(training stopped at minibatch \d+, before the weights were touched: .* is not a finite number|checkpoint \d+ was not saved: model\.safetensors: .* not finite); checkpoint \d+ is whole/,
  )
  const latest = readFileSync(join(before.run.runFolder, 'state', 'latest'), 'utf8').trim()
  t.true(stateNames(before.run.runFolder).includes(latest))
  const { tensors } = readSafetensors(join(before.run.runFolder, 'state', latest, 'model.safetensors'))
  for (const tensor of Object.values(tensors)) t.true(tensor.every(Number.isFinite))
})
