import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { type LoadedConfig, loadConfigFile, parseConfig } from '../../ts/config/load.js'
import { type Override, parseOverride } from '../../ts/config/overrides.js'
import { ConfigError } from '../../ts/config/problems.js'
import { AotError } from '../../ts/errors.js'
import { configText } from './configs.js'

const load = (text: string, overrides: Override[] = []): LoadedConfig => parseConfig(text, 'c.json', overrides)

/** The message, and that it is an AotError of that code. */
function failure(body: () => unknown, code = 'AOT_CONFIG'): string {
  try {
    body()
  } catch (error) {
    if (error instanceof AotError && error.code === code && !error.message.includes('\n')) return error.message
    throw error
  }
  throw new Error('nothing was thrown')
}

test('what a config leaves out takes its default', (t) => {
  const { config, notes } = load(configText())
  t.deepEqual(config, {
    model: 'gpt',
    precision: null,
    seed: 0,
    split: 'shuffled',
    model_params: {
      vocab_size: 300,
      n_layers: 2,
      n_heads: 4,
      embed_dim: 16,
      attn_length: 8,
      mlp_ratio: 4,
      dropout: 0.1,
      embd_dropout: null,
    },
    training_params: {
      dataset_folder: 'text_h5/text.h5',
      tokenizer_path: null,
      batch_size: 4,
      aggregate: 1,
      backwards: false,
      permutation: null,
      stride: null,
      steps_to_train: null,
      save_every: 3000,
      backup_every: 15000,
      step_log: 200,
      valid_steps: 1000,
      val_batch_size: null,
      save_loc: 'runs',
      fast_scrambling: false,
      cooldown_finish: 0.15,
    },
    optim_params: { lr: 0.001, warmup_steps: 10, oscil_steps: null, lr_shrink: 1, lr_init: 1e-7, lr_min: 0 },
  })
  t.deepEqual(notes, [])
})

test('comments, trailing commas and a byte order mark are allowed', (t) => {
  const text = `\uFEFF// a comment\n${configText().replace('{', '{ /* another */').replace(/}$/, ',\n}')}`
  t.is(load(text).config.model_params.embed_dim, 16)
})

test('a text that is not JSON is told by line and column', (t) => {
  t.is(
    failure(() => load('{\n  "model": "gpt"\n  "seed": 3\n}')),
    'c.json:3:3: a comma is expected',
  )
  t.is(
    failure(() => load('{\n  "model": gpt }')),
    'c.json:2:12: an unknown word (a text needs double quotes)',
  )
  t.is(
    failure(() => load('{ "seed": 3')),
    'c.json:1:12: a closing brace } is expected',
  )
  t.is(
    failure(() => load('{} {}')),
    'c.json:1:4: nothing more is expected after the end of the config',
  )
  t.is(
    failure(() => load(' \n')),
    'c.json: the file is empty; a config is expected',
  )
  t.is(
    failure(() => load('[1]')),
    'c.json: must be an object { ... }, not [1]',
  )
  t.is(
    failure(() => load('['.repeat(200_000))),
    'c.json: nested too deeply for a config',
  )
})

