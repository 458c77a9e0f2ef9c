import test from 'ava'
import { parseConfig } from '../../ts/config/load.js'
import { checkRunNames, resolveRun } from '../../ts/config/resolve.js'
import { configText } from './configs.js'

const resolve = (changes = {}, place = {}) =>
  resolveRun(parseConfig(configText(changes), 'c.json'), { configPath: 'some/c.json', device: 'cpu', ...place })

test('names and folder of a run', (t) => {
  t.like(resolve(), {
    configPath: 'some/c.json',
    projectName: 'arrows-of-time',
    runName: 'c',
    runFolder: 'runs/arrows-of-time/c',
    device: 'cpu',
  })
  const named = resolve({ training_params: { save_loc: '/data/runs/' } }, { projectName: 'p', runName: 'r.json' })
  t.is(named.runFolder, '/data/runs/p/r.json')
  t.is(resolve({}, { configPath: 'C.JSONC' }).runName, 'C')
})

test('names that cannot be those of a folder', (t) => {
  for (const name of ['a/b', 'a\\b', '..', '.', ' ', 'a\n']) {
    t.like(
      t.throws(() => resolve({}, { runName: name })),
      { code: 'AOT_CONFIG', message: `--run-name: ${JSON.stringify(name)} cannot name a folder; give another name` },
    )
  }
  t.is(
    t.throws(() => resolve({}, { projectName: '../x' })).message,
    '--project-name: "../x" cannot name a folder; give another name',
  )
})

test('two runs of one name', (t) => {
  const runs = [resolve({}, { configPath: 'a/x.json' }), resolve({}, { configPath: 'b/x.json' })]
  t.like(
    t.throws(() => checkRunNames(runs)),
    {
      code: 'AOT_CONFIG',
      message: 'a/x.json and b/x.json would both be the run "x": give a name to each, as -r NAME -r NAME',
    },
  )
  t.notThrows(() => checkRunNames([resolve({}, { runName: 'a' }), resolve({}, { runName: 'b' })]))
})

test('precision follows the device unless it is given', (t) => {
  t.is(resolve().config.precision, 'fp32')
  t.is(resolve({}, { device: 'emulated' }).config.precision, 'fp32')
  t.is(resolve({}, { device: 'cuda:1' }).config.precision, 'bf16')
  t.is(resolve({ precision: 'fp32' }, { device: 'cuda:1' }).config.precision, 'fp32')
})

test('direction, windows and notes', (t) => {
  const forward = resolve()
  t.deepEqual(forward.direction, { kind: 'forward' })
  t.deepEqual(forward.windows, { attnLength: 8, stride: 3, backwards: false })
  t.deepEqual(forward.notes, [])
  t.is(forward.modelParams.vocab_size, 300)

  const backward = resolve({ training_params: { backwards: true, stride: 5 } })
  t.deepEqual(backward.direction, { kind: 'backward' })
  t.deepEqual(backward.windows, { attnLength: 8, stride: 5, backwards: true })

  const permutation = [1, 0, 3, 2, 5, 4, 7, 6]
  const permuted = resolve({ training_params: { backwards: true, permutation } })
  t.deepEqual(permuted.direction, { kind: 'permutation', permutation })
  t.deepEqual(permuted.windows, { attnLength: 8, stride: 3, permutation })
  t.deepEqual(permuted.notes, ['training_params.backwards is ignored: permutation is given'])

  const both = resolve({ training_params: { backwards: null } })
  t.deepEqual(both.direction, { kind: 'fwbw', forward: 300, backward: 301 })
  t.deepEqual(both.windows, { attnLength: 8, stride: 8, fwbw: { forward: 300, backward: 301 } })
  t.is(both.modelParams.vocab_size, 302)
  t.is(both.config.model_params.vocab_size, 300)
  t.deepEqual(both.notes, [
    'neither backwards nor permutation is given: FW+BW mode, one model trained in both directions',
  ])
})

test('orders by name', (t) => {
  const order = (permutation: string) => resolve({ training_params: { permutation } }).direction
  t.deepEqual(order('middle_out'), { kind: 'permutation', permutation: [4, 3, 5, 2, 6, 1, 7, 0] })
  t.deepEqual(order('uniform_random(3)'), { kind: 'permutation', permutation: [3, 4, 6, 1, 2, 7, 5, 0] })
  t.deepEqual(order('random_chunk( 1, 4 )'), { kind: 'permutation', permutation: [0, 1, 2, 3, 4, 5, 6, 7] })
  t.deepEqual(order('backward'), { kind: 'backward' })
})

test('the schedule, and what of it is ignored', (t) => {
  const cooldown = resolve({ optim_params: { lr_init: 1e-7, lr_min: 1e-6 } })
  t.deepEqual(cooldown.schedule, { kind: 'cooldown', lr: 0.001, warmupSteps: 10, cooldownFinish: 0.15 })
  t.deepEqual(cooldown.notes, ['optim_params.lr_init, lr_min ignored: they belong to oscil_steps, which is not given'])

  const older = { oscil_steps: 300, lr_shrink: 0.85, lr_init: 1e-7, lr_min: 1e-6 }
  const restarts = resolve({ optim_params: older })
  t.deepEqual(restarts.schedule, {
    kind: 'restarts',
    lr: 0.001,
    warmupSteps: 10,
    oscilSteps: 300,
    lrShrink: 0.85,
    lrInit: 1e-7,
    lrMin: 1e-6,
  })
  t.deepEqual(restarts.notes, ['optim_params.oscil_steps is given: the older schedule, cosine with warm restarts'])
  t.deepEqual(resolve({ optim_params: older, training_params: { cooldown_finish: 0.15 } }).notes, [
    'optim_params.oscil_steps is given: the older schedule, cosine with warm restarts; cooldown_finish is ignored',
  ])
})

test('the size of a validation batch is that of a training batch unless it is given', (t) => {
  t.is(resolve().validBatchSize, 4)
  t.is(resolve({ training_params: { val_batch_size: 6 } }).validBatchSize, 6)
})
