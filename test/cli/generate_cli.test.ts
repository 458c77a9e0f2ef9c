/** aot-generate as a person runs it, on small trained runs. */
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { parseGenerateArguments } from '../../ts/cli/generate_arguments.js'
import { native } from '../../ts/native.js'
import { exportWeights } from '../../ts/train/export.js'
import { trainRun } from '../../ts/train/run.js'
import { makeRun, plain, realDataset, type Settings } from '../train/runs.js'

const bin = join(process.cwd(), 'bin/aot-generate.js')

function generate(words: string[], input?: string) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...words], {
    encoding: 'utf8',
    input: input ?? '',
  })
  return { status, stdout, stderr }
}

async function trained(t: ExecutionContext, settings: Settings = {}) {
  const { folder, settings: data } = await realDataset(t, 300)
  const short = { steps_to_train: 8, save_every: 4, batch_size: 4, 'model_params.attn_length': 16 }
  const run = makeRun(folder, { ...data, ...short, ...settings })
  await trainRun(run, plain, { native, print: () => {}, terminal: null })
  return { folder, run: run.runFolder, tokenizer: native.Tokenizer.load(data.tokenizer_path as string) }
}

test('forward: the prompt, then what follows it; the same again with the seed that was told', async (t) => {
  const { run } = await trained(t)
  const first = generate([run, '--prompt', 'the arrow of', '-g', '40'])
  t.is(first.status, 0, first.stderr)
  t.true(first.stdout.startsWith('the arrow of') && first.stdout.endsWith('\n') && first.stdout.length > 20)
  const seed = /^aot-generate: --seed (\d+) repeats this\n$/.exec(first.stderr)?.[1] as string
  const again = generate([run, '--prompt=the arrow of', '--tokens=40', '--seed', seed])
  t.deepEqual(again, { status: 0, stdout: first.stdout, stderr: '' })
  t.not(generate([run, '--prompt', 'the arrow of', '-g', '40', '--seed', `${Number(seed) + 1}`]).stdout, first.stdout)
  // Greedy needs no seed, and the state may be named instead of the run.
  const greedy = generate([run, '--prompt', 'the arrow of', '--temperature', '0'])
  t.is(greedy.stderr, '')
  t.is(generate([join(run, 'state/4'), '--prompt', 'the arrow of', '--temperature', '0', '-g', '1']).status, 0)
  t.is(generate([join(run, 'state/8'), '--prompt', 'the arrow of', '--temperature', '0']).stdout, greedy.stdout)
})

test('what it writes is what the model makes', async (t) => {
  for (const settings of [{ model: 'gpt' }, { model: 'gru' }, { model: 'lstm' }] as Settings[]) {
    const shape: Settings =
      settings.model === 'gpt' ? {} : { 'model_params.n_heads': undefined as never, 'model_params.n_layers': 2 }
    const { run, tokenizer } = await trained(t, { ...settings, ...shape, backwards: true })
    const { stdout } = generate([run, '--prompt', 'loss of time.', '--seed', '5', '-g', '30', '--json'])
    const { text, tokens, ...rest } = JSON.parse(stdout)
    t.deepEqual(rest, { prompt: 'loss of time.', direction: 'backward', seed: 5 })
    const { Engine } = await import('../../ts/index.js')
    const config = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'))
    const engine = await Engine.create({
      model: config.model,
      modelParams: config.model_params,
      weights: join(run, 'state/8/model.safetensors'),
    })
    const ids = tokenizer.encode('loss of time.')
    const made = await engine.generate(ids.slice().reverse(), { tokens: 30, temperature: 0.8, topK: 50, seed: 5 })
    engine.close()
    t.deepEqual(tokens, [...made.tokens])
    t.is(text, tokenizer.decode(Int32Array.of(...made.tokens.reverse(), ...ids)))
    t.true(text.endsWith('loss of time.'))
  }
})

test('both ways of FW+BW mode, and samples, under their headings', async (t) => {
  const { run } = await trained(t, { backwards: null })
  const { stdout, stderr } = generate([run, '--prompt', 'time', '-n', '2', '--seed', '3', '-g', '5'])
  t.is(stderr, '')
  const parts = stdout.split(/^--- (.*)\n/m)
  t.deepEqual(
    parts.filter((_, i) => i % 2 === 1),
    ['forward, seed 3', 'backward, seed 3', 'forward, seed 4', 'backward, seed 4'],
  )
  t.true(parts[2]?.startsWith('time') && parts[4]?.trimEnd().endsWith('time'), stdout)
})

