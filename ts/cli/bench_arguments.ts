/** The command line of aot-bench. */
import type { Peak, StepChoice } from '../bench/device_steps.js'
import { type Link, linkNames, linkOf } from '../bench/links.js'
import type { ScalingRequest } from '../bench/scaling_table.js'
import { type ShapeSet, shapeSets } from '../bench/shapes.js'
import { oneDevice, parseDevices } from '../devices/parse.js'
import { AotError } from '../errors.js'
import { type CommandLine, flag, type GivenOptions, parseOptions, text } from './options.js'

const works = ['ops', 'train', 'tokenize'] as const

export interface BenchArguments {
  work: (typeof works)[number]
  /** Config files or names of models; a folder of text. */
  words: string[]
  device: string
  /** Empty: both. */
  precisions: ('fp32' | 'bf16')[]
  /** null: all cores. */
  threads: number | null
  shapes: ShapeSet | null
  models: string[]
  ops: string[]
  /** null: what suits the work. */
  seconds: number | null
  steps: number
  tokenizer: string | null
  vocabSize: number
  megabytes: number
  peerMegabytes: number
  peers: boolean
  json: string | null
  csv: string | null
}

export interface ScalingArguments extends ScalingRequest, StepChoice {
  /** A file that --json wrote, or what a GPU can do at best. */
  from: string | Peak
  shapes: ShapeSet
  precisions: BenchArguments['precisions']
}

export type BenchRequest =
  | { kind: 'print'; text: string }
  | { kind: 'compare'; before: string; after: string }
  | { kind: 'scaling'; arguments: ScalingArguments }
  | { kind: 'bench'; arguments: BenchArguments }

const options = {
  device: { ...text, alias: 'd', describe: 'cpu, cuda:N or emulated', defaultDescription: 'cpu' },
  precision: { ...text, describe: 'fp32, bf16, or both with a comma', defaultDescription: 'fp32,bf16' },
  threads: { ...text, describe: 'Of the cpu', defaultDescription: 'all cores; tokenize: 1, and all; scaling: any' },
  shapes: {
    ...text,
    describe: `Models whose sizes are taken: ${Object.keys(shapeSets).join(', ')}`,
    defaultDescription: 'small on cpu, paper on cuda, tiny on emulated',
  },
  model: { ...text, describe: 'Only this model of the shapes; may be repeated' },
  op: { ...text, describe: 'ops: only ops with this in their names; may be repeated' },
  seconds: { ...text, describe: 'ops, tokenize: how long each is repeated', defaultDescription: '0.5, 3' },
  steps: { ...text, describe: 'train: steps that are timed, after two that are not', defaultDescription: '7' },
  tokenizer: { ...text, describe: 'tokenize: encode with the tokenizer of this folder and train none' },
  'vocab-size': { ...text, describe: 'tokenize: of the tokenizer that is trained', defaultDescription: '50257' },
  megabytes: { ...text, describe: 'tokenize: how much of each text is encoded', defaultDescription: '100' },
  'peer-megabytes': {
    ...text,
    describe: 'tokenize: how much of it peers get, and a tokenizer is trained on',
    defaultDescription: '20',
  },
  link: { ...text, describe: `scaling: what joins the devices: ${linkNames.join(', ')}` },
  bandwidth: { ...text, describe: 'scaling: GB/s each way, in place of what the link has' },
  latency: { ...text, describe: 'scaling: microseconds of a step of the ring, in place of what the link has' },
  devices: { ...text, describe: 'scaling: how many at most', defaultDescription: '64' },
  aggregate: { ...text, describe: 'scaling: minibatches of an optimizer step', defaultDescription: '1' },
  bucket: { ...text, describe: 'scaling: elements of a bucket', defaultDescription: '4 Mi, on cpu 1 Mi' },
  peak: { ...text, describe: 'scaling: TFLOP/s,GB/s of a GPU: bounds by arithmetic in place of a file' },
  peers: { ...flag, describe: 'Measure PyTorch, Hugging Face and others in the same run, where they are there' },
  json: { ...text, describe: 'Add the run to this file' },
  csv: { ...text, describe: 'Add a line for each row to this file' },
  compare: { ...flag, describe: 'What changed from a file that --json wrote to another, beyond noise' },
  verbose: { ...flag, describe: 'On an error: the stack' },
} as const

const line: CommandLine = {
  command: 'aot-bench',
  usage:
    '$0 ops|train|tokenize [options]\n$0 train config.json|MODEL... [options]\n$0 tokenize [folder] [options]\n$0 scaling train.json --link LINK [options]\n$0 --compare A.json B.json\n\nMeasures every op, whole training steps, or the tokenizer, beside what this device can do at best;\nreckons what several devices would make of such steps.',
  options,
  examples: [
    '$0 ops --op attention --precision bf16 --peers',
    '$0 train mini --json before.json',
    '$0 tokenize texts/ --peers',
    '$0 scaling before.json --model mini --link ethernet-25g',
  ],
}

