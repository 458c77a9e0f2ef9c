import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { trainRun } from '../../ts/train/run.js'
import { type Faults, fakeSurroundings, readSafetensors } from './fakes.js'
import {
  comparable,
  folderWithText,
  makeRun,
  plain,
  readLines,
  type Settings,
  stateNames,
  writeTokenizer,
} from './runs.js'

/** Trains in a fresh set of stand-ins, and gives the lines printed. */
async function train(folder: string, settings: Settings = {}, options = {}, faults: Faults = {}, runName = 'run') {
  const surroundings = fakeSurroundings(faults)
  const run = makeRun(folder, settings, runName)
  const result = await trainRun(run, { ...plain, ...options }, surroundings)
  return { run, result, lines: surroundings.lines }
}

/** Stops after so many minibatches, as ^C does. */
function stopAfter(minibatch: number): { options: object; faults: Faults } {
  const controller = new AbortController()
  const onMinibatch = (done: number) => done === minibatch && controller.abort()
  return { options: { signal: controller.signal }, faults: { onMinibatch } }
}

test('a run writes its config, metrics, samples and checkpoints', async (t) => {
  const { run, result } = await train(folderWithText(t), { steps_to_train: 30 })
  t.is(result.step, 30)
  t.false(result.stopped)
  t.deepEqual(readdirSync(run.runFolder).sort(), [
    ...['config.json', 'lock', 'metrics.jsonl', 'samples.jsonl', 'state', 'tensorboard', 'valid_windows.jsonl'],
  ])
  t.deepEqual(JSON.parse(readFileSync(join(run.runFolder, 'config.json'), 'utf8')), run.config)
  t.deepEqual(stateNames(run.runFolder), ['20', '30', 'backups', 'latest'])

  const metrics = readLines(run.runFolder)
  t.deepEqual(
    metrics.map((line) => [line.step, 'loss/valid' in line]),
    [...[4, 8, 12, 16, 20, 24].map((step) => [step, false]), [25, true], [28, false], [30, true]],
  )
  const [first, last] = [metrics[0], metrics.at(-1)]
  t.deepEqual(Object.keys(first as object), [
    ...['step', 'epochs', 'ksamples', 'time', 'loss/train_step', 'lr', 'grad_norm', 'tokens_per_s'],
  ])
  t.is(first?.ksamples, 0.008)
  // 2000 tokens make 664 windows; 2 are for validation, 331 minibatches are an epoch.
  t.is(first?.epochs, 4 / 331)
  t.is((last as { 'loss/valid_by_position'?: number[] })['loss/valid_by_position']?.length, 8)
  t.is(last?.['loss/valid'], result.validLoss as unknown)
  const windows = result.validWindows
  t.is(windows?.losses.length, 2)
  t.is(windows?.numbers.length, 2)
  const mean = ((windows?.losses[0] as number) + (windows?.losses[1] as number)) / 2
  t.true(Math.abs(mean - (result.validLoss as number)) < 1e-12)
  t.deepEqual(
    readLines(run.runFolder, 'samples.jsonl').map(({ step }) => step),
    [25, 30],
  )
})

test('loss/train_step is the mean of the minibatches since the line before', async (t) => {
  const folder = folderWithText(t)
  const each = await train(folder, { steps_to_train: 8, step_log: 1 }, {}, {}, 'each')
  const fourth = await train(folder, { steps_to_train: 8, step_log: 4 }, {}, {}, 'fourth')
  const losses = readLines(each.run.runFolder).flatMap((line) => (line['loss/train_step'] as number) ?? [])
  const means = readLines(fourth.run.runFolder).flatMap((line) => (line['loss/train_step'] as number) ?? [])
  t.is(losses.length, 8)
  t.deepEqual(means, [
    ((losses[0] as number) + (losses[1] as number) + (losses[2] as number) + (losses[3] as number)) / 4,
    ((losses[4] as number) + (losses[5] as number) + (losses[6] as number) + (losses[7] as number)) / 4,
  ])
  // Before the first optimizer step (aggregate 2) there is a rate to come, but no gradient norm.
  const [first, second] = readLines(each.run.runFolder)
  t.false('grad_norm' in (first as object))
  t.is(first?.lr, 0.01 * 1e-7)
  t.true('grad_norm' in (second as object))
})