/** A change of the small config, and the line it gives. */
const wrong: [changes: { [section: string]: unknown }, line: string][] = [
  [{ model_params: { n_heads: 'four' } }, 'model_params.n_heads: must be a whole number from 1 to 4096, not "four"'],
  [{ model_params: { n_heads: 3 } }, 'model_params.n_heads: 3 does not divide embed_dim 16'],
  [{ model_params: { n_layers: undefined } }, 'model_params.n_layers: missing; must be a whole number from 1 to 4096'],
  [{ model_params: { n_layers: 1.5 } }, 'model_params.n_layers: must be a whole number from 1 to 4096, not 1.5'],
  [{ model_params: { vocab_size: 1 } }, 'model_params.vocab_size: must be a whole number from 2 to 16777216, not 1'],
  [
    { model_params: { vocab_size: 2 ** 31 } },
    'model_params.vocab_size: must be a whole number from 2 to 16777216, not 2147483648',
  ],
  [{ model_params: { attn_length: 2 } }, 'model_params.attn_length: must be a whole number from 3 to 131072, not 2'],
  [{ model_params: { dropout: 1 } }, 'model_params.dropout: must be a number of at least 0 and below 1, not 1'],
  [{ model_params: { dropout: -0.1 } }, 'model_params.dropout: must be a number of at least 0 and below 1, not -0.1'],
  [
    { model_params: { embd_dropout: 'none' } },
    'model_params.embd_dropout: must be a number of at least 0 and below 1, not "none"',
  ],
  [{ model_params: { mlp_ratio: 0 } }, 'model_params.mlp_ratio: must be a number above 0, up to 64, not 0'],
  [
    { model_params: { mlp_ratio: 0.01 } },
    'model_params.mlp_ratio: 0.01 times embed_dim 16 is 0, which is no width for an MLP',
  ],
  [{ model_params: { n_head: 4 } }, 'model_params.n_head: unknown key; did you mean n_heads?'],
  [{ model_params: { lr: 4 } }, 'model_params.lr: does not belong here; it belongs in optim_params'],
  [{ training_params: { seed: 4 } }, 'training_params.seed: does not belong here; it belongs to the top level'],
  [{ optim_params: { warmup: 4 } }, 'optim_params.warmup: unknown key; did you mean warmup_steps?'],
  [{ optim_params: { lr: '1e-4' } }, 'optim_params.lr: must be a number above 0, not "1e-4"'],
  [{ optim_params: { warmup_steps: -1 } }, 'optim_params.warmup_steps: must be a whole number of at least 0, not -1'],
  [{ training_params: { batch_size: 0 } }, 'training_params.batch_size: must be a whole number of at least 1, not 0'],
  [{ training_params: { dataset_folder: '' } }, 'training_params.dataset_folder: must be a path in quotes, not ""'],
  [{ training_params: { backwards: 'yes' } }, 'training_params.backwards: must be true or false, not "yes"'],
  [
    { training_params: { cooldown_finish: 1.01 } },
    'training_params.cooldown_finish: must be a number from 0 to 1, not 1.01',
  ],
  [
    { training_params: { permutation: [0, 1, 2] } },
    'training_params.permutation: has 3 entries; it must list 0 to 7 (attn_length 8), each once',
  ],
  [
    { training_params: { permutation: [0, 1, 2, 3, 4, 5, 6, 6] } },
    'training_params.permutation: holds 6 twice; it must list 0 to 7 (attn_length 8), each once',
  ],
  [
    { training_params: { permutation: [0, 1, 2, 3, 4, 5, 6, 8] } },
    'training_params.permutation: holds 8; it must list 0 to 7 (attn_length 8), each once',
  ],
  [
    { training_params: { permutation: [0, -1] } },
    'training_params.permutation[1]: must be a whole number of at least 0, not -1',
  ],
  [
    { training_params: { permutation: true } },
    'training_params.permutation: must be a list of the whole numbers 0 to attn_length - 1, the name of an order as "middle_out", or null, not true',
  ],
  [
    { training_params: { permutation: 'midle_out' } },
    'training_params.permutation: there is no order "midle_out"; did you mean middle_out?',
  ],
  [
    { training_params: { permutation: 'uniform_random' } },
    'training_params.permutation: uniform_random needs a seed, as "uniform_random(3)"',
  ],
  [
    { training_params: { permutation: 'end_in(2)' } },
    'training_params.permutation: end_in takes no seed; write "end_in"',
  ],
  [
    { training_params: { permutation: 'random_chunk(1, 3)' } },
    'training_params.permutation: permutation random_chunk needs an attn_length that is a multiple of 3: 8 is not',
  ],
  [{ precision: 'fp16' }, 'precision: must be "fp32" or "bf16", not "fp16"'],
  [{ seed: -1 }, 'seed: must be a whole number of at least 0, not -1'],
  [{ model: 'gtp' }, 'model: must be "gpt", "gru" or "lstm", not "gtp"'],
  [{ model: null }, 'model: must be "gpt", "gru" or "lstm", not null'],
  [{ 'a\nb\u001b': 1 }, '"a\\nb\\u001b": unknown key; did you mean'],
  [{ optim_params: undefined }, 'optim_params: missing; must be an object { ... }'],
  [{ optim_params: 3 }, 'optim_params: must be an object { ... }, not 3'],
  [{ model_parms: {} }, 'model_parms: unknown key; did you mean model_params?'],
  [{ toString: 1 }, 'toString: unknown key; did you mean'],
]

for (const [changes, line] of wrong) {
  test(`refused: ${JSON.stringify(changes)}`, (t) => {
    const message = failure(() => load(configText(changes)))
    t.true(message.startsWith(`c.json: ${line}`), message)
    if (!line.endsWith('did you mean')) t.is(message, `c.json: ${line}`)
  })
}

test('a key named __proto__ is an unknown key', (t) => {
  const message = failure(() => load(configText().replace('"model_params":{', '"model_params":{"__proto__":{"a":1},')))
  t.regex(message, /^c\.json: model_params\.__proto__: unknown key; did you mean \w+\?$/)
})