/** @throws AotError AOT_CONFIG or AOT_DEVICE for what cannot be understood. */
export async function parseBenchArguments(given: readonly string[]): Promise<BenchRequest> {
  const parsed = await parseOptions(line, given)
  if (parsed.kind === 'print') return parsed
  const { options: values } = parsed
  if (values.isSet('compare')) return comparison(values.words)
  const [word, ...words] = values.words
  if (word === 'scaling') return { kind: 'scaling', arguments: scalingOf(words, values) }
  const work = works.find((known) => known === word)
  if (work === undefined) {
    const what = word === undefined ? 'what shall be measured?' : `"${word}" is nothing that it measures:`
    throw new AotError('AOT_CONFIG', `${what} aot-bench ops, train, tokenize or scaling (--help tells more)`)
  }
  if (work === 'ops' && words.length > 0) {
    throw new AotError('AOT_CONFIG', `"${words[0]}" is one too many: an op is named by --op, a model by --model`)
  }
  if (work === 'tokenize' && words.length > 1) {
    throw new AotError('AOT_CONFIG', `"${words[1]}" is one too many: aot-bench tokenize takes one folder`)
  }
  const seconds = values.single('seconds')
  return {
    kind: 'bench',
    arguments: {
      work,
      words,
      device: oneDevice(parseDevices([values.single('device') ?? 'cpu'])),
      precisions: precisionsOf(values.single('precision') ?? ''),
      threads: threadsOf(values),
      shapes: shapesOf(values),
      models: values.all('model'),
      ops: values.all('op'),
      seconds: seconds === undefined ? null : secondsOf(seconds),
      steps: whole('steps', values.single('steps') ?? '7', 1, 100_000),
      tokenizer: values.single('tokenizer') ?? null,
      vocabSize: whole('vocab-size', values.single('vocab-size') ?? '50257', 257, 1_000_000),
      megabytes: whole('megabytes', values.single('megabytes') ?? '100', 1, 1_000_000),
      peerMegabytes: whole('peer-megabytes', values.single('peer-megabytes') ?? '20', 1, 1_000_000),
      peers: values.isSet('peers'),
      json: values.single('json') ?? null,
      csv: values.single('csv') ?? null,
    },
  }
}

function scalingOf([file, ...more]: readonly string[], values: GivenOptions): ScalingArguments {
  const peak = values.single('peak')
  const from = peak === undefined ? file : peakOf(peak)
  if (from === undefined || more.length > 0 || (peak !== undefined && file !== undefined)) {
    throw new AotError('AOT_CONFIG', 'aot-bench scaling takes one file that train --json wrote, or --peak and none')
  }
  const bucket = values.single('bucket')
  return {
    from,
    shapes: shapesOf(values) ?? 'paper',
    models: values.all('model'),
    precisions: precisionsOf(values.single('precision') ?? ''),
    threads: threadsOf(values),
    link: linkFrom(values),
    devices: whole('devices', values.single('devices') ?? '64', 1, 1024),
    aggregate: whole('aggregate', values.single('aggregate') ?? '1', 1, 1_000_000),
    bucket: bucket === undefined ? null : whole('bucket', bucket, 1, 2 ** 40),
  }
}

function linkFrom(values: GivenOptions): Link {
  const given = values.single('link')
  const [bandwidth, latency] = [values.single('bandwidth'), values.single('latency')]
  const name = linkNames.find((known) => known === given)
  if (given !== undefined && name === undefined) {
    throw new AotError('AOT_CONFIG', `--link must be ${linkNames.join(', ')}, not "${given}"`)
  }
  if (name === undefined && bandwidth === undefined) {
    throw new AotError('AOT_CONFIG', 'what joins the devices? --link NAME, or --bandwidth GB/s and --latency µs')
  }
  const link = name === undefined ? { name: 'a link', bandwidth: 0, latency: 0 } : linkOf(name)
  return {
    ...link,
    ...(bandwidth === undefined ? {} : { bandwidth: amount('bandwidth', bandwidth, 1e-6) * 1e9 }),
    ...(latency === undefined ? {} : { latency: amount('latency', latency, 0) / 1e6 }),
  }
}

function peakOf(value: string): Peak {
  const [tflops, gbytes, ...more] = value.split(',')
  if (tflops === undefined || gbytes === undefined || more.length > 0) {
    throw new AotError('AOT_CONFIG', `--peak must be TFLOP/s,GB/s, such as 989,3350, not "${value}"`)
  }
  return { flops: amount('peak', tflops, 1e-6) * 1e12, bytes: amount('peak', gbytes, 1e-6) * 1e9 }
}

function comparison([before, after, ...more]: readonly string[]): BenchRequest {
  if (before === undefined || after === undefined || more.length > 0) {
    throw new AotError('AOT_CONFIG', '--compare takes two files: aot-bench --compare A.json B.json')
  }
  return { kind: 'compare', before, after }
}

function precisionsOf(value: string): BenchArguments['precisions'] {
  if (value === '') return []
  return value.split(',').map((name) => {
    if (name === 'fp32' || name === 'bf16') return name
    throw new AotError('AOT_CONFIG', `--precision must be fp32, bf16 or fp32,bf16, not "${value}"`)
  })
}

function threadsOf(values: GivenOptions): number | null {
  const threads = values.single('threads')
  return threads === undefined ? null : whole('threads', threads, 1, 1024)
}

function shapesOf(values: GivenOptions): ShapeSet | null {
  const name = values.single('shapes')
  if (name === undefined) return null
  if (Object.hasOwn(shapeSets, name)) return name as ShapeSet
  throw new AotError('AOT_CONFIG', `--shapes must be ${Object.keys(shapeSets).join(', ')}, not "${name}"`)
}

function whole(name: string, value: string, least: number, most: number): number {
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN
  if (number >= least && number <= most) return number
  throw new AotError('AOT_CONFIG', `--${name} must be a whole number from ${least} to ${most}, not "${value}"`)
}

function amount(name: string, value: string, least: number): number {
  const number = value.trim() === '' ? Number.NaN : Number(value)
  if (number >= least && number <= 1e9) return number
  throw new AotError('AOT_CONFIG', `--${name} must be a number from ${least} to 1000000000, not "${value}"`)
}

function secondsOf(value: string): number {
  const number = value.trim() === '' ? Number.NaN : Number(value)
  if (number > 0 && number <= 3600) return number
  throw new AotError('AOT_CONFIG', `--seconds must be a number above 0, up to 3600, not "${value}"`)
}