test('a permuted window is filled, and no more', async (t) => {
  const { run, tokenizer } = await trained(t, { permutation: 'middle_out' })
  const { stdout } = generate([run, '--prompt', 'time', '--seed', '1', '-g', '500', '--json'])
  const { text, tokens, direction } = JSON.parse(stdout)
  t.is(direction, 'permutation')
  t.is(tokens.length, 16 - tokenizer.encode('time').length)
  t.true(text.includes('time'))
  const long = generate([run, '--prompt', 'time '.repeat(40)])
  t.is(long.status, 2)
  t.regex(long.stderr, /the prompt has \d+ tokens, but a window of this run has 16: shorten it\n$/)
})

test('lines of its input are texts, one after the other', async (t) => {
  const { run } = await trained(t)
  const { stdout, status } = generate([run, '--seed', '1', '-g', '3'], 'time\nriver\n')
  t.is(status, 0)
  const lines = stdout.split('\n')
  t.true(stdout.startsWith('time') && lines.some((line) => line.startsWith('river')), stdout)
})

test('an exported folder, and a tokenizer that is gone', async (t) => {
  const { folder, run } = await trained(t)
  const target = join(folder, 'exported')
  await exportWeights(run, target)
  const want = generate([run, '--prompt', 'time', '--seed', '1']).stdout
  t.is(generate([target, '--prompt', 'time', '--seed', '1']).stdout, want)
  // The run has its own copy of the tokenizer.
  rmSync(join(folder, 'tokenizer'), { recursive: true })
  t.is(generate([run, '--prompt', 'time', '--seed', '1']).stdout, want)
  rmSync(join(run, 'tokenizer'), { recursive: true })
  const ids = generate([run, '--prompt', '5 9', '--seed', '1', '-g', '3'])
  t.is(ids.stderr, 'aot-generate: the run has no tokenizer: texts are lists of token ids, as "12 7 9"\n')
  t.regex(ids.stdout, /^5 9( \d+){3}\n$/)
  const wrong = generate([run, '--prompt', 'time', '--seed', '1'])
  t.is(wrong.status, 2)
  t.regex(wrong.stderr, /the prompt: "time" is no token id below 300/)
})

test('what is not there or damaged is one line', async (t) => {
  const { folder, run } = await trained(t)
  const refused = (path: string, message: RegExp) => {
    const { status, stdout, stderr } = generate([path, '--prompt', 'x'])
    t.is(status, 2, stderr)
    t.is(stdout, '')
    t.regex(stderr, message)
    t.is(stderr.split('\n').length, 2, stderr)
  }
  refused(join(folder, 'nothing'), /^aot-generate: .*nothing: there is no .*model\.safetensors: name a run folder/)
  refused(folder, /there is no .*model\.safetensors/)
  const state = join(folder, 'loose')
  cpSync(join(run, 'state/8'), state, { recursive: true })
  refused(state, /there is no config\.json, which tells the direction/)
  truncateSync(join(run, 'state/8/model.safetensors'), 1000)
  refused(run, /model\.safetensors/)
  writeFileSync(join(run, 'config.json'), '{')
  refused(join(run, 'state/4'), /config\.json/)
})

for (const [words, message] of [
  [[], 'name a run or a state: aot-generate <run or state> (--help tells more)'],
  [['a', 'b'], '"b" is one too many: a text is given as --prompt "..."'],
  [['a', '--promt', 'x'], 'unknown option --promt; did you mean --prompt?'],
  [['a', '-x'], 'unknown option -x; aot-generate --help lists them'],
  [['a', '--prompt'], '--prompt needs a value'],
  [['a', '-g', '0'], '--tokens must be a whole number from 1 to 1000000, not "0"'],
  [['a', '-g', '1.5'], '--tokens must be a whole number from 1 to 1000000, not "1.5"'],
  [['a', '--temperature', 'hot'], '--temperature must be a number from 0 on, not "hot"'],
  [['a', '--temperature=-1'], '--temperature must be a number from 0 on, not "-1"'],
  [['a', '--top_k', 'x'], '--top-k must be a whole number from 0 to 2147483647, not "x"'],
  [['a', '--seed', '-1'], '--seed must be a whole number from 0 to 9007199254740991, not "-1"'],
  [['a', '-n', '2', '-n', '3'], '--samples is given 2 times; give it once'],
  [['a', '-d', 'tpu'], '--device: "tpu" is no device; known are cpu, cuda:N, emulated, reference'],
  [['a', '-d', 'cpu,cpu'], '--device: cpu,cpu are 2 devices'],
] as [string[], string][]) {
  test(`refused: aot-generate ${words.join(' ')}`, async (t) => {
    const error = await t.throwsAsync(parseGenerateArguments(words), { name: 'AotError' })
    t.true(error?.message.startsWith(message), error?.message)
  })
}