test('of several problems the unknown keys come first, and --verbose shows all', (t) => {
  const text = configText({ model_params: { n_heads: undefined, n_head: 4 }, training_params: { batch_size: 0 } })
  const error = t.throws(() => load(text), { instanceOf: ConfigError })
  t.is(
    error.message,
    'c.json: model_params.n_head: unknown key; did you mean n_heads? (and 2 more; --verbose lists them)',
  )
  t.deepEqual(error.lines, [
    'c.json: model_params.n_head: unknown key; did you mean n_heads?',
    'c.json: model_params.n_heads: missing; must be a whole number from 1 to 4096',
    'c.json: training_params.batch_size: must be a whole number of at least 1, not 0',
  ])
  t.true(error.stack?.startsWith(`${error.lines.join('\n')}\n`))
})

test('a key that stands twice is noted', (t) => {
  const { config, notes } = load(configText().replace('"batch_size":4', '"batch_size":4,\n"batch_size":5'))
  t.is(config.training_params.batch_size, 5)
  t.deepEqual(notes, ['line 2: "batch_size" is given twice; the last counts'])
})

test('older names of keys are read', (t) => {
  const older = load(configText({ training_params: { state_save_loc: 'old' } }))
  t.is(older.config.training_params.save_loc, 'old')
  t.deepEqual(older.notes, [])

  const both = load(configText({ training_params: { state_save_loc: 'old', save_loc: 'new' } }))
  t.is(both.config.training_params.save_loc, 'new')
  t.deepEqual(both.notes, ['training_params.state_save_loc is ignored: save_loc is given too'])

  const desired = load(configText({ model_params: { attn_length: undefined, desired_attn_length: 8 } }))
  t.is(desired.config.model_params.attn_length, 8)
  t.is(load(configText({ model_params: { desired_attn_length: 8 } })).config.model_params.attn_length, 8)
  t.is(
    failure(() => load(configText({ model_params: { desired_attn_length: 16 } }))),
    'c.json: model_params.desired_attn_length: 16, but attn_length, which means the same, is 8; keep one of them',
  )
})

test('null of the older schedule says nothing', (t) => {
  const { config, given, notes } = load(configText({ optim_params: { lr_shrink: null, lr_init: null, lr_min: null } }))
  t.like(config.optim_params, { oscil_steps: null, lr_shrink: 1, lr_init: 1e-7, lr_min: 0 })
  t.false([...given].some((key) => key.includes('lr_')))
  t.deepEqual(notes, [])
})

/** Of the small config a GRU, by its key. */
const gru = { model: 'gru', model_params: { n_heads: undefined, n_layers: undefined } }

test('GRU and LSTM have keys and defaults of their own', (t) => {
  for (const model of ['gru', 'lstm']) {
    const { config } = load(configText({ ...gru, model }))
    t.is(config.model, model as never)
    t.deepEqual(config.model_params, {
      vocab_size: 300,
      n_layers: 1,
      embed_dim: 16,
      attn_length: 8,
      dropout: 0.1,
      embd_dropout: null,
    })
  }
  const { config } = load(configText({ model_params: gru.model_params }), [parseOverride('model=lstm')])
  t.is(config.model, 'lstm')
})

test('what GRU and LSTM do not have is told in one line', (t) => {
  const refused = (params: object, overrides: string[] = []) =>
    failure(() =>
      load(configText({ ...gru, model_params: { ...gru.model_params, ...params } }), overrides.map(parseOverride)),
    )
  const own = 'its keys are vocab_size, n_layers, embed_dim, attn_length, dropout and embd_dropout'
  t.is(
    refused({ n_heads: 4, mlp_ratio: 4 }),
    `c.json: model_params.n_heads: gru has no n_heads or mlp_ratio: take them out; ${own}`,
  )
  t.is(refused({ mlp_ratio: 4 }), `c.json: model_params.mlp_ratio: gru has no mlp_ratio: take it out; ${own}`)
  t.is(refused({}, ['n_heads=4']), `--set n_heads=4: gru has no n_heads: take it out; ${own}`)
  t.is(refused({ n_layer: 4 }), 'c.json: model_params.n_layer: unknown key; did you mean n_layers?')
  t.is(refused({ lr: 4 }), 'c.json: model_params.lr: does not belong here; it belongs in optim_params')
  t.is(
    refused({ embed_dim: undefined }),
    'c.json: model_params.embed_dim: missing; must be a whole number from 1 to 65536',
  )
  t.is(refused({ dropout: 1 }), 'c.json: model_params.dropout: must be a number of at least 0 and below 1, not 1')
  t.is(
    failure(() => load(configText(), [{ section: '', name: 'model', value: 'lstm', origin: '--model lstm' }])),
    `c.json: model_params.n_heads: lstm has no n_heads: take it out; ${own}`,
  )
})