test('stopped anywhere and started again, a run ends as one that was not', async (t) => {
  const folder = folderWithText(t)
  const settings = { steps_to_train: 60, aggregate: 3, save_every: 7, step_log: 4, backup_every: 20 }
  const whole = await train(folder, settings, {}, {}, 'whole')
  const wanted = comparable(whole.run.runFolder)
  // 25 and 50 have a validation, 7 a save, 4 a line of metrics, 20 a backup; 60 is the end.
  for (const minibatch of [1, 4, 7, 20, 25, 26, 49, 50, 59, 60]) {
    const name = `stopped-${minibatch}`
    const { options, faults } = stopAfter(minibatch)
    const first = await train(folder, settings, options, faults, name)
    t.is(first.result.step, minibatch)
    t.is(first.result.stopped, true, name)
    t.is(first.lines.at(-1), `stopped at step ${minibatch}: the same command goes on from there`)
    const second = await train(folder, settings, {}, {}, name)
    t.is(second.result.step, 60)
    t.is(second.result.validLoss, whole.result.validLoss)
    t.deepEqual(comparable(second.run.runFolder), wanted, name)
    t.deepEqual(readdirSync(join(second.run.runFolder, 'state', 'backups')).sort(), ['20', '40', '60'], name)
  }
})

test('a run can be stopped again and again', async (t) => {
  const folder = folderWithText(t)
  const whole = await train(folder, {}, {}, {}, 'whole')
  for (let starts = 0; starts < 100; starts++) {
    const controller = new AbortController()
    let done = 0
    const faults = { onMinibatch: () => ++done === 5 && controller.abort() } as Faults
    const { run, result } = await train(folder, {}, { signal: controller.signal }, faults, 'broken')
    if (result.stopped) continue
    t.is(starts, 12)
    t.deepEqual(comparable(run.runFolder), comparable(whole.run.runFolder))
    return
  }
  t.fail('it never ended')
})

test('a validation that was broken off is done first by the next start', async (t) => {
  const folder = folderWithText(t)
  const settings = { valid_steps: 2, steps_to_train: 80 }
  const whole = await train(folder, settings, {}, {}, 'whole')
  // The validation of step 50 is the first; that of step 80 the second, cut in its second batch.
  for (const [batch, step] of [
    [1, 50],
    [2, 50],
    [4, 80],
  ] as const) {
    const controller = new AbortController()
    const onEvaluate = (done: number) => done === batch && controller.abort()
    const first = await train(folder, settings, { signal: controller.signal }, { onEvaluate } as Faults, `run-${batch}`)
    // The last batch's validation is complete: it stops after it.
    t.deepEqual([first.result.step, first.result.stopped], [step, step === 50])
    const { run } = await train(folder, settings, {}, {}, `run-${batch}`)
    t.deepEqual(comparable(run.runFolder), comparable(whole.run.runFolder), `${batch}`)
  }
})

test('an ended run is left as it is, and measured again', async (t) => {
  const folder = folderWithText(t)
  const first = await train(folder)
  const before = comparable(first.run.runFolder)
  const second = await train(folder)
  t.deepEqual(comparable(first.run.runFolder), before)
  t.deepEqual(second.result.validWindows, first.result.validWindows)
  t.true(second.lines.includes('nothing is left to train: raise steps_to_train, or use --no-step-pickup'))
})

test('an ended run keeps the config that it was trained with', async (t) => {
  const folder = folderWithText(t)
  const { run } = await train(folder)
  const config = () => JSON.parse(readFileSync(join(run.runFolder, 'config.json'), 'utf8'))
  await train(folder, { steps_to_train: 7 })
  t.deepEqual(config(), run.config)
  // One that was damaged comes back.
  writeFileSync(join(run.runFolder, 'config.json'), '{')
  await train(folder)
  t.deepEqual(config(), run.config)
  await train(folder, { steps_to_train: 70 })
  t.is(config().training_params.steps_to_train, 70)
})

