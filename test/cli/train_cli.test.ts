import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { parseTrainArguments, type TrainArguments } from '../../ts/cli/train_arguments.js'
import { configText } from '../config/configs.js'

const folder = mkdtempSync(join(tmpdir(), 'aot-train-cli-'))
test.after.always(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'fw.json'), configText({ training_params: { state_save_loc: 'old', save_loc: 'new' } }))
writeFileSync(join(folder, 'bw.json'), configText({ training_params: { backwards: true } }))
writeFileSync(join(folder, 'bad.json'), configText({ model_params: { n_layers: 0 }, seed: -1 }))
mkdirSync(join(folder, 'other'))
writeFileSync(join(folder, 'other', 'fw.json'), configText())

async function parse(...words: string[]): Promise<TrainArguments> {
  const request = await parseTrainArguments(words)
  if (request.kind !== 'train') throw new Error('nothing to train')
  return request.arguments
}

/** The real command, in `folder`. */
function command(...words: string[]) {
  const done = spawnSync(process.execPath, [join(process.cwd(), 'bin/aot-train.js'), ...words], {
    cwd: folder,
    encoding: 'utf8',
  })
  return { status: done.status, stdout: done.stdout, stderr: done.stderr }
}

/** A program that runs the command with a training loop of the test's own. */
function withLoop(loop: string, ...words: string[]): string[] {
  const module = pathToFileURL(join(process.cwd(), 'dist/ts/cli/train_command.js')).href
  const program = `
    import { trainCommand } from '${module}'
    await trainCommand(${JSON.stringify(words)}, async () => ${loop})`
  return ['--input-type=module', '--eval', program]
}

test('without options', async (t) => {
  t.deepEqual(await parse('a.json', 'b.json'), {
    configs: ['a.json', 'b.json'],
    devices: ['cpu'],
    devicesPerRun: undefined,
    threads: undefined,
    rankTimeout: undefined,
    projectName: undefined,
    runNames: [],
    overrides: [],
    initFrom: undefined,
    noStepPickup: false,
    cooldownNow: false,
    shared: [],
  })
})

test('every option, with dashes, with underscores and short', async (t) => {
  const set = { section: 'training_params', name: 'batch_size', value: 8, origin: '--set batch_size=8' }
  const model = { section: '', name: 'model', value: 'gpt', origin: '--model gpt' }
  const expected = {
    configs: ['a.json'],
    devices: ['cuda:1'],
    devicesPerRun: undefined,
    threads: undefined,
    rankTimeout: undefined,
    projectName: 'my_project',
    runNames: ['1'],
    overrides: [set, model],
    initFrom: 'some_run',
    noStepPickup: true,
    cooldownNow: true,
    shared: ['--set=batch_size=8', '--model=gpt', '--init-from=some_run', '--no-step-pickup', '--cooldown-now'],
  }
  const rest = ['--set', 'batch_size=8', '--model', 'gpt']
  t.deepEqual(
    await parse(
      'a.json',
      '--device',
      'cuda:1',
      '--project-name',
      'my_project',
      '--run-name',
      '1',
      '--no-step-pickup',
      '--cooldown-now',
      '--init-from',
      'some_run',
      ...rest,
    ),
    expected,
  )
  t.deepEqual(
    await parse(
      '--project_name=my_project',
      '--run_name=1',
      '--no_step_pickup',
      '--cooldown_now',
      '--init_from=some_run',
      ...rest,
      '--device=cuda:1',
      'a.json',
    ),
    expected,
  )
  t.deepEqual(
    await parse('-sc', '-d', 'cuda:1', '-pmy_project', '-r=1', '--init-from', 'some_run', ...rest, '--', 'a.json'),
    expected,
  )
})

