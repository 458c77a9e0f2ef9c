/** The section `synth` of a config: what it fills in, and what it does not stand beside. */
import test from 'ava'
import { type LoadedConfig, parseConfig } from '../../ts/config/load.js'
import { type Override, parseOverride } from '../../ts/config/overrides.js'
import { ConfigError } from '../../ts/config/problems.js'

type Section = Record<string, unknown>

interface Changes {
  synth?: unknown
  model?: Section
  training?: Section
  top?: Section
  overrides?: Override[]
}

function load({ synth = { language: 'primes' }, model, training, top, overrides }: Changes = {}): LoadedConfig {
  const config = {
    synth,
    model_params: { n_layers: 1, n_heads: 1, embed_dim: 8, ...model },
    training_params: { batch_size: 64, backwards: false, ...training },
    optim_params: { lr: 0.001, warmup_steps: 10 },
    ...top,
  }
  return parseConfig(JSON.stringify(config), 'c.json', overrides)
}

function problems(changes: Changes): readonly string[] {
  try {
    load(changes)
  } catch (error) {
    if (error instanceof ConfigError) return error.lines
    throw error
  }
  return []
}

test('what the language decides is filled in', (t) => {
  const { config, notes } = load()
  t.deepEqual(config.synth, { language: 'primes', seed: 0, train: 12_854, valid: 512, min_digits: 2, max_digits: 3 })
  t.is(config.split, 'contiguous')
  t.is(config.model_params.vocab_size, 13)
  t.is(config.model_params.attn_length, 14)
  const { dataset_folder, tokenizer_path, stride, valid_steps, val_batch_size } = config.training_params
  t.regex(dataset_folder, /^synth\/primes-[0-9a-f]{8}$/)
  t.is(tokenizer_path, `${dataset_folder}/tokenizer`)
  t.deepEqual({ stride, valid_steps, val_batch_size }, { stride: 14, valid_steps: 8, val_batch_size: 64 })
  t.deepEqual(notes, [])
})

test('a config without a language is not touched', (t) => {
  t.deepEqual(problems({ top: { synth: undefined } }), [
    'c.json: model_params.vocab_size: missing; must be a whole number from 2 to 16777216',
    'c.json: model_params.attn_length: missing; must be a whole number from 3 to 131072',
    'c.json: training_params.dataset_folder: missing; must be a path in quotes',
  ])
})

test('as resolved it is the same config again, of any model', (t) => {
  for (const language of ['primes', 'circuits', 'copy', 'reversible']) {
    const { config } = load({ synth: { language } })
    t.deepEqual(parseConfig(JSON.stringify(config), 'again.json').config, config)
  }
  const rnn = { synth: { language: 'copy' }, model_params: { embed_dim: 8 } }
  t.is(load({ top: { model: 'gru', ...rnn } }).config.model_params.attn_length, 28)
})

test('a longer window holds more examples', (t) => {
  const { config } = load({ model: { attn_length: 56 } })
  t.is(config.training_params.stride, 56)
  t.is(config.synth?.train, 11_696)
  t.is(config.synth?.valid, 1668)
  t.is((config.training_params.valid_steps as number) * (config.training_params.val_batch_size as number), 417)
})

test('other options, other folders', (t) => {
  const folder = (changes: Changes) => load(changes).config.training_params.dataset_folder
  const folders = [
    folder({}),
    folder({ synth: { language: 'primes', seed: 1 } }),
    folder({ synth: { language: 'primes', train: 12_000 } }),
    folder({ model: { attn_length: 28 } }),
    folder({ synth: { language: 'primes', max_digits: 4 } }),
    folder({ synth: { language: 'primes', train: 1000, valid: 100 } }),
    folder({ synth: { language: 'primes', train: 1000, valid: 100 }, model: { attn_length: 28 } }),
  ]
  t.is(new Set(folders).size, folders.length)
  t.is(folder({ synth: { valid: 512, language: 'primes', seed: 0 } }), folders[0] as string, 'the same, said at length')
  t.is(folder({ training: { dataset_folder: 'here' } }), 'here')
  t.is(load({ training: { dataset_folder: 'here' } }).config.training_params.tokenizer_path, 'here/tokenizer')
})

test('what is given and agrees is kept', (t) => {
  const training = {
    dataset_folder: 'd',
    tokenizer_path: null,
    stride: 14,
    valid_steps: 16,
    val_batch_size: 32,
  }
  const { config } = load({ training, model: { vocab_size: 13, attn_length: 14 }, top: { split: 'contiguous' } })
  t.like(config.training_params, training)
  t.is(load({ training: { valid_steps: 4 } }).config.training_params.val_batch_size, 128)
  t.is(load({ training: { val_batch_size: 128 } }).config.training_params.valid_steps, 4)
  t.is(load({ training: { stride: null } }).config.training_params.stride, 14)
  // 48 does not divide 512.
  t.like(load({ training: { batch_size: 48 } }).config.training_params, { valid_steps: 16, val_batch_size: 32 })
})

