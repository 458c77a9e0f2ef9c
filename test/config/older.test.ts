/**
 * Config files as the original's two generations wrote them (test/config/older/) run unchanged, by the command and its
 * flags as the original's README gives them.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { type Line, readLines, realDataset } from '../train/runs.js'

const examples = join(process.cwd(), 'test/config/older')
const launcher = join(process.cwd(), 'bin/aot-train.js')

/** A folder as the original's users had it: the data and tokenizer where the configs say, the configs beside. */
async function workplace(t: ExecutionContext): Promise<string> {
  const { folder, settings } = await realDataset(t, 300)
  mkdirSync(join(folder, 'datavol/tiny'), { recursive: true })
  cpSync(join(folder, 'text.h5'), join(folder, 'datavol/tiny/tiny.h5'))
  cpSync(settings.tokenizer_path as string, join(folder, 'modules/tokenizers/tiny_tokenizer'), { recursive: true })
  cpSync(examples, join(folder, 'TrainParams'), { recursive: true })
  return folder
}

/** The command of one line, in that folder. */
function train(t: ExecutionContext, folder: string, line: string): { stdout: string; notes: string[] } {
  const words = line.split(' ')
  const { status, stdout, stderr } = spawnSync(process.execPath, [launcher, ...words], {
    cwd: folder,
    encoding: 'utf8',
  })
  t.is(status, 0, stderr)
  const notes = stderr.split('\n').flatMap((one) => /^aot-train: \S+: note: (.*)$/.exec(one)?.[1] ?? [])
  return { stdout, notes }
}

/** The lines of metrics that tell a rate, as [step, rate]. */
function rates(lines: Line[]): [number, number][] {
  return lines.flatMap(({ step, lr }) => (typeof lr === 'number' ? [[step, lr]] : []))
}

function near(t: ExecutionContext, found: [number, number][], wanted: [number, number][]): void {
  t.deepEqual(
    found.map(([step]) => step),
    wanted.map(([step]) => step),
  )
  for (const [i, [step, rate]] of wanted.entries()) {
    const [, value] = found[i] as [number, number]
    t.true(Math.abs(value - rate) <= 1e-9 * rate, `step ${step}: ${value} is not ${rate}`)
  }
}

const restarts = 'optim_params.oscil_steps is given: the older schedule, cosine with warm restarts'

test('first generation, GPT', async (t) => {
  const folder = await workplace(t)
  const { stdout, notes } = train(t, folder, 'TrainParams/first_gpt.json -d cpu -p BackPerplexity')
  t.deepEqual(notes, [restarts])
  t.regex(stdout, /^model: gpt, backward, /m)
  t.regex(stdout, /^steps: 30 minibatches of 4 windows \(15 optimizer steps\); validation every 50 and at the end$/m)
  const run = join(folder, 'datavol/runs/BackPerplexity/first_gpt')
  const lines = readLines(run)
  // One optimizer step every 2 minibatches: the rates of steps 0 to 14, worked out in test/train/schedule.test.ts.
  const unit = 1e-5
  const byHand = [1, 25.75, 50.5, 75.25, 100, 93.97114317029974, 77.5, 55, 32.5, 16.028856829700263]
  byHand.push(50, 46.98557158514987, 38.75, 27.5, 16.25)
  near(
    t,
    rates(lines),
    byHand.map((rate, i) => [2 * (i + 1), rate * unit]),
  )
  t.true((lines.at(-1)?.['loss/valid'] as number) < 6)
  t.deepEqual(readdirSync(join(run, 'state/backups')), ['16'])
  // Without tokenizer_path the samples are ids.
  t.like(JSON.parse(readFileSync(join(run, 'config.json'), 'utf8')), {
    training_params: { save_loc: 'datavol/runs/', tokenizer_path: null, save_every: 8, fast_scrambling: false },
  })
})