test('--no-step-pickup trains so many more; epochs go on', async (t) => {
  const folder = folderWithText(t, 200)
  const { run } = await train(folder, { steps_to_train: 50 })
  const { result } = await train(folder, { steps_to_train: 50 }, { noStepPickup: true })
  t.is(result.step, 100)
  const last = readLines(run.runFolder).at(-1)
  t.is(last?.step, 100)
  // 64 windows, 2 of them for validation: 31 minibatches an epoch.
  t.is(last?.epochs, 100 / 31)
})

test('steps_to_train null is one epoch', async (t) => {
  const { result } = await train(folderWithText(t, 200), { steps_to_train: null })
  t.is(result.step, 31)
})

test('--cooldown-now ends the run after a tenth, with lr falling to 0', async (t) => {
  const folder = folderWithText(t)
  const { options, faults } = stopAfter(20)
  await train(folder, { step_log: 2 }, options, faults)
  const { run, result } = await train(folder, { step_log: 2 }, { cooldownNow: true })
  t.is(result.step, 26)
  const rates = readLines(run.runFolder).flatMap((line) => (line.step > 18 ? ((line.lr as number) ?? []) : []))
  t.deepEqual(
    rates.map((rate) => Number(rate.toFixed(12))),
    [0.01, 0.01, Number((0.02 / 3).toFixed(12)), Number((0.01 / 3).toFixed(12))],
  )
})

test('--init-from starts from the weights of another run, with a fresh optimizer', async (t) => {
  const folder = folderWithText(t)
  const from = await train(folder, {}, {}, {}, 'from')
  const trained = readSafetensors(join(from.run.runFolder, 'state', '60', 'model.safetensors')).tensors.weights
  const settings = { steps_to_train: 2, 'optim_params.lr': 1e-30 }
  for (const initFrom of [from.run.runFolder, join(from.run.runFolder, 'state', '50')]) {
    const name = initFrom.endsWith('50') ? 'state' : 'run'
    const { run } = await train(folder, settings, { initFrom }, {}, name)
    const weights = readSafetensors(join(run.runFolder, 'state', '2', 'model.safetensors')).tensors.weights
    if (name === 'run') t.deepEqual(weights, trained)
    else t.notDeepEqual(weights, trained)
  }
  // The same command again goes on with the run itself.
  const again = await train(folder, { ...settings, steps_to_train: 4 }, { initFrom: from.run.runFolder }, {}, 'run')
  t.true(again.lines.includes('--init-from is not used: the run goes on from its own checkpoint 2'))
  t.is(again.result.step, 4)
  await t.throwsAsync(train(folder, {}, { initFrom: join(folder, 'nowhere') }, {}, 'none'), {
    code: 'AOT_IO',
    message: /^--init-from .*nowhere: there is no .*nowhere\/model\.safetensors: name a run folder/,
  })
  const damaged = join(from.run.runFolder, 'state', '60', 'model.safetensors')
  const bytes = readFileSync(damaged)
  bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1
  writeFileSync(damaged, bytes)
  await t.throwsAsync(train(folder, {}, { initFrom: from.run.runFolder }, {}, 'none'), {
    code: 'AOT_DATA',
    message: /^--init-from .*: model\.safetensors is damaged: checksum$/,
  })
})

