/** configs/paper/: what the table says, and each of them trains, cut to a size that a test has time for. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { loadConfigFile } from '../../ts/config/load.js'
import { parseOverride } from '../../ts/config/overrides.js'
import { paperConfigs } from '../../ts/config/paper.js'
import { resolveRun } from '../../ts/config/resolve.js'
import type { ResolvedRun } from '../../ts/config/types.js'
import { Engine, type EngineOptions, TokenStore } from '../../ts/index.js'
import { native } from '../../ts/native.js'
import { learningRate, makePlan } from '../../ts/train/schedule.js'

const folder = 'configs/paper'
const paths = [...paperConfigs().keys()]

function resolve(path: string, ...settings: string[]): ResolvedRun {
  const configPath = join(folder, path)
  return resolveRun(loadConfigFile(configPath, settings.map(parseOverride)), { configPath, device: 'cpu' })
}

test('the files are what bin/write-configs.js writes, and no others', (t) => {
  const there = readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
  )
  t.deepEqual(there.sort(), [join(folder, 'README.md'), ...paths.map((path) => join(folder, path))].sort())
  for (const [path, config] of paperConfigs()) {
    t.is(readFileSync(join(folder, path), 'utf8'), `${JSON.stringify(config, null, 2)}\n`, path)
  }
})

test('configs/paper/README.md names every family', (t) => {
  const text = readFileSync(join(folder, 'README.md'), 'utf8')
  for (const family of new Set(paths.map((path) => path.split('/')[0])))
    t.true(text.includes(`| \`${family}/\` |`), family)
})

test('each resolves, with the notes that belong to it', (t) => {
  for (const path of paths) {
    const { notes, direction, config } = resolve(path)
    const wanted = []
    if (direction.kind === 'fwbw') {
      wanted.push('neither backwards nor permutation is given: FW+BW mode, one model trained in both directions')
    }
    if (config.optim_params.oscil_steps !== null) {
      wanted.push('optim_params.oscil_steps is given: the older schedule, cosine with warm restarts')
    }
    t.deepEqual(notes, wanted, path)
    t.is(config.training_params.val_batch_size, 250, path)
  }
})

test('runs of one name are one experiment; a pair differs in its direction alone', (t) => {
  const byName = new Map<string, string>()
  for (const [path, config] of paperConfigs()) {
    const { runName } = resolve(path)
    const text = JSON.stringify(config)
    t.is(byName.get(runName) ?? text, text, path)
    byName.set(runName, text)
  }
  const pairs = [...paperConfigs()].filter(([, { training_params }]) => training_params.backwards === false)
  t.is(pairs.length, 81)
  for (const [path, config] of pairs) {
    const backward = structuredClone(config)
    backward.training_params.backwards = true
    t.deepEqual(paperConfigs().get(path.replace(/forward\.json$/, 'backward.json')), backward, path)
  }
})

const work = mkdtempSync(join(tmpdir(), 'aot-paper-'))
test.after.always(() => rmSync(work, { recursive: true, force: true }))
const tokenFile = join(work, 'tokens.h5')

/** Few tokens and one layer: all else is the experiment's own. */
const cut = (path: string) =>
  resolve(path, 'vocab_size=50', 'n_layers=1', 'batch_size=1', `dataset_folder=${tokenFile}`)
/** What the engine is made from. */
const shapeOf = ({ config, modelParams }: ResolvedRun) => JSON.stringify([config.model, modelParams])
/** What of the rest of a config a step depends on. */
const stepOf = ({ windows, schedule }: ResolvedRun) => JSON.stringify([windows, schedule])

const shapes = new Map<string, Map<string, ResolvedRun>>()
for (const path of paths) {
  const run = cut(path)
  const steps = shapes.get(shapeOf(run)) ?? new Map<string, ResolvedRun>()
  shapes.set(shapeOf(run), steps.set(stepOf(run), run))
}
const tested = new Set<string>()

test.before(async () => {
  const writer = new native.TokenWriter(tokenFile, 'uint16')
  writer.append(Int32Array.from({ length: 2000 }, (_, i) => (i * i) % 47))
  await writer.commit()
})

for (const [shape, steps] of shapes) {
  test.serial(`an optimizer step in each order and schedule: ${shape}`, async (t) => {
    const runs = [...steps.values()]
    const { config, modelParams, device } = runs[0] as ResolvedRun
    const engine = await Engine.create({
      model: config.model,
      modelParams,
      device,
      seed: 1,
    } as unknown as EngineOptions)
    const store = TokenStore.open(tokenFile)
    for (const [index, run] of runs.entries()) {
      // The second window: the first backward one in FW+BW mode.
      const { input, target } = store.windows(run.windows).get(1)
      t.is(input.length, run.windows.attnLength)
      const { loss } = await engine.accumulate(input, target, 1)
      // It knows nothing at first, then this window better and better.
      t.true(index === 0 ? Math.abs(loss - Math.log(50)) < 1.5 : loss > 0 && loss < 5, `${run.configPath}: ${loss}`)
      const lr = learningRate(run.schedule.warmupSteps, run.schedule, makePlan(planOf(run)))
      t.is(lr, 1e-4)
      const { gradNorm } = await engine.optimizerStep({ lr })
      t.true(gradNorm > 0, `${run.configPath}: ${gradNorm}`)
      t.is(engine.optimizerSteps, index + 1)
      tested.add(shape + stepOf(run))
    }
    engine.close()
    store.close()
  })
}

/** Of an epoch of a million minibatches where the config trains for one. */
const planOf = ({ config: { training_params: training } }: ResolvedRun) => ({
  stepsToTrain: training.steps_to_train ?? 1_000_000,
  cooldownFinish: training.cooldown_finish,
  aggregate: training.aggregate,
  done: 0,
  previous: null,
  noStepPickup: false,
  cooldownNow: false,
})

test.serial('no file is without its test', (t) => {
  for (const path of paths) {
    const run = cut(path)
    t.true(tested.has(shapeOf(run) + stepOf(run)), path)
  }
})