test('a config of the original for GRU or LSTM asks which of them', (t) => {
  const text = configText({ model_params: { n_heads: undefined, attn_length: undefined, desired_attn_length: 8 } })
  t.is(
    failure(() => load(text)),
    'c.json: model: this config, with desired_attn_length and no n_heads, is for a GRU or LSTM: say which, by --model gru or --model lstm',
  )
  t.is(load(text, [parseOverride('model=gru')]).config.model_params.attn_length, 8)
})

test('--set replaces keys by bare name and by path', (t) => {
  const set = (...texts: string[]) => load(configText(), texts.map(parseOverride)).config
  t.is(set('batch_size=7').training_params.batch_size, 7)
  t.is(set('training_params.batch_size=7', 'batch_size=8').training_params.batch_size, 8)
  t.is(set('desired_attn_length=16').model_params.attn_length, 16)
  t.is(set('training_params.state_save_loc=a=b').training_params.save_loc, 'a=b')
  t.is(set('save_loc=2024').training_params.save_loc, '2024')
  t.is(set('tokenizer_path=null').training_params.tokenizer_path, null)
  t.deepEqual(set('permutation=[7,6,5,4,3,2,1,0]').training_params.permutation, [7, 6, 5, 4, 3, 2, 1, 0])
  t.is(set('permutation=middle_out').training_params.permutation, 'middle_out')
  t.is(set('precision=bf16', 'seed = 3').precision, 'bf16')
  t.is(load('{}'.replace('}', configText().slice(1)), [parseOverride('seed=9')]).config.seed, 9)
})

test('--set that cannot be read names itself', (t) => {
  const set = (text: string) => failure(() => load(configText(), [parseOverride(text)]))
  t.is(set('batch_sise=7'), '--set batch_sise=7: unknown key batch_sise; did you mean batch_size?')
  t.is(
    set('model_params.batch_size=7'),
    '--set model_params.batch_size=7: unknown key model_params.batch_size; did you mean training_params.batch_size?',
  )
  t.is(set('batch_size'), '--set batch_size: must be key=value, for example --set batch_size=4')
  t.is(set('=4'), '--set =4: must be key=value, for example --set batch_size=4')
  t.is(
    set('model_params={}'),
    '--set model_params={}: model_params is a section; name one of its keys, as model_params.key=value',
  )
  t.is(set('batch_size=many'), '--set batch_size=many: must be a whole number of at least 1, not "many"')
  t.is(set('lr=0'), '--set lr=0: must be a number above 0, not 0')
  t.is(set('model=rnn'), '--set model=rnn: must be "gpt", "gru" or "lstm", not "rnn"')
})

test('a value of --set is not blamed for a key with a longer name', (t) => {
  const message = failure(() => load(configText({ optim_params: { lr_init: -1 } }), [parseOverride('lr=1')]))
  t.is(message, 'c.json: optim_params.lr_init: must be a number of at least 0, not -1')
})

test('files that cannot be read', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'aot-config-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const io = (path: string) => failure(() => loadConfigFile(path), 'AOT_IO')
  t.is(io(join(folder, 'none.json')), `${folder}/none.json: no such file`)
  t.is(io(folder), `${folder}: is a folder; a config file is expected`)
  t.is(io('/dev/null'), '/dev/null: is not a file')
  const large = join(folder, 'large.json')
  writeFileSync(large, ' '.repeat(16 * 1024 * 1024 + 1))
  t.is(
    failure(() => loadConfigFile(large)),
    `${large}: too large for a config (over 16 MiB)`,
  )
  const good = join(folder, 'good.json')
  writeFileSync(good, configText())
  t.is(loadConfigFile(good).config.training_params.batch_size, 4)
})

test('a broken text gives one line, whatever is broken', (t) => {
  const blueprint = readFileSync('configs/blueprint.json', 'utf8')
  let state = 1
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  for (let i = 0; i < 400; i++) {
    const at = random(blueprint.length)
    const mutated = [
      blueprint.slice(0, at),
      blueprint.slice(0, at) + blueprint.slice(at + random(30)),
      `${blueprint.slice(0, at)}${String.fromCharCode(random(128))}${blueprint.slice(at + 1)}`,
      blueprint.replace(/\d+/g, (digits) => (random(8) === 0 ? `-${digits}e400` : digits)),
    ][i % 4] as string
    try {
      load(mutated)
    } catch (error) {
      t.true(error instanceof AotError && !error.message.includes('\n'), mutated)
    }
  }
})