test('what contradicts the language is told with both values', (t) => {
  t.deepEqual(problems({ model: { vocab_size: 300 } }), [
    'c.json: model_params.vocab_size: 300, but primes has 12 characters beside <|endoftext|>: take it out, or make it 13',
  ])
  t.deepEqual(problems({ model: { attn_length: 64 } }), [
    'c.json: model_params.attn_length: 64, but a window holds whole examples, and one of primes has 14 tokens: take it out, or make it a multiple of 14',
  ])
  t.deepEqual(problems({ training: { stride: 7, tokenizer_path: 'mine', dataset_folder: 'd' } }), [
    'c.json: training_params.stride: 7, but windows hold whole examples: take it out, or make it 14',
    'c.json: training_params.tokenizer_path: "mine", but the data has its own tokenizer: take it out, or make it "d/tokenizer"',
  ])
  t.deepEqual(problems({ top: { split: 'shuffled' } }), [
    'c.json: split: "shuffled", but the examples for validation are the last ones: take it out, or make it "contiguous"',
  ])
  t.deepEqual(problems({ training: { valid_steps: 8, val_batch_size: 60 } }), [
    'c.json: training_params.val_batch_size: 60, but synth makes 512 windows for validation: take it out, or make it 64',
  ])
  for (const key of ['valid_steps', 'val_batch_size']) {
    t.deepEqual(problems({ training: { [key]: 60 } }), [
      `c.json: training_params.${key}: 60, but synth makes 512 windows for validation, of which it is no divisor: take it out, or make it one`,
    ])
  }
  t.deepEqual(problems({ training: { dataset_folder: 'data/text.h5' } }), [
    'c.json: training_params.dataset_folder: "data/text.h5", but synth makes a folder: take it out, or name a folder',
  ])
})

test('mistakes in the section', (t) => {
  const mistakes: [unknown, string][] = [
    ['primes', 'synth: must be an object { "language": ..., ... } with its options, not "primes"'],
    [{}, 'synth.language: missing; must be "primes", "circuits", "copy" or "reversible"'],
    [{ language: 'prime' }, 'synth.language: must be "primes", "circuits", "copy" or "reversible", not "prime"'],
    [{ language: 'primes', max_digit: 3 }, 'synth.max_digit: unknown key; did you mean max_digits?'],
    [
      { language: 'primes', bits: 3 },
      'synth.bits: primes has no such key: take it out; its keys are language, seed, train, valid, min_digits and max_digits',
    ],
    [{ language: 'primes', max_digits: 8 }, 'synth.max_digits: must be a whole number from 1 to 7, not 8'],
    [{ language: 'circuits', order: 'zx' }, 'synth.order: must be "xy" or "yx", not "zx"'],
    [{ language: 'copy', train: 0 }, 'synth.train: must be a whole number of at least 1, not 0'],
    [{ language: 'primes', min_digits: 4 }, 'synth: min_digits 4 is above max_digits 3: lower it'],
    [
      { language: 'primes', valid: 13_366 },
      'synth: primes with these options can give 13,366 examples, too few for 0 to train on and 13,366 to validate on in windows of 1: lower train or valid, or make the language larger',
    ],
  ]
  for (const [synth, line] of mistakes) t.is(problems({ synth })[0], `c.json: ${line}`)
})

test('keys of the section on the command line', (t) => {
  const overrides = ['synth.seed=3', 'max_digits=2', 'synth.min_digits=1', 'synth.valid=30'].map(parseOverride)
  const { config } = load({ overrides })
  t.deepEqual(config.synth, { language: 'primes', seed: 3, train: 270, valid: 30, min_digits: 1, max_digits: 2 })
  t.is(config.model_params.attn_length, 10)
  t.is(config.seed, 0)
  t.deepEqual(problems({ overrides: [parseOverride('attn_length=15')] }), [
    '--set attn_length=15: 15, but a window holds whole examples, and one of primes has 14 tokens: take it out, or make it a multiple of 14',
  ])
  t.throws(() => parseOverride('synth=3'), { message: /synth is a section; name one of its keys/ })
})

test('values of a wrong kind are told as ever', (t) => {
  t.deepEqual(problems({ model: { attn_length: 'x' } }).slice(0, 2), [
    'c.json: model_params.vocab_size: missing; must be a whole number from 2 to 16777216',
    'c.json: model_params.attn_length: must be a whole number from 3 to 131072, not "x"',
  ])
  t.deepEqual(problems({ training: { batch_size: -1 } }), [
    'c.json: training_params.batch_size: must be a whole number of at least 1, not -1',
  ])
  t.deepEqual(problems({ top: { model_params: 3 } })[0], 'c.json: model_params: must be an object { ... }, not 3')
})