test('the examples and samples of each direction', async (t) => {
  const folder = folderWithText(t)
  const tokenizer_path = writeTokenizer(folder, 256)
  const text = readFileSync(join(folder, 'text.h5'), 'latin1')
  const target = (lines: string[], part: string) =>
    JSON.parse(lines.find((line) => line.startsWith(`a ${part} window, target`))?.split('target: ')[1] as string)
  const input = (lines: string[], part: string) =>
    JSON.parse(lines.find((line) => line.startsWith(`a ${part} window, input`))?.split('input:  ')[1] as string)
  const settings = { tokenizer_path, steps_to_train: 4 }

  const forward = await train(folder, settings, {}, {}, 'forward')
  t.true(text.includes(target(forward.lines, 'training')))
  t.is(input(forward.lines, 'training'), `\0${target(forward.lines, 'training').slice(0, -1)}`)
  t.true(text.includes(target(forward.lines, 'validation')))
  t.deepEqual(readLines(forward.run.runFolder, 'samples.jsonl'), [{ step: 4, text: 'efghijkl' }])
  t.true(forward.lines.includes('  sample: "efghijkl"'))
  const validation = readLines(forward.run.runFolder).at(-1)
  const bits = (validation?.['loss/valid'] as number) / Math.LN2
  t.true(Math.abs((validation?.['bits_per_byte/valid'] as number) - bits) < 1e-12)

  const backward = await train(folder, { ...settings, backwards: true }, {}, {}, 'backward')
  const reversed = [...target(backward.lines, 'training')].reverse().join('')
  t.is(reversed, target(forward.lines, 'training'))
  t.deepEqual(readLines(backward.run.runFolder, 'samples.jsonl'), [{ step: 4, text: 'lkjihgfe' }])

  const permutation = [3, 0, 1, 2, 7, 6, 5, 4]
  const permuted = await train(folder, { ...settings, permutation }, {}, {}, 'permuted')
  t.deepEqual(readLines(permuted.run.runFolder, 'samples.jsonl'), [{ step: 4, text: 'fghelkji' }])

  const both = await train(folder, { ...settings, backwards: null }, {}, {}, 'both')
  t.regex(input(both.lines, 'training'), /^<\|(forward|backward)\|>[a-z]{7}$/)
  t.deepEqual(readLines(both.run.runFolder, 'samples.jsonl'), [
    {
      step: 4,
      direction: 'forward',
      text: Array.from({ length: 8 }, (_, i) => String.fromCharCode(97 + ((256 + 4 + i) % 26))).join(''),
    },
    {
      step: 4,
      direction: 'backward',
      text: Array.from({ length: 8 }, (_, i) => String.fromCharCode(97 + ((257 + 4 + 7 - i) % 26))).join(''),
    },
  ])
  const { validLossByDirection: sides, validLoss, validWindows } = both.result
  const { numbers, losses: windowLosses } = validWindows as { numbers: Float64Array; losses: Float64Array }
  const ofSide = (odd: number) => [...windowLosses].filter((_, i) => (numbers[i] as number) % 2 === odd)
  for (const [odd, loss] of [
    [0, sides?.forward],
    [1, sides?.backward],
  ] as const) {
    const losses = ofSide(odd)
    const mean = losses.reduce((a, b) => a + b, 0) / losses.length
    t.true(Number.isNaN(mean) ? Number.isNaN(loss as number) : Math.abs(mean - (loss as number)) < 1e-12)
  }
  t.true((validLoss as number) > 0)
})

test('two starts of one run at a time are refused', async (t) => {
  const folder = folderWithText(t)
  let running: ReturnType<typeof train> | undefined
  await new Promise<void>((resolve) => {
    running = train(folder, {}, {}, { milliseconds: 20, onMinibatch: () => resolve() })
  })
  await t.throwsAsync(train(folder), {
    code: 'AOT_CONFIG',
    message: new RegExp(
      `^this run is being trained by process ${process.pid} .*lock\\): wait for it to end, or give another --run-name$`,
    ),
  })
  t.is((await running)?.result.step, 60)
})

