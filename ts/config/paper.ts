/**
 * The experiments of the paper (arXiv 2401.17505), one config each: what configs/paper/ holds, written by
 * bin/write-configs.js.
 *
 * The facts are those of the original's config files. Where these hold several generations of one experiment the later
 * one counts: context lengths as refined after the first submission (the first ones only where there was no refinement:
 * English 256 and 512; French 256 is the French of `languages`), permutations and FW+BW as in the last series (100 x 2
 * windows, 400,000 minibatches a direction), German GRU and LSTM with 3 layers. Trials and templates are left out. The
 * facts tell no window of GRU and LSTM: they take the 256 tokens of all else.
 *
 * The first generation validated on valid_steps x 250 windows whatever the batch, so val_batch_size is 250 everywhere.
 */
import type { ConfigInput, Model } from './types.js'

interface Experiment {
  family: string
  /** File name without .json, and so the name of the run; a pair gets _forward and _backward. */
  name: string
  /** The folder of text in data/, and so the token file and tokenizer that aot-tokenize makes of it. */
  text: string
  model: Model
  shape: Shape
  /** batch_size and aggregate. */
  batch: readonly [number, number]
  optim: ConfigInput['optim_params']
  /** A permutation by name, or these. */
  order: string | 'pair' | 'fwbw'
  steps?: number
}

interface Shape {
  n_layers: number
  n_heads?: number
  embed_dim: number
  attn_length: number
  dropout: number
}

const gpt = (n_layers: number, n_heads: number, embed_dim: number, attn_length = 256): Shape => {
  return { n_layers, n_heads, embed_dim, attn_length, dropout: 0.1 }
}
const rnn = (n_layers: number, embed_dim: number): Shape => ({ n_layers, embed_dim, attn_length: 256, dropout: 0 })

const medium = (attnLength = 256) => gpt(24, 16, 1024, attnLength)
const xl = gpt(48, 25, 1600)

/** The older schedule: cosine with warm restarts. */
const restarts = (warmup_steps: number, oscil_steps: number, lr_shrink: number) => {
  return { lr: 1e-4, warmup_steps, oscil_steps, lr_shrink, lr_init: 1e-7, lr_min: 1e-6 }
}
const usual = restarts(4000, 300_000, 0.85)
const refined = restarts(5000, 300_000, 0.95)
const xlRestarts = restarts(8000, 540_000, 0.85)
const cooldown = { lr: 1e-4, warmup_steps: 5000 }

const pair = (experiment: Omit<Experiment, 'order'>): Experiment => ({ ...experiment, order: 'pair' })

/** Texts by the code of their language; _R is the text reversed. */
const languages: [text: string, batch: readonly [number, number]][] = [
  ...['en', 'fr', 'de', 'fi', 'tr', 'vi', 'id', 'ar', 'he'].map((text): [string, [number, number]] => [text, [90, 2]]),
  ['el', [90, 1]],
  ['tl', [85, 2]],
  ['fr_R', [85, 2]],
  ['el_R', [90, 1]],
]

const smallBatch = { en: [250, 1], fr: [200, 1] } as const
const smallRestarts = { en: restarts(4000, 200_000, 0.85), fr: usual }
type Sized = [size: string, shape: Shape, batch: readonly [number, number], optim: ConfigInput['optim_params']]
const sizes = (text: 'en' | 'fr'): Sized[] => [
  ['nano', gpt(3, 3, 48), smallBatch[text], smallRestarts[text]],
  ['micro', gpt(4, 4, 128), smallBatch[text], smallRestarts[text]],
  ['mini', gpt(6, 6, 192), smallBatch[text], smallRestarts[text]],
  ['small', gpt(10, 10, 380), smallBatch[text], smallRestarts[text]],
  ['gpt1', gpt(12, 12, 768), [180, 1], usual],
  ['medium', medium(), [90, 2], usual],
  ['XL', xl, [25, 7], xlRestarts],
]

type Context = [attnLength: number, batch: readonly [number, number], optim: ConfigInput['optim_params']]
const contexts = (text: 'en' | 'fr'): Context[] => [
  ...[4, 8, 16, 24, 32, 48].map((attnLength): Context => [attnLength, [500, 1], refined]),
  [64, [250, 2], refined],
  [96, [250, 2], refined],
  [128, text === 'en' ? [250, 2] : [166, 3], refined],
  text === 'en' ? [256, [220, 1], restarts(4000, 240_000, 0.8)] : [256, [90, 2], usual],
  [512, [78, 2], usual],
]

type Recurrent = [text: string, size: string, shape: Shape, batch: number, optim: ConfigInput['optim_params']]
const recurrent: Recurrent[] = [
  ['en', 'small', rnn(1, 256), 200, usual],
  ['en', 'med', rnn(3, 512), 250, usual],
  ['en', 'big', rnn(5, 768), 250, usual],
  ['fr', 'small', rnn(1, 256), 200, usual],
  ['fr', 'med', rnn(3, 512), 250, restarts(4000, 200_000, 0.85)],
  ['fr', 'big', rnn(5, 768), 250, restarts(4000, 200_000, 0.85)],
  ['de', 'med', rnn(3, 512), 250, usual],
]