test('flags stand before a config without taking it', async (t) => {
  t.like(await parse('-s', 'a.json'), { configs: ['a.json'], noStepPickup: true, cooldownNow: false })
  t.like(await parse('--cooldown-now', 'a.json'), { configs: ['a.json'], noStepPickup: false, cooldownNow: true })
  t.like(await parse('123', '-c', '-c'), { configs: ['123'], cooldownNow: true })
})

test('several devices, and how many of them a run gets', async (t) => {
  t.like(await parse('a.json', '-d', 'cuda', '-d', 'cpu,cuda:1'), { devices: ['cuda:0', 'cpu', 'cuda:1'] })
  t.like(await parse('a.json', 'b.json', '--devices-per-run', '2', '--threads', '3'), { devicesPerRun: 2, threads: 3 })
})

const refused: [words: string[], line: string, code?: string][] = [
  [[], 'no config given: aot-train config.json (aot-train --help tells more)'],
  [['a.json', '--step-pickup'], 'unknown option --step-pickup; did you mean --no-step-pickup?'],
  [['a.json', '--run_nam=x'], 'unknown option --run_nam; did you mean --run-name?'],
  [['a.json', '--no-verbose'], 'unknown option --no-verbose; did you mean --verbose?'],
  [['a.json', '--constructor', 'x'], 'unknown option --constructor; did you mean --init-from?'],
  [['a.json', '-x'], 'unknown option -x; aot-train --help lists them'],
  [['a.json', '-d'], '--device needs a value'],
  [['a.json', '-r', '-s'], '--run-name needs a value'],
  [['a.json', '--project_name='], '--project-name needs a value'],
  [['a.json', '-p', 'x', '-p', 'y'], '--project-name is given 2 times; give it once'],
  [
    ['a.json', 'b.json', '-r', 'x'],
    '--run-name: 1 for 2 configs: give one -r for each config, in their order, or none',
  ],
  [['a.json', '--set', 'dropou=1'], '--set dropou=1: unknown key dropou; did you mean dropout?'],
  [['a.json', '-d', 'gpu'], '--device: "gpu" is no device; known are cpu, cuda:N, emulated, reference', 'AOT_DEVICE'],
  [['a.json', '--devices-per-run', '0'], '--devices-per-run: must be a whole number from 1 to 1024, not 0'],
  [['a.json', '--threads=-1'], '--threads: must be a whole number from 1 to 1024, not -1'],
]

for (const [words, message, code = 'AOT_CONFIG'] of refused) {
  test(`refused: aot-train ${words.join(' ')}`, async (t) => {
    t.like(await t.throwsAsync(parseTrainArguments(words)), { name: 'AotError', code, message })
  })
}

test('the command prints its error on one line and exits with 2', (t) => {
  const line = 'aot-train: bad.json: seed: must be a whole number of at least 0, not -1'
  const other = 'bad.json: model_params.n_layers: must be a whole number from 1 to 4096, not 0'
  const brief = command('bad.json')
  t.deepEqual(brief, { status: 2, stdout: '', stderr: `${line} (and 1 more; --verbose lists them)\n` })
  const verbose = command('bad.json', '--verbose')
  t.is(verbose.status, 2)
  t.true(verbose.stderr.includes(`\n${other}\n`), verbose.stderr)
  t.true(verbose.stderr.includes('\n    at '), verbose.stderr)

  t.deepEqual(command('none.json'), { status: 2, stdout: '', stderr: 'aot-train: none.json: no such file\n' })
  t.deepEqual(command('fw.json', '--model', 'gru'), {
    status: 2,
    stdout: '',
    stderr:
      'aot-train: fw.json: model_params.n_heads: gru has no n_heads: take it out; its keys are vocab_size, n_layers, embed_dim, attn_length, dropout and embd_dropout\n',
  })
  t.deepEqual(command('fw.json', '--model', 'rnn'), {
    status: 2,
    stdout: '',
    stderr: 'aot-train: --model rnn: must be "gpt", "gru" or "lstm", not "rnn"\n',
  })
  t.deepEqual(command('fw.json', 'other/fw.json'), {
    status: 2,
    stdout: '',
    stderr:
      'aot-train: fw.json and other/fw.json would both be the run "fw": give a name to each, as -r NAME -r NAME\n',
  })
})