test('a config that changed what the run is made of is refused, naming the key', async (t) => {
  const folder = folderWithText(t)
  const { run } = await train(folder)
  const before = comparable(run.runFolder)
  const cases: [Settings, RegExp][] = [
    [
      { 'model_params.n_layers': 2 },
      /^model_params\.n_layers is 2, but the run in .* was begun with 1: set it back, or give another --run-name/,
    ],
    [{ 'model_params.dropout': 0.2 }, /^model_params\.dropout is 0\.2, but .* with 0\.1:/],
    [{ batch_size: 4 }, /^training_params\.batch_size is 4, but .* with 2:/],
    [{ aggregate: 4 }, /^training_params\.aggregate is 4, but/],
    [{ seed: 5 }, /^seed is 5, but .* with 0:/],
    [{ split: 'contiguous' }, /^split is "contiguous", but .* with "shuffled":/],
    [{ backwards: true }, /^training_params\.backwards is "backward", but .* with "forward":/],
    [
      { permutation: [1, 0, 2, 3, 4, 5, 6, 7] },
      /^training_params\.backwards is null, but|^training_params\.permutation is \[1,0,2/,
    ],
    [{ stride: 8 }, /^training_params\.stride is 8, but .* with 3:/],
    [{ valid_steps: 2 }, /^training_params\.valid_steps x val_batch_size is 4, but .* with 2:/],
    [{ precision: 'bf16' }, /^precision is "bf16", but .* with "fp32":/],
  ]
  for (const [settings, message] of cases) await t.throwsAsync(train(folder, settings), { code: 'AOT_CONFIG', message })
  t.deepEqual(comparable(run.runFolder), before)
  // These may change.
  const free = { steps_to_train: 70, 'optim_params.lr': 0.02, step_log: 5, save_every: 33 }
  t.is((await train(folder, free)).result.step, 70)
  // Another dataset under the name.
  const text = readFileSync(join(folder, 'text.h5'))
  text[1000] = 97 + (((text[1000] as number) - 96) % 26)
  writeFileSync(join(folder, 'text.h5'), text)
  await t.throwsAsync(train(folder), {
    code: 'AOT_CONFIG',
    message: /^training_params\.dataset_folder: .* \(other tokens\)/,
  })
  writeFileSync(join(folder, 'text.h5'), text.subarray(0, 1900))
  await t.throwsAsync(train(folder), { code: 'AOT_CONFIG', message: /\(1900 tokens instead of 2000\)/ })
})

test('what is missing or does not fit is one clear line', async (t) => {
  const folder = folderWithText(t)
  const cases: [Settings, string, RegExp][] = [
    [
      { dataset_folder: join(folder, 'none') },
      'AOT_IO',
      /^the dataset .*none \(training_params\.dataset_folder\) does not exist: make it with aot-tokenize$/,
    ],
    [
      { tokenizer_path: join(folder, 'none') },
      'AOT_IO',
      /^the tokenizer .*none \(training_params\.tokenizer_path\) does not exist/,
    ],
    [
      { tokenizer_path: writeTokenizer(folder, 300) },
      'AOT_CONFIG',
      /^model_params\.vocab_size is 256, but the tokenizer .* has 300 tokens: set vocab_size to 300/,
    ],
    [
      { 'model_params.vocab_size': 110 },
      'AOT_CONFIG',
      /text\.h5 holds the token id 122, but model_params\.vocab_size is 110/,
    ],
    [
      { valid_steps: 400 },
      'AOT_DATA',
      /has 2000 tokens, which make 664 windows, too few: validation takes 800 \(valid_steps 400 x 2\) and a training batch 2/,
    ],
    [{ steps_to_train: 1 }, 'AOT_CONFIG', /^the run has 1 minibatch, fewer than training_params\.aggregate \(2\)/],
  ]
  for (const [settings, code, message] of cases) await t.throwsAsync(train(folder, settings), { code, message })
  writeFileSync(join(folder, 'text.h5'), '')
  await t.throwsAsync(train(folder), {
    code: 'AOT_DATA',
    message: /text\.h5 holds no tokens: the text it was made from was empty/,
  })
})

test('dataset_folder may be a folder with one .h5 file', async (t) => {
  const folder = folderWithText(t)
  const { result } = await train(folder, { dataset_folder: folder, steps_to_train: 4 })
  t.is(result.step, 4)
  writeFileSync(join(folder, 'another.h5'), '')
  await t.throwsAsync(train(folder, { dataset_folder: folder }), {
    code: 'AOT_DATA',
    message: /holds 2 \.h5 files \(another\.h5, text\.h5\): name one of them$/,
  })
  await t.throwsAsync(train(folder, { dataset_folder: join(folder, 'runs') }), {
    code: 'AOT_DATA',
    message: /runs \(training_params\.dataset_folder\) holds no \.h5 file: make one with aot-tokenize$/,
  })
})

const numeric: [string, Faults, RegExp, string[]][] = [
  [
    'a loss',
    { nanLossAt: 33 },
    /^training stopped at minibatch 33, before the weights were touched: its loss is not a finite number; checkpoint 30 is whole: start again with a lower/,
    ['20', '30', 'backups', 'latest'],
  ],
  ['a first loss', { nanLossAt: 1 }, /^training stopped at minibatch 1, .*; nothing was saved yet: /, ['backups']],
  [
    'a gradient',
    { nanNormAt: 17 },
    /^training stopped at minibatch 34, .*the gradient norm is not a finite number; checkpoint 30 is whole/,
    ['20', '30', 'backups', 'latest'],
  ],
  [
    'a weight',
    { infiniteWeightAt: 20 },
    /^checkpoint 40 was not saved: model\.safetensors: weights holds a number that is not finite; checkpoint 30 is whole$/,
    ['20', '30', 'backups', 'latest'],
  ],
]
for (const [name, faults, message, names] of numeric) {
  test(`${name} that is not finite ends the run and leaves the checkpoints`, async (t) => {
    const folder = folderWithText(t)
    await t.throwsAsync(train(folder, {}, {}, faults), { code: 'AOT_NUMERIC', message })
    const { runFolder } = makeRun(folder)
    t.deepEqual(stateNames(runFolder), names)
    // Without the fault it ends as if it had never been there.
    await train(folder)
    await train(folder, {}, {}, {}, 'whole')
    t.deepEqual(comparable(runFolder), comparable(makeRun(folder, {}, 'whole').runFolder))
  })
}

test('a full disk ends the run with one line, and it goes on later', async (t) => {
  const folder = folderWithText(t)
  await t.throwsAsync(train(folder, {}, {}, { failSaveAt: 40 }), {
    code: 'AOT_IO',
    message: 'checkpoint 40 was not saved: cannot write: No space left on device; checkpoint 30 is whole',
  })
  const { run } = await train(folder)
  await train(folder, {}, {}, {}, 'whole')
  t.deepEqual(comparable(run.runFolder), comparable(makeRun(folder, {}, 'whole').runFolder))
})

test('a run that falls back to an older checkpoint still ends the same', async (t) => {
  const folder = folderWithText(t)
  await train(folder, {}, {}, {}, 'whole')
  const { options, faults } = stopAfter(40)
  const { run } = await train(folder, {}, options, faults)
  writeFileSync(join(run.runFolder, 'state', '40', 'model.safetensors'), 'harm')
  const { lines } = await train(folder)
  t.regex(
    lines[0] as string,
    /^checkpoint 40 does not hold \(model\.safetensors has 4 bytes instead of \d+\): continues from step 30/,
  )
  t.deepEqual(comparable(run.runFolder), comparable(makeRun(folder, {}, 'whole').runFolder))
  t.false(existsSync(join(run.runFolder, 'state', '40.broken')))
})

test('files of two steps in one checkpoint are refused', async (t) => {
  const folder = folderWithText(t)
  const { options, faults } = stopAfter(40)
  const { run } = await train(folder, {}, options, faults)
  const other = fakeSurroundings()
  const { load } = other.native.Engine
  other.native.Engine.load = async (at, given) => Object.assign(await load(at, given), { minibatch: 7 })
  await t.throwsAsync(trainRun(run, plain, other), {
    code: 'AOT_DATA',
    message: /state\/40: its files are not of one step \(trainer\.json 40, engine 7\)/,
  })
})