const orders: [name: string, order: string][] = [
  ...[
    ...['forward', 'backward', 'middle_out', 'end_in', 'even_odd', 'odd_even'],
    ...['half_back_forward', 'half_forward_back'],
    ...['quarter_middle_out_interleave', 'quarter_middle_out_concat'],
    ...['quarter_end_in_interleave', 'quarter_end_in_concat'],
  ].map((order): [string, string] => [order, order]),
  ...[0, 5].map((seed): [string, string] => [`random_chunk_${seed}`, `random_chunk(${seed}, 8)`]),
  ...[0, 5, 10, 15].map((seed): [string, string] => [`uniform_random_${seed}`, `uniform_random(${seed})`]),
]

const fwbw = { family: 'fwbw', text: 'fr', model: 'gpt', optim: cooldown } as const

const experiments: Experiment[] = [
  ...languages.map(([text, batch]) =>
    pair({ family: 'languages', name: text, text, model: 'gpt', shape: medium(), batch, optim: usual }),
  ),
  ...(['en', 'fr'] as const).flatMap((text) =>
    sizes(text).map(([size, shape, batch, optim]) =>
      pair({ family: 'model_sizes', name: `${text}_${size}`, text, model: 'gpt', shape, batch, optim }),
    ),
  ),
  ...(['en', 'fr'] as const).flatMap((text) =>
    contexts(text).map(([attnLength, batch, optim]) => {
      const name = `${text}_context_${attnLength}`
      return pair({ family: 'context_lengths', name, text, model: 'gpt', shape: medium(attnLength), batch, optim })
    }),
  ),
  ...(['gru', 'lstm'] as const).flatMap((model) =>
    recurrent.map(([text, size, shape, batch, optim]) =>
      pair({ family: model, name: `${text}_${model}_${size}`, text, model, shape, batch: [batch, 1], optim }),
    ),
  ),
  ...orders.map(([name, order]): Experiment => {
    const of = { model: 'gpt', shape: medium(), batch: [100, 2], optim: cooldown, steps: 400_000 } as const
    return { family: 'permutations', name, text: 'fr', order, ...of }
  }),
  // As many minibatches of each direction as the forward and the backward of `permutations`.
  { ...fwbw, name: 'fr_fwbw', shape: medium(), batch: [100, 2], order: 'fwbw', steps: 800_000 },
  { ...fwbw, name: 'fr_fwbw_512', shape: medium(512), batch: [90, 2], order: 'fwbw' },
  { ...fwbw, name: 'fr_single_512', shape: medium(512), batch: [60, 3], order: 'pair' },
  ...['1', '2', '3', '4', '1_R', '2_R', '3_R', '4_R'].map((variant) => {
    const text = `dna_${variant}`
    return pair({ family: 'dna', name: text, text, model: 'gpt', shape: medium(), batch: [88, 2], optim: usual })
  }),
  ...['en', 'fr', 'de', 'fi', 'tr', 'el', 'vi', 'id'].map((text) => {
    const of = { model: 'gpt', shape: xl, batch: [25, 7], optim: xlRestarts } as const
    return pair({ family: 'xl', name: `${text}_XL`, text, ...of })
  }),
  pair({
    family: 'big_english',
    name: 'en_big',
    text: 'en',
    model: 'gpt',
    shape: gpt(28, 24, 3072),
    batch: [60, 3],
    optim: refined,
    steps: 380_000,
  }),
]

/** The tokenizers of all experiments. */
const vocabSize = 50257

/** The configs, by their paths in configs/paper/. */
export function paperConfigs(): Map<string, ConfigInput> {
  return new Map(experiments.flatMap((experiment) => directions(experiment).map((one) => configOf(experiment, ...one))))
}

type Reading = Pick<ConfigInput['training_params'], 'backwards' | 'permutation'>

function directions({ name, order }: Experiment): [name: string, reading: Reading][] {
  if (order === 'fwbw') return [[name, { backwards: null }]]
  if (order !== 'pair') return [[name, { permutation: order }]]
  return [
    [`${name}_forward`, { backwards: false }],
    [`${name}_backward`, { backwards: true }],
  ]
}

function configOf(experiment: Experiment, name: string, reading: Reading): [path: string, config: ConfigInput] {
  const { family, text, model, shape, batch, optim, steps } = experiment
  const config = {
    $schema: '../../config.schema.json',
    model,
    model_params: { vocab_size: vocabSize, ...shape },
    training_params: {
      dataset_folder: `data/${text}_h5/${text}.h5`,
      tokenizer_path: `tokenizers/${text}_tokenizer`,
      batch_size: batch[0],
      aggregate: batch[1],
      ...reading,
      steps_to_train: steps ?? null,
      valid_steps: 1000,
      val_batch_size: 250,
      save_loc: 'runs',
    },
    optim_params: optim,
  }
  return [`${family}/${name}.json`, config as ConfigInput]
}