test('defaults, and every option', async (t) => {
  t.deepEqual(await parseGenerateArguments(['run']), {
    path: 'run',
    device: 'cpu',
    prompt: null,
    tokens: 128,
    temperature: 0.8,
    topK: 50,
    seed: null,
    samples: 1,
    json: false,
  })
  const all = ['run', '-d', 'cuda:1', '--prompt=--x', '-g', '7', '--temperature', '1e-1', '--top-k', '0']
  t.deepEqual(await parseGenerateArguments([...all, '--seed', '4', '-n', '3', '--json']), {
    path: 'run',
    device: 'cuda:1',
    prompt: '--x',
    tokens: 7,
    temperature: 0.1,
    topK: 0,
    seed: 4,
    samples: 3,
    json: true,
  })
})

test('an empty text is a text: the model begins by itself', async (t) => {
  t.is((await parseGenerateArguments(['run', '--prompt', '']))?.prompt, '')
  const { run } = await trained(t)
  const { status, stdout } = generate([run, '--prompt=', '--seed', '1', '-g', '20'])
  t.is(status, 0)
  t.true(stdout.length > 10)
})

test('--help names every option', (t) => {
  const { stdout, status } = generate(['--help'])
  t.is(status, 0)
  for (const option of [
    '--device',
    '--prompt',
    '--tokens',
    '--temperature',
    '--top-k',
    '--seed',
    '--samples',
    '--json',
  ]) {
    t.true(stdout.includes(option), option)
  }
})

test('^C ends a completion, and what was written stays', async (t) => {
  const { run } = await trained(t)
  const child = spawn(process.execPath, [bin, run, '--prompt', 'time', '--seed', '1', '-g', '1000000'])
  let text = ''
  child.stdout.on('data', (data) => {
    text += data
    if (text.length > 30 && !child.killed) child.kill('SIGINT')
  })
  const status = await new Promise((done) => child.once('close', done))
  t.is(status, 130)
  t.true(text.startsWith('time') && text.endsWith('\n'))
})

test('a reader that goes away ends it quietly', async (t) => {
  const { run } = await trained(t)
  const { stderr } = spawnSync(
    'sh',
    ['-c', `"${process.execPath}" "${bin}" "${run}" --prompt time --seed 1 -g 100000 | head -c 20`],
    {
      encoding: 'utf8',
    },
  )
  t.is(stderr, '')
})

test('a terminal: backwards on a screen of its own, then the text', async (t) => {
  const { run } = await trained(t, { backwards: true })
  const command = `stty cols 60 rows 10; "${process.execPath}" "${bin}" "${run}" --prompt 'the end' --seed 1 -g 20`
  const { stdout, status } = spawnSync('script', ['-qec', command, '/dev/null'], { encoding: 'utf8', input: '' })
  t.is(status, 0)
  const [before, live, after] = stdout.replaceAll('\x1b[?1049l', '\x1b[?1049h').split('\x1b[?1049h') as [
    string,
    string,
    string,
  ]
  t.false(before.includes('the end'))
  t.true(live.includes('the end'))
  t.regex(after, /the end\r\n$/)
})

test('asked at a terminal, it takes one text after another', async (t) => {
  const { run } = await trained(t)
  const command = `stty cols 60 rows 10 -echo; "${process.execPath}" "${bin}" "${run}" --seed 1 -g 5`
  const child = spawn('script', ['-qec', command, '/dev/null'])
  let seen = ''
  const answers = ['time', 'river', '']
  child.stdout.on('data', (data) => {
    seen += data
    // A prompt mark at the end: its turn.
    if (stripVTControlCharacters(seen).endsWith('> ') && answers.length > 0) {
      child.stdin.write(`${answers.shift()}\r`)
      seen += '\n'
    }
  })
  const status = await new Promise((done) => child.once('close', done))
  t.is(status, 0, seen)
  t.true(seen.includes('give a beginning; an empty line ends, ^C stops a completion'))
  t.regex(seen, /\ntime\S* ?[^\n]*\n/)
  t.regex(seen, /\nriver[^\n]*\n/)
})
