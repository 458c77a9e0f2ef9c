/** Comparisons as aot-arrow gives them, made up: curves that fall, an arrow that grows, nulls wherever they may be. */
import type { ArrowResult, ArrowRun, Interval, RunCurve, SeedResult, TokenSource } from '../../ts/arrow/types.js'
import { configSchemas, type Model } from '../../ts/config/schema.js'
import type { ResolvedConfig } from '../../ts/config/types.js'

export interface Wanted {
  name?: string
  cell?: ArrowResult['cell']
  seeds?: number
  /** Beside forward and backward, with how much harder they are. */
  others?: Record<string, number>
  model?: Model
  parameters?: number | null
  length?: number
  data?: string
  /** BW/FW - 1 at the end. */
  ratio?: number
  fw?: number
  steps?: number
  validations?: number
  /** Trained so far, as a part of `steps`. */
  done?: number
  tokenizer?: boolean
  sources?: boolean
  known?: boolean
  interval?: boolean
}

/** Numbers in [-1, 1), the same each time. */
export function noise(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  }
}

function configOf(model: Model, length: number, data: string, seed: number, backwards: boolean): ResolvedConfig {
  const shape = { vocab_size: 4096, n_layers: 4, embed_dim: 128, attn_length: length, dropout: 0 }
  const config = configSchemas[model].parse({
    model,
    precision: 'fp32',
    seed,
    model_params: model === 'gpt' ? { ...shape, n_heads: 4 } : shape,
    training_params: { dataset_folder: data, batch_size: 16, backwards, valid_steps: 32 },
    optim_params: { lr: 0.001, warmup_steps: 50 },
  })
  return { ...config, precision: 'fp32' }
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
const mean = (values: readonly number[]) => sum(values) / values.length

/** Letters that break pages which do not escape them. */
export const strangeTokens = [
  '<b>',
  '&amp;',
  '"\'>',
  '\n\n',
  ' the',
  '\u0007',
  '</script>',
  '\u202eabc',
  '',
  'ё',
  '日本',
  '\ud800',
]

function tokens(sign: 1 | -1, count: number, random: () => number): TokenSource[] {
  const words = [' of', ' the', ',', ' and', ' Congress', ' has', ' been', '.', ' United', ' States', ...strangeTokens]
  return Array.from({ length: count }, (_, index) => {
    const fw = 2 + random()
    const gain = sign * (0.3 + 0.2 * random())
    const text = words[(index + (sign > 0 ? 0 : 7)) % words.length] as string
    return {
      id: (sign > 0 ? 0 : 2000) + index,
      text,
      count: 900 - 31 * index,
      fw,
      bw: fw + gain,
      share: (sign * 0.0042) / (index + 1.5),
    }
  })
}

export function result(wanted: Wanted = {}): ArrowResult {
  const { seeds = 3, others = {}, model = 'gpt', length = 64, data = 'data/en.h5', ratio = 0.012, fw = 3.1 } = wanted
  const { steps = 2000, validations = 10, done = 1, tokenizer = true, sources = true, interval = true } = wanted
  const random = noise(17 + length + Math.round(ratio * 1e5) + model.length)
  const harder: Record<string, number> = { forward: 0, backward: ratio, ...others }
  const directions = Object.keys(harder)
  const numbers = Array.from({ length: seeds }, (_, seed) => seed)
  const loss = (direction: string, part: number) =>
    fw * (1 + (harder[direction] as number) * (0.25 + 0.75 * part)) +
    (8.3 - fw) * Math.exp(-9 * part) * (1 - part * 0.4)
  const last = Math.floor(steps * done)
  const curves = directions.flatMap((direction) =>
    numbers.map((seed): RunCurve => {
      const shift = 0.012 * random()
      const train = Array.from({ length: Math.floor(last / 5) + 1 }, (_, index): [number, number] => {
        const step = Math.max(1, index * 5)
        return [step, loss(direction, step / steps) + shift + 0.05 * random()]
      })
      const valid = Array.from({ length: Math.floor(validations * done) }, (_, index): [number, number] => {
        const step = Math.round(((index + 1) * steps) / validations)
        return [step, loss(direction, step / steps) + shift + 0.004 * random()]
      })
      return { direction, seed, train, valid }
    }),
  )
  const lossOf = (direction: string, seed: number, index: number) =>
    curves.find((curve) => curve.direction === direction && curve.seed === seed)?.valid[index]?.[1] as number
  const range = (difference: number, half: number): Interval | null =>
    interval
      ? {
          low: difference - half,
          high: difference + half,
          level: 0.95,
          over: seeds > 1 ? 'seeds and windows' : 'windows',
          blocks: 64,
        }
      : null
  const count = curves[0]?.valid.length ?? 0
  const training = Array.from({ length: count }, (_, index) => {
    const [forward, backward] = ['forward', 'backward'].map((direction) =>
      mean(numbers.map((seed) => lossOf(direction, seed, index))),
    ) as [number, number]
    const difference = backward - forward
    const step = curves[0]?.valid[index]?.[0] as number
    return {
      step,
      fw: forward,
      bw: backward,
      difference,
      ratio: backward / forward - 1,
      interval: range(difference, 0.02 - 0.001 * index),
    }
  })
  const bytes = (nats: number) => (tokenizer ? nats / Math.LN2 / 3.9 : null)
  const each = <Value>(value: (direction: string) => Value) =>
    Object.fromEntries(directions.map((name) => [name, value(name)]))
  const seedResults = numbers.map((seed): SeedResult => {
    const losses = each((direction) => lossOf(direction, seed, count - 1))
    const difference = (losses.backward as number) - (losses.forward as number)
    return {
      seed,
      losses,
      bits_per_byte: each((direction) => bytes(losses[direction] as number)),
      difference,
      interval: range(difference, 0.014),
    }
  })
  const losses = each((direction) => mean(seedResults.map((seed) => seed.losses[direction] as number)))
  const [forward, backward] = [losses.forward as number, losses.backward as number]
  const difference = backward - forward
  const spread = (values: readonly number[]) =>
    values.length < 2 ? null : Math.sqrt(sum(values.map((value) => (value - mean(values)) ** 2)) / (values.length - 1))
  const at = (difference: number) => ({
    difference,
    ratio: difference / forward,
    relative: difference / (forward + difference / 2),
  })
  const overall = range(difference, 0.011)
  const established = done >= 1 && seeds >= 3 && overall !== null && (overall.low > 0 || overall.high < 0)
  const parameters = wanted.parameters === undefined ? 1_872_384 : wanted.parameters
  const name = wanted.name ?? `${model}_${length}`
  return {
    format: 'arrows-of-time arrow 1',
    name,
    cell: wanted.cell ?? {},
    finished: done >= 1,
    established,
    verdict: `${established ? 'backward is harder' : 'sign not established'}: backward - forward ${difference.toFixed(4)} nats per token`,
    fw: forward,
    bw: backward,
    interval: overall,
    ...at(difference),
    bits_per_byte: tokenizer
      ? { fw: bytes(forward) as number, bw: bytes(backward) as number, difference: bytes(difference) as number }
      : null,
    seeds: seedResults,
    seed_spread: spread(seedResults.map((seed) => seed.difference)),
    directions,
    losses,
    others: Object.fromEntries(
      Object.keys(others).map((direction) => {
        const more = (losses[direction] as number) - forward
        const spreads = spread(
          seedResults.map((seed) => (seed.losses[direction] as number) - (seed.losses.forward as number)),
        )
        return [
          direction,
          { ...at(more), interval: range(more, 0.012), bits_per_byte: bytes(more), seed_spread: spreads },
        ]
      }),
    ),
    by_position: each((direction) =>
      Array.from(
        { length },
        (_, index) => (losses[direction] as number) - 0.3 + 4 / (index + 1) ** 0.8 + 0.05 * random(),
      ),
    ),
    curves,
    training,
    sources: sources
      ? {
          windows: 512,
          easier_forward: tokens(1, 20, random),
          easier_backward: tokens(-1, 20, random),
          fw_by_place: Array.from({ length }, (_, index) => forward - 0.3 + 4 / (index + 1) ** 0.8 + 0.03 * random()),
          bw_by_place: Array.from(
            { length },
            (_, index) => backward - 0.3 + 4 / (length - index) ** 0.8 + 0.03 * random(),
          ),
          examples: [
            example(
              'forward',
              ['The', ' President', ' of', ' the', ' United', ' States', ' <shall>', ' from', ' time', ' to', ' time'],
              5,
              random,
            ),
            example(
              'backward',
              [' it', ' was', '\n', ' not', ' &', ' the', ' Congress', ' "assembled"', ','],
              6,
              random,
            ),
          ],
        }
      : null,
    known: wanted.known
      ? { language: 'primes', floor: 1.04, facts: ['primes of 2 to 3 digits', '8,646 pairs & their products'] }
      : null,
    model: { kind: model, parameters, attn_length: length },
    data: { path: data, tokens: tokenizer ? 12_345_678 : null, windows: 4096 },
    version: '0.1.0',
    runs: ['forward', 'backward'].flatMap((direction) =>
      numbers.map((seed): ArrowRun => {
        const config = configOf(model, length, data, seed, direction === 'backward')
        return { direction, seed, folder: `runs/${name}/${direction}_${seed}`, step: last, config }
      }),
    ),
  }
}

function example(easier: 'forward' | 'backward', texts: string[], marked: number, random: () => number) {
  const sign = easier === 'forward' ? 1 : -1
  return {
    window: 17,
    easier,
    marked,
    tokens: texts.map((text, index) => ({ text, difference: index === marked ? sign * 4.2 : 2 * random() })),
  }
}

/** attn_length and model, two each. */
export function grid2x2(): ArrowResult[] {
  return [16, 64].flatMap((length) =>
    (['gpt', 'gru'] as const).map((model) =>
      result({
        name: `cell_${length}_${model}`,
        cell: { attn_length: length, model },
        model,
        length,
        parameters: model === 'gpt' ? 1_860_000 + 128 * length : 1_450_000,
        ratio: (model === 'gpt' ? 0.004 : 0.002) * Math.log2(length / 8),
      }),
    ),
  )
}

export function languages(): ArrowResult[] {
  const all = { en: 0.0076, fr: 0.0262, de: 0.015, xx: -0.001 }
  return Object.entries(all).map(([code, ratio]) =>
    result({ name: code, data: `data/${code}.h5`, cell: { dataset_folder: `data/${code}.h5` }, ratio, sources: false }),
  )
}

/** Nothing that may be null is anything else, and one validation. */
export function bare(): ArrowResult {
  return result({
    seeds: 1,
    validations: 1,
    tokenizer: false,
    sources: false,
    interval: false,
    parameters: null,
    steps: 40,
  })
}
