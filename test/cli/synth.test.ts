import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { parseSynthArguments } from '../../ts/cli/synth_arguments.js'
import { loadConfigFile } from '../../ts/config/load.js'

const folder = mkdtempSync(join(tmpdir(), 'aot-synth-cli-'))
test.after.always(() => rmSync(folder, { recursive: true }))

/** The real commands, in `folder`. */
function command(name: string, words: string[], environment: Record<string, string> = {}) {
  const done = spawnSync(process.execPath, [join(process.cwd(), `bin/${name}.js`), ...words], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...environment },
  })
  return { status: done.status, stdout: done.stdout, stderr: done.stderr }
}

const synth = (...words: string[]) => command('aot-synth', words)

const parse = async (...words: string[]) => {
  const request = await parseSynthArguments(words)
  if (request.kind !== 'make') throw new Error('nothing to make')
  return request.arguments
}

test('the options are those of the section', async (t) => {
  t.deepEqual(await parse('primes', 'a'), {
    section: { language: 'primes', seed: 0, train: null, valid: null, min_digits: 2, max_digits: 3 },
    folder: 'a',
    perWindow: 1,
    force: false,
  })
  t.deepEqual(
    await parse(
      'circuits',
      'a',
      '--bits=8',
      '--nonzeros',
      '12',
      '--order',
      'yx',
      '--window',
      '2',
      '--force',
      '--seed=9',
    ),
    {
      section: { language: 'circuits', seed: 9, train: null, valid: null, bits: 8, nonzeros: 12, order: 'yx' },
      folder: 'a',
      perWindow: 2,
      force: true,
    },
  )
  t.like(await parse('primes', '--max_digits', '4', 'b', '--train', '5'), { folder: 'b', section: { max_digits: 4 } })
})

test('--help and --version, without the engine', (t) => {
  const help = command('aot-synth', ['--help'], { AOT_ADDON: '/nowhere.node' })
  t.is(help.status, 0, help.stderr)
  for (const word of ['primes: Digits of the smallest primes [default: 2]', '--force', 'aot-synth circuits data/']) {
    t.true(help.stdout.includes(word), word)
  }
  t.notRegex(help.stdout, /null/)
  t.is(synth('--version').status, 0)
})

test('what was made is told, and the config trains as it is', (t) => {
  const made = synth('primes', 'data/primes', '--max-digits', '2', '--min-digits=1', '--window', '2', '--seed', '3')
  t.is(made.status, 0, made.stderr)
  t.deepEqual(made.stdout.split('\n'), [
    'made        data/primes: 3,020 tokens, 0.0 MB',
    'language    primes: 25 primes of 1 to 2 digits, 300 pairs p < q',
    '            264 pairs for training, 36 others for validation',
    '            a model that knows the language but no pair of it reaches ln 300 / 10; one that remembers all training pairs, 0.3584',
    'window      20 tokens, 2 examples',
    'floor       0.5704 nats per token, in any order',
    'next        npx aot-arrow data/primes/config.json',
    '',
  ])
  t.is(made.stderr, 'aot-synth: making primes in data/primes\n')
  t.deepEqual(readdirSync(join(folder, 'data/primes')).sort(), [
    'config.json',
    'lock',
    'synth.json',
    'tokenizer',
    'tokens.h5',
  ])
  const { config } = loadConfigFile(join(folder, 'data/primes/config.json'))
  t.like(config.model_params, { attn_length: 20, vocab_size: 13 })
  t.like(config.training_params, { dataset_folder: 'data/primes', stride: 20, valid_steps: 1, val_batch_size: 18 })
  const words = ['data/primes/config.json', '--set', 'steps_to_train=2', '--set', 'embed_dim=8', '--log', 'none']
  const trained = command('aot-train', [...words, '--threads', '1'])
  t.is(trained.status, 0, trained.stderr)
  t.regex(trained.stdout, /132 for training .*, 18 for validation/)
  t.notRegex(trained.stdout, /making/)

  const again = synth('primes', 'data/primes', '--max-digits', '2', '--min-digits=1', '--window', '2', '--seed', '3')
  t.regex(again.stdout, /^there {7}data\/primes: 3,020 tokens/)
  t.is(again.stderr, '')
})

test('other options need --force; the config of the user stays otherwise', (t) => {
  const place = join(folder, 'forced')
  t.is(synth('copy', 'forced', '--train', '8', '--valid', '8').status, 0)
  const config = join(place, 'config.json')
  const before = readFileSync(config, 'utf8')
  writeFileSync(config, before.replace('"embed_dim": 64', '"embed_dim": 32'))
  rmSync(join(place, 'tokens.h5'))
  t.is(synth('copy', 'forced', '--train', '8', '--valid', '8').status, 0)
  t.true(existsSync(join(place, 'tokens.h5')))
  t.regex(readFileSync(config, 'utf8'), /"embed_dim": 32/)
  const other = synth('copy', 'forced', '--train', '16', '--valid', '8')
  t.deepEqual([other.status, other.stdout], [2, ''])
  t.is(
    other.stderr,
    'aot-synth: forced holds copy with other options: name another folder, or replace it with --force\n',
  )
  t.is(synth('reversible', 'forced', '--train', '16', '--valid', '8', '--force').status, 0)
  t.is(loadConfigFile(config).config.synth?.language, 'reversible')
})

