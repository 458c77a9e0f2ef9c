/** The command line of aot-generate. */
import { oneDevice, parseDevices } from '../devices/parse.js'
import { AotError } from '../errors.js'
import { type CommandLine, flag, parseOptions, text } from './options.js'

export interface GenerateArguments {
  path: string
  device: string
  /** null: asked for. */
  prompt: string | null
  tokens: number
  temperature: number
  topK: number
  /** null: drawn. */
  seed: number | null
  samples: number
  json: boolean
}

const options = {
  device: { ...text, alias: 'd', describe: 'cpu, cuda:N, emulated or reference', defaultDescription: 'cpu' },
  prompt: { ...text, alias: 'p', describe: 'The text to complete; without it texts are asked for' },
  tokens: { ...text, alias: 'g', describe: 'Tokens to make', defaultDescription: '128' },
  temperature: { ...text, describe: '0: always the likeliest token', defaultDescription: '0.8' },
  'top-k': { ...text, describe: 'Draw from the k likeliest tokens; 0: from all', defaultDescription: '50' },
  seed: { ...text, describe: 'The same seed gives the same text [default: another one each time, told]' },
  samples: { ...text, alias: 'n', describe: 'Completions of the text, of seeds that follow', defaultDescription: '1' },
  json: { ...flag, describe: 'A line of JSON for each completion' },
  verbose: { ...flag, describe: 'On an error: the stack' },
} as const

const line: CommandLine = {
  command: 'aot-generate',
  usage:
    '$0 <run or state> [options]\n\nCompletes a text with the model of a run: forwards after it, backwards before it, as the run was trained.\nWithout --prompt it asks for texts, and takes each line of its input as one.',
  options,
  examples: [
    '$0 runs/arrows-of-time/en-forward --prompt "Once upon a time"',
    '$0 runs/arrows-of-time/en-backward --prompt "happily ever after." -n 3',
  ],
}

/** null: --help or --version was printed. */
export async function parseGenerateArguments(words: readonly string[]): Promise<GenerateArguments | null> {
  const parsed = await parseOptions(line, words)
  if (parsed.kind === 'print') {
    process.stdout.write(parsed.text)
    return null
  }
  const { options: given } = parsed
  const [path, ...more] = given.words
  if (path === undefined || path === '') {
    throw new AotError('AOT_CONFIG', 'name a run or a state: aot-generate <run or state> (--help tells more)')
  }
  if (more.length > 0) {
    throw new AotError('AOT_CONFIG', `"${more[0]}" is one too many: a text is given as --prompt "..."`)
  }
  const seed = given.single('seed')
  return {
    path,
    device: oneDevice(parseDevices([given.single('device') ?? 'cpu'])),
    prompt: given.single('prompt', true) ?? null,
    tokens: whole('tokens', given.single('tokens') ?? '128', 1, 1_000_000),
    temperature: temperatureOf(given.single('temperature') ?? '0.8'),
    topK: whole('top-k', given.single('top-k') ?? '50', 0, 2 ** 31 - 1),
    seed: seed === undefined ? null : whole('seed', seed, 0, Number.MAX_SAFE_INTEGER),
    samples: whole('samples', given.single('samples') ?? '1', 1, 1_000_000),
    json: given.isSet('json'),
  }
}

function whole(name: string, value: string, least: number, most: number): number {
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN
  if (number >= least && number <= most) return number
  throw new AotError('AOT_CONFIG', `--${name} must be a whole number from ${least} to ${most}, not "${value}"`)
}

function temperatureOf(value: string): number {
  const number = value.trim() === '' ? Number.NaN : Number(value)
  if (number >= 0 && Number.isFinite(number)) return number
  throw new AotError('AOT_CONFIG', `--temperature must be a number from 0 on, not "${value}"`)
}
