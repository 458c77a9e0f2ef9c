/** The command line of aot-generate. */
import yargs from 'yargs'
import { nearest } from '../config/nearest.js'
import { oneDevice, parseDevices } from '../devices/parse.js'
import { AotError } from '../errors.js'
import { packageVersion } from './version.js'

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

const text = { type: 'string', requiresArg: true } as const

const options = {
  device: { ...text, alias: 'd', describe: 'cpu, cuda:N, emulated or reference', defaultDescription: 'cpu' },
  prompt: { ...text, alias: 'p', describe: 'The text to complete; without it texts are asked for' },
  tokens: { ...text, alias: 'g', describe: 'Tokens to make', defaultDescription: '128' },
  temperature: { ...text, describe: '0: always the likeliest token', defaultDescription: '0.8' },
  'top-k': { ...text, describe: 'Draw from the k likeliest tokens; 0: from all', defaultDescription: '50' },
  seed: { ...text, describe: 'The same seed gives the same text [default: another one each time, told]' },
  samples: { ...text, alias: 'n', describe: 'Completions of the text, of seeds that follow', defaultDescription: '1' },
  json: { type: 'boolean', describe: 'A line of JSON for each completion' },
  verbose: { type: 'boolean', describe: 'On an error: the stack' },
} as const

const names = [...Object.keys(options), 'help', 'version']
const shortNames: Record<string, string> = { d: 'device', p: 'prompt', g: 'tokens', n: 'samples', h: 'help' }

/** null: --help or --version was printed. */
export async function parseGenerateArguments(words: readonly string[]): Promise<GenerateArguments | null> {
  let printed = ''
  const parsed: Record<string, unknown> = await yargs()
    .scriptName('aot-generate')
    .locale('en')
    .usage(
      '$0 <run or state> [options]\n\nCompletes a text with the model of a run: forwards after it, backwards before it, as the run was trained.\nWithout --prompt it asks for texts, and takes each line of its input as one.',
    )
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'populate--': false,
    })
    .options(options)
    .example('$0 runs/arrows-of-time/en-forward --prompt "Once upon a time"', '')
    .example('$0 runs/arrows-of-time/en-backward --prompt "happily ever after." -n 3', '')
    .help('help', 'Print this')
    .alias('h', 'help')
    .version('version', 'Print the version', packageVersion())
    .wrap(100)
    .fail((message, error) => {
      throw error instanceof AotError ? error : new AotError('AOT_CONFIG', missingValue(message))
    })
    .parse(words.map(withDashes), {}, (_error, _argv, output) => {
      printed = output
    })
  if (printed !== '') {
    process.stdout.write(`${printed}\n`)
    return null
  }
  const unknown = Object.keys(parsed).find((key) => !['_', '$0', ...names, ...Object.keys(shortNames)].includes(key))
  if (unknown !== undefined) {
    throw new AotError('AOT_CONFIG', `unknown option -${unknown}; aot-generate --help lists them`)
  }
  const [path, ...more] = parsed._ as string[]
  if (path === undefined || path === '') {
    throw new AotError('AOT_CONFIG', 'name a run or a state: aot-generate <run or state> (--help tells more)')
  }
  if (more.length > 0) {
    throw new AotError('AOT_CONFIG', `"${more[0]}" is one too many: a text is given as --prompt "..."`)
  }
  const given = (name: string) => single(parsed, name)
  return {
    path,
    device: oneDevice(parseDevices([given('device') ?? 'cpu'])),
    prompt: given('prompt') ?? null,
    tokens: whole('tokens', given('tokens') ?? '128', 1, 1_000_000),
    temperature: temperatureOf(given('temperature') ?? '0.8'),
    topK: whole('top-k', given('top-k') ?? '50', 0, 2 ** 31 - 1),
    seed: given('seed') === undefined ? null : whole('seed', given('seed') as string, 0, Number.MAX_SAFE_INTEGER),
    samples: whole('samples', given('samples') ?? '1', 1, 1_000_000),
    json: parsed.json === true,
  }
}

/** --top_k is --top-k. A value after = stays as it is. */
function withDashes(word: string): string {
  if (!word.startsWith('--')) return word
  const [name = ''] = word.split('=', 1)
  const dashed = `--${name.slice(2).replaceAll('_', '-')}`
  if (!names.includes(dashed.slice(2))) {
    throw new AotError('AOT_CONFIG', `unknown option ${name}; did you mean --${nearest(dashed.slice(2), names)}?`)
  }
  return `${dashed}${word.slice(name.length)}`
}

/** yargs says "Not enough arguments following: d". */
function missingValue(message: string): string {
  const name = /following: (\S+)$/.exec(message)?.[1]
  return name === undefined ? message : `--${shortNames[name] ?? name} needs a value`
}

function single(parsed: Record<string, unknown>, name: string): string | undefined {
  const values = parsed[name] === undefined ? [] : [parsed[name]].flat()
  if (values.length > 1) throw new AotError('AOT_CONFIG', `--${name} is given ${values.length} times; give it once`)
  return values[0] as string | undefined
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
