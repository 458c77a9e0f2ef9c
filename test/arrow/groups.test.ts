import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { checkComparable, checkSame, groupRuns } from '../../ts/arrow/groups.js'
import { type MadeRun, makeRecord, temporaryFolder } from './records.js'

const valid = [{ step: 10, losses: [4, 5, 6] }]

function maker(t: ExecutionContext) {
  const parent = temporaryFolder(t)
  return (name: string, settings: Record<string, unknown> = {}, more: Partial<MadeRun> = {}) =>
    makeRecord(parent, name, { valid, settings, ...more })
}

test('seed, direction and what is written when may differ', (t) => {
  const make = maker(t)
  const records = [
    make('fw'),
    make('bw', { backwards: true, save_loc: 'elsewhere', logging: [], save_every: 7, backup_every: null, step_log: 3 }),
    make('fw 1', { seed: 1 }),
    make('random', { backwards: null, permutation: 'uniform_random(3)', tokenizer_path: 'tokens' }),
  ]
  checkComparable(records)
  t.deepEqual(groupRuns(records), [records])
})

test('what is not given is the same as its default, given', (t) => {
  const make = maker(t)
  const half = make('half', { stride: null })
  t.notThrows(() => checkComparable([half, make('bw', { backwards: true, stride: 1, val_batch_size: 8 })]))
  const epoch = make('epoch', { seed: 3 }, { saved: { step: 10, of: 12 } })
  t.notThrows(() => checkComparable([epoch, make('steps', { seed: 3, backwards: true, steps_to_train: 12 })]))
  // Before its first checkpoint a run does not know how long an epoch is.
  t.notThrows(() => checkComparable([epoch, make('begun', { seed: 3, backwards: true })]))
})

test('runs that differ in more are other comparisons, and the first key that differs is named', (t) => {
  const make = maker(t)
  const first = make('fw')
  const differing: [settings: Record<string, unknown>, message: RegExp][] = [
    [
      { batch_size: 4 },
      /: training_params\.batch_size is 8 in .*fw and 4 in .*bw 0; only seed and direction may differ$/,
    ],
    [{ 'model_params.embed_dim': 8 }, /: model_params\.embed_dim is 4 in .* and 8 in/],
    [{ 'optim_params.lr': 0.02 }, /: optim_params\.lr is 0\.01 in .* and 0\.02 in/],
    [{ model: 'gru', 'model_params.n_heads': undefined }, /: model is "gpt" in .* and "gru" in/],
    [{ precision: 'bf16' }, /: precision is "fp32" in .* and "bf16" in/],
    [{ split: 'contiguous' }, /: split is "shuffled" in/],
    [{ stride: 2 }, /: training_params\.stride is 4 in .* and 2 in/],
    [{ steps_to_train: 50 }, /: training_params\.steps_to_train is null in .* and 50 in/],
    [{ dataset_folder: 'other.h5' }, /: training_params\.dataset_folder is "text\.h5" in .* and "other\.h5" in/],
  ]
  for (const [i, [settings, message]] of differing.entries()) {
    const other = make(`bw ${i}`, { backwards: true, ...settings })
    t.throws(() => checkComparable([first, other]), { code: 'AOT_CONFIG', message })
    t.deepEqual(groupRuns([first, other]), [[first], [other]])
  }
})

test('files are known by what they hold, windows by their numbers', (t) => {
  const make = maker(t)
  const saved = { step: 10, of: 10 }
  const first = make('fw', {}, { saved })
  checkComparable([first, make('moved', { backwards: true, dataset_folder: join('moved', 'text.h5') }, { saved })])
  const other = make('other', { backwards: true }, { saved, fingerprint: 'xyz' })
  t.throws(() => checkComparable([first, other]), {
    code: 'AOT_CONFIG',
    message: /dataset_folder is another file in .*other than in .*fw \(other tokens\)/,
  })
  const windows = make('windows', { backwards: true }, { windows: [0, 1, 3] })
  t.throws(() => checkComparable([first, windows]), { message: /validation windows are others in .*windows than in/ })
  t.is(groupRuns([first, other, windows]).length, 3)
  // An older run did not keep them.
  checkComparable([first, make('old', { backwards: true }, { keepsWindows: false })])
})

test('what one run does not know does not hide that two others differ', (t) => {
  const make = maker(t)
  const old = make('old', { permutation: 'middle_out' }, { keepsWindows: false })
  const [first, second] = [make('fw'), make('bw', { backwards: true }, { windows: [0, 1, 3] })]
  for (const check of [checkSame, checkComparable]) {
    t.throws(() => check([old, first, second]), {
      code: 'AOT_CONFIG',
      message: /validation windows are others in .*bw/,
    })
  }
  t.deepEqual(groupRuns([old, first, second]), [[old, first], [second]])
})

test('runs at different steps are refused', (t) => {
  const make = maker(t)
  const [first, later] = [
    make('fw'),
    make('bw', { backwards: true }, { valid: [...valid, { step: 20, losses: [1, 2, 3] }] }),
  ]
  t.throws(() => checkComparable([first, later]), {
    code: 'AOT_CONFIG',
    message: /the last validation of .*fw is at step 10, that of .*bw at step 20; train both to the same step$/,
  })
  // While they are trained that is as it should be.
  t.is(groupRuns([first, later]).length, 1)
  const plans = [10, 30].map((of) => make(`of ${of}`, { backwards: of === 30 }, { saved: { step: 10, of } }))
  t.throws(() => checkComparable(plans), { message: /steps_to_train is 10 in .* and 30 in/ })
})

test('a pair needs both directions, and each run once', (t) => {
  const make = maker(t)
  const [forward, backward] = [make('fw'), make('bw', { backwards: true })]
  t.throws(() => checkComparable([forward]), { code: 'AOT_CONFIG', message: /no backward run .*\(.*fw is forward\)/ })
  t.throws(() => checkComparable([backward]), { message: /no forward run/ })
  t.throws(() => checkComparable([]), { message: /^there is no forward run to compare: name/ })
  const seeded = make('seeded', { backwards: true, seed: 5 })
  t.throws(() => checkComparable([forward, seeded]), {
    code: 'AOT_CONFIG',
    message: /^no seed has both directions \(forward: 0; backward: 5\)/,
  })
  const again = make('again')
  for (const check of [checkComparable, groupRuns]) {
    t.throws(() => check([forward, backward, again]), {
      code: 'AOT_CONFIG',
      message: /fw and .*again are both forward with seed 0, and otherwise the same: leave one of them out$/,
    })
  }
})