test('misuse is told in one line', (t) => {
  mkdirSync(join(folder, 'mine'))
  writeFileSync(join(folder, 'mine', 'text.txt'), '')
  const mistakes: [string[], string][] = [
    [[], 'name a language and a folder: aot-synth primes data/primes (--help tells more)'],
    [['primes'], 'name the folder to make: aot-synth primes data/primes'],
    [['prime', 'a'], 'there is no language "prime"; did you mean primes?'],
    [['primes', 'a', 'b'], 'one language and one folder, not "b" too'],
    [['primes', 'a', '--digits', '3'], 'unknown option --digits; did you mean --min-digits?'],
    [
      ['primes', 'a', '--bits', '3'],
      '--bits: primes has no such option; it has seed, train, valid, min-digits, max-digits',
    ],
    [['primes', 'a', '--max-digits', '9'], '--max-digits: must be a whole number from 1 to 7, not 9'],
    [['primes', 'a', '--max-digits', 'x'], '--max-digits: must be a whole number from 1 to 7, not "x"'],
    [['primes', 'a', '--max-digits'], '--max-digits needs a value'],
    [['primes', 'a', '--seed', '1', '--seed', '2'], '--seed is given 2 times; give it once'],
    [['circuits', 'a', '--order', 'xyz'], '--order: must be "xy" or "yx", not "xyz"'],
    [['copy', 'a', '--window', '0'], '--window: must be a whole number from 1 to 131072, not "0"'],
    [
      ['copy', 'a', '--window', '9000'],
      'a/config.json: model_params.attn_length: must be a whole number from 3 to 131072, not 252000',
    ],
    [
      ['copy', 'a', '--window', '3', '--train', '8'],
      'train: 8 examples do not fill whole windows of 3 (model_params.attn_length over 28 tokens of an example): make it a multiple of 3',
    ],
    [['primes', 'a', '--min-digits', '4'], 'min_digits 4 is above max_digits 3: lower it'],
    [
      ['primes', 'mine'],
      'mine holds what aot-synth did not make (text.txt): name a new folder for the data, or empty this one',
    ],
    [['primes', 'mine/text.txt'], 'cannot make the folder mine/text.txt: file already exists'],
    [
      ['primes', 'data.h5'],
      'data.h5/config.json: training_params.dataset_folder: "data.h5", but synth makes a folder: take it out, or name a folder',
    ],
  ]
  for (const [words, line] of mistakes) {
    const { status, stdout, stderr } = synth(...words)
    t.deepEqual({ status, stdout, stderr }, { status: 2, stdout: '', stderr: `aot-synth: ${line}\n` })
  }
  t.false(existsSync(join(folder, 'a')))
})

test('the folder is made whole also when nobody reads what is said', (t) => {
  const done = spawnSync(
    'bash',
    [
      '-c',
      'set -o pipefail; "$0" "$1" copy unread --train 20 2>&1 | true',
      process.execPath,
      join(process.cwd(), 'bin/aot-synth.js'),
    ],
    { cwd: folder, encoding: 'utf8' },
  )
  t.is(done.status, 0, done.stderr)
  t.is(JSON.parse(readFileSync(join(folder, 'unread/synth.json'), 'utf8')).state, 'whole')
})

test('killed while --force replaces it, the folder ends with the config of its data', async (t) => {
  const inFolder = (name: string) => JSON.parse(readFileSync(join(folder, 'broken-off', name), 'utf8'))
  t.is(synth('copy', 'broken-off', '--train', '20').status, 0)
  const words = ['copy', 'broken-off', '--train', '3000000', '--force']
  const child = spawn(process.execPath, [join(process.cwd(), 'bin/aot-synth.js'), ...words], { cwd: folder })
  const ended = once(child, 'close')
  while (inFolder('synth.json').state === 'whole') await new Promise((resolve) => setTimeout(resolve, 2))
  child.kill('SIGKILL')
  await ended
  t.is(inFolder('synth.json').state, 'begun')
  t.is(synth('copy', 'broken-off', '--train', '30').status, 0)
  t.is(inFolder('config.json').synth.train, 30)
  t.is(inFolder('synth.json').section.train, 30)
})

test('--force takes nothing from a folder that is not its own', (t) => {
  mkdirSync(join(folder, 'of-a-user'))
  writeFileSync(join(folder, 'of-a-user/config.json'), 'mine')
  t.is(synth('copy', 'of-a-user', '--train', '20', '--force').status, 2)
  t.is(readFileSync(join(folder, 'of-a-user/config.json'), 'utf8'), 'mine')
})