test('--log replaces the config key logging: repeated, with commas, or none', async (t) => {
  const logging = async (...words: string[]) => {
    const { overrides } = await parse('a.json', ...words)
    return overrides.map(({ section, name, value, origin }) => [section + name, value, origin])
  }
  t.deepEqual(await logging('--log', 'wandb'), [['logging', ['wandb'], '--log wandb']])
  t.deepEqual(await logging('--log=tensorboard, wandb'), [
    ['logging', ['tensorboard', 'wandb'], '--log tensorboard, wandb'],
  ])
  t.deepEqual(await logging('--log', 'tensorboard', '--log', 'wandb'), [
    ['logging', ['tensorboard', 'wandb'], '--log tensorboard --log wandb'],
  ])
  t.deepEqual(await logging('--log', 'none'), [['logging', [], '--log none']])
  for (const words of ['wanb', 'none,wandb', 'wandb,', '', 'jsonl']) {
    const { status, stderr } = command('fw.json', '--log', words)
    t.is(status, 2)
    t.regex(stderr, /^aot-train: --log \S*: must be "tensorboard" or "wandb", in a list .*, not ".*"\n$/, words)
  }
})

test('--help names every option and --version the version', (t) => {
  const help = command('--help')
  t.is(help.status, 0)
  t.is(help.stderr, '')
  for (const option of [
    '-d, --device',
    '--devices-per-run',
    '--threads',
    '-p, --project-name',
    '-r, --run-name',
    '-s, --no-step-pickup',
    '-c, --cooldown-now',
    '--model',
    '--set',
    '--log',
    '--init-from',
    '--verbose',
    '--version',
    '-h, --help',
    'Examples:',
  ]) {
    t.true(help.stdout.includes(option), option)
  }
  t.true(Math.max(...help.stdout.split('\n').map((line) => line.length)) <= 100)
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
  t.deepEqual(command('--version'), { status: 0, stdout: `${version}\n`, stderr: '' })
})

test('the run of a config gets its options', (t) => {
  const loop = `async (run, { signal, watcher, ...options }) => {
    console.log('run', run.runFolder, run.device, run.threads, run.direction.kind, run.config.seed, JSON.stringify(options))
    console.log(signal.aborted, watcher)
  }`
  const words = ['fw.json', '-r', 'a', '-p', 'p', '-s', '--set', 'seed=5', '--init-from', 'w', '--threads', '3']
  const done = spawnSync(process.execPath, withLoop(loop, ...words, '-d', 'cpu,cpu'), { cwd: folder, encoding: 'utf8' })
  t.is(done.stderr, 'aot-train: fw.json: note: training_params.state_save_loc is ignored: save_loc is given too\n')
  t.is(done.status, 0)
  const options = '{"noStepPickup":true,"cooldownNow":false,"initFrom":"w"}'
  t.is(done.stdout, `run new/p/a cpu,cpu 3 forward 5 ${options}\nfalse undefined\n`)
})

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} stops the run through its signal`, async (t) => {
    const loop = `async (run, { signal }) => {
      console.log('begin', run.runName)
      const timer = setTimeout(() => {}, 60_000)
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      clearTimeout(timer)
      console.log('saved')
    }`
    const child = spawn(process.execPath, withLoop(loop, 'bw.json'), { cwd: folder })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (data) => {
      stdout += data
      if (stdout === 'begin bw\n') child.kill(signal)
    })
    child.stderr.on('data', (data) => {
      stderr += data
    })
    const code = await new Promise((resolve) => child.on('close', resolve))
    t.is(stdout, 'begin bw\nsaved\n')
    t.is(stderr, 'aot-train: stopping; the state is saved first\n')
    t.is(code, status)
  })
}