for (const model of ['gru', 'lstm'] as const) {
  test(`first and second generation, ${model}`, async (t) => {
    const folder = await workplace(t)
    const first = train(t, folder, `TrainParams/first_rnn.json --model ${model} -r ${model}`)
    t.deepEqual(first.notes, [restarts])
    t.regex(first.stdout, new RegExp(`^model: ${model}, forward, `, 'm'))
    const old = join(folder, `datavol/runs/arrows-of-time/${model}`)
    const { model: written, model_params } = JSON.parse(readFileSync(join(old, 'config.json'), 'utf8'))
    t.is(written, model)
    t.deepEqual(model_params, {
      vocab_size: 300,
      n_layers: 2,
      embed_dim: 16,
      attn_length: 16,
      dropout: 0,
      embd_dropout: null,
    })
    // steps_to_train null: one epoch.
    t.is(readLines(old).at(-1)?.epochs, 1)

    const second = train(t, folder, `--model ${model} TrainParams/second_rnn.json --device cpu --project_name P`)
    t.deepEqual(second.notes, [])
    t.regex(second.stdout, new RegExp(`^model: ${model}, backward, `, 'm'))
    const lines = readLines(join(folder, 'datavol/runs/P/second_rnn'))
    t.is(lines.at(-1)?.step, 20)
    t.true((lines.at(-1)?.['loss/valid'] as number) < 6.5)

    // Without the flag the command asks; config.json says it by itself.
    const words = [launcher, 'TrainParams/first_rnn.json']
    const { status, stderr } = spawnSync(process.execPath, words, { cwd: folder, encoding: 'utf8' })
    t.is(status, 2)
    t.regex(stderr, /^aot-train: TrainParams\/first_rnn\.json: model: .* say which, by --model gru or --model lstm\n$/)
    const again = train(t, folder, `datavol/runs/arrows-of-time/${model}/config.json -r ${model}`)
    t.regex(again.stdout, /^nothing is left to train/m)
  })
}

test('a list as permutation, rates of a schedule that is not used, both names of save_loc', async (t) => {
  const folder = await workplace(t)
  const { stdout, notes } = train(t, folder, 'TrainParams/first_permuted.json --run_name=middle')
  t.deepEqual(notes, [
    'training_params.state_save_loc is ignored: save_loc is given too',
    'optim_params.lr_init, lr_min ignored: they belong to oscil_steps, which is not given',
  ])
  t.regex(stdout, /^model: gpt, permutation, /m)
  t.false(existsSync(join(folder, 'nowhere')))
  // 10 optimizer steps: warm-up of 4, the last 2 (0.15 of them, rounded) to 0.
  near(t, rates(readLines(join(folder, 'datavol/runs/arrows-of-time/middle'))), [
    ...([1e-10, 2.50000075e-4, 5.0000005e-4, 7.50000025e-4] as const).map((rate, i): [number, number] => [
      2 * i + 2,
      rate,
    ]),
    ...([1e-3, 1e-3, 1e-3, 1e-3, 1e-3, 5e-4] as const).map((rate, i): [number, number] => [2 * i + 10, rate]),
  ])
})

test('second generation, GPT: up to steps_to_train, -s so many more, -c the cooldown at once', async (t) => {
  const folder = await workplace(t)
  const run = (name: string) => readLines(join(folder, 'datavol/runs/MyTrainingProject', name))
  const command = 'TrainParams/second_gpt.json -d cpu -p MyTrainingProject'
  t.deepEqual(train(t, folder, command).notes, [])
  const byHand = [0.00001, 25.0000075, 50.000005, 75.0000025, 100, 100, 100, 75, 50, 25]
  const once = byHand.map((rate, i): [number, number] => [2 * (i + 1), rate * 1e-5])
  near(t, rates(run('second_gpt')), once)

  t.regex(
    train(t, folder, command).stdout,
    /^nothing is left to train: raise steps_to_train, or use --no-step-pickup$/m,
  )
  t.is(run('second_gpt').at(-1)?.step, 20)

  // 20 more: 20 optimizer steps in all, the last 8 of which fall.
  train(t, folder, `${command} -s`)
  const more = [100, 100, 100, 87.5, 75, 62.5, 50, 37.5, 25, 12.5].slice(1)
  near(t, rates(run('second_gpt')), [
    ...once,
    [22, 1e-3],
    ...more.map((rate, i): [number, number] => [24 + 2 * i, rate * 1e-5]),
  ])
  train(t, folder, `${command} --no_step_pickup`)
  t.is(run('second_gpt').at(-1)?.step, 60)

  // A run of 100, cooled down from step 20 on over a tenth of it.
  train(t, folder, `${command} -r cooled`)
  train(t, folder, `${command} -r cooled -c --set steps_to_train=100`)
  const cooled = [100, 80, 60, 40, 20].map((rate, i): [number, number] => [22 + 2 * i, rate * 1e-5])
  near(t, rates(run('cooled')), [...once, ...cooled])
  train(t, folder, `${command} -r long --cooldown_now`)
  t.is(run('long').at(-1)?.step, 2)
})
