/** What the command lines have in common: how words become options, and what is said of those that are none. */
import yargs, { type Options } from 'yargs'
import { nearest } from '../config/nearest.js'
import { AotError } from '../errors.js'
import { packageVersion } from './version.js'

/** A value in words, as `--name value` or `--name=value`. */
export const text = { type: 'string', requiresArg: true } as const
export const flag = { type: 'boolean' } as const

export interface CommandLine {
  command: string
  usage: string
  /** By their long names. */
  options: Record<string, Options & { alias?: string }>
  examples: string[]
}

/** What was asked for: a text to print (--help, --version), or the options. */
export type Parsed = { kind: 'print'; text: string } | { kind: 'options'; options: GivenOptions }

/** @throws AotError AOT_CONFIG naming the option that cannot be understood, and the nearest one. */
export async function parseOptions(line: CommandLine, words: readonly string[]): Promise<Parsed> {
  const { command, usage, options, examples } = line
  const names = [...Object.keys(options), 'help', 'version']
  const shortNames = new Map(
    Object.entries(options).flatMap(([name, { alias }]) => (alias === undefined ? [] : [[alias, name]])),
  )
  // yargs says "Not enough arguments following: d".
  const explain = (message: string) => {
    const name = /following: (\S+)$/.exec(message)?.[1]
    return name === undefined ? message : `--${shortNames.get(name) ?? name} needs a value`
  }
  let printed = ''
  const parser = yargs()
    .scriptName(command)
    .locale('en')
    .usage(usage)
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'populate--': false,
    })
    .options(options)
    .help('help', 'Print this')
    .alias('h', 'help')
    .version('version', 'Print the version', packageVersion())
    .wrap(100)
    .fail((message, error) => {
      throw error instanceof AotError ? error : new AotError('AOT_CONFIG', explain(message))
    })
  for (const example of examples) parser.example(example, '')
  const values: Record<string, unknown> = await parser.parse(
    plainWords(line, names, words),
    {},
    (_error, _argv, output) => {
      printed = output
    },
  )
  if (printed !== '') return { kind: 'print', text: `${printed}\n` }
  const unknown = Object.keys(values).find((key) => !['_', '$0', 'h', ...names, ...shortNames.keys()].includes(key))
  if (unknown !== undefined) {
    throw new AotError('AOT_CONFIG', `unknown option -${unknown}; ${command} --help lists them`)
  }
  return { kind: 'options', options: new GivenOptions(values) }
}

/**
 * The words as yargs takes them: --project_name becomes --project-name, -dcpu and -d=cpu become -d cpu.
 * Unknown long options are refused here, before yargs meets a --constructor.
 */
function plainWords({ options }: CommandLine, names: string[], words: readonly string[]): string[] {
  const shorts = Object.values(options).flatMap(({ alias, type }) => (type === 'string' && alias ? [alias] : []))
  const short = new RegExp(`^(-[${shorts.join('')}])(?:=(.*)|([^=].*))$`, 's')
  const end = words.indexOf('--')
  const before = end < 0 ? words : words.slice(0, end)
  const plain = before.flatMap((word) => {
    if (word.startsWith('--')) {
      const [typed] = word.split('=', 1) as [string]
      const name = typed.slice(2).replaceAll('_', '-')
      if (!names.includes(name)) {
        throw new AotError('AOT_CONFIG', `unknown option ${typed}; did you mean --${nearest(name, names)}?`)
      }
      return [`--${name}${word.slice(typed.length)}`]
    }
    const [, letter, value] = short.exec(word)?.filter((part) => part !== undefined) ?? []
    return letter === undefined || value === undefined ? [word] : [letter, value]
  })
  return [...plain, ...words.slice(before.length)]
}

/** The options of a command line, by their long names. */
export class GivenOptions {
  constructor(private readonly values: Record<string, unknown>) {}

  /** What is no option. */
  get words(): string[] {
    return this.values._ as string[]
  }

  all(name: string): string[] {
    const value = this.values[name]
    return value === undefined ? [] : ([value].flat() as string[])
  }

  /** @throws AotError AOT_CONFIG when it is given several times, or empty where it may not be. */
  single(name: string, mayBeEmpty = false): string | undefined {
    const values = this.all(name)
    if (values.length > 1) throw new AotError('AOT_CONFIG', `--${name} is given ${values.length} times; give it once`)
    if (values[0] === '' && !mayBeEmpty) throw new AotError('AOT_CONFIG', `--${name} needs a value`)
    return values[0]
  }

  /** A whole number from 1 to 1024. @throws AotError AOT_CONFIG when it is none. */
  count(name: string): number | undefined {
    const value = this.single(name)
    if (value === undefined) return undefined
    const number = Number(value)
    if (/^\d+$/.test(value) && number >= 1 && number <= 1024) return number
    throw new AotError('AOT_CONFIG', `--${name}: must be a whole number from 1 to 1024, not ${value}`)
  }

  isSet(name: string): boolean {
    return this.all(name).some(Boolean)
  }
}
