/** The command line of aot-synth: the keys of a config's section `synth`, with dashes. */
import { nearest } from '../config/nearest.js'
import { show } from '../config/problems.js'
import { type LanguageName, languageNames, type SynthSection, synthSchemas } from '../config/synth.js'
import { AotError } from '../errors.js'
import { type CommandLine, flag, type GivenOptions, parseOptions, text } from './options.js'

export interface SynthArguments {
  section: SynthSection
  folder: string
  /** Examples in a window. */
  perWindow: number
  force: boolean
}

export type SynthRequest = { kind: 'make'; arguments: SynthArguments } | { kind: 'print'; text: string }

const command = 'aot-synth'

/** What the schema says of a key. */
interface Key {
  name: string
  description: string
  byDefault: unknown
}

function keysOf(language: LanguageName): Key[] {
  return Object.entries(synthSchemas[language].shape)
    .filter(([name]) => name !== 'language')
    .map(([name, schema]) => ({
      name,
      description: schema.description ?? '',
      byDefault: schema.safeParse(undefined).data,
    }))
}

const optionOf = (key: string) => key.replaceAll('_', '-')

/** By option: what it means for which language; those that all have first. */
function languageOptions(): CommandLine['options'] {
  const meanings = new Map<string, { languages: LanguageName[]; key: Key }[]>()
  for (const language of languageNames) {
    for (const key of keysOf(language)) {
      const known = meanings.get(optionOf(key.name)) ?? []
      const same = known.find((one) => one.key.description === key.description && one.key.byDefault === key.byDefault)
      if (same === undefined) known.push({ languages: [language], key })
      else same.languages.push(language)
      meanings.set(optionOf(key.name), known)
    }
  }
  const describe = ({ languages, key }: { languages: LanguageName[]; key: Key }) => {
    const of = languages.length === languageNames.length ? '' : `${languages.join(', ')}: `
    const byDefault = key.byDefault === null ? '' : ` [default: ${key.byDefault}]`
    return `${of}${key.description.replace('null: ', 'default: ').replace(/\.$/, '')}${byDefault}`
  }
  return Object.fromEntries(
    [...meanings].map(([name, known]) => [name, { ...text, describe: known.map(describe).join('; ') }]),
  )
}

const line: CommandLine = {
  command,
  usage:
    '$0 <language> <folder> [options]\n\nMakes a synthetic language (primes, circuits, or the controls copy and reversible) as a new folder:\n' +
    '  tokens.h5     examples for training, then those for validation\n' +
    '  tokenizer/    its characters, as Hugging Face writes a tokenizer\n' +
    '  synth.json    what it was made from, and the least loss that it allows\n' +
    '  config.json   a config for aot-train and aot-arrow\n' +
    'docs/synth.md tells what each language is for.',
  options: {
    ...languageOptions(),
    window: { ...text, describe: 'Examples in a window', defaultDescription: '1' },
    force: { ...flag, describe: 'Replace what aot-synth made in the folder with other options' },
    verbose: { ...flag, describe: 'On an error: the stack' },
  },
  examples: [
    '$0 primes data/primes',
    '$0 circuits data/circuits --bits 20 --nonzeros 36 --order yx',
    '$0 reversible data/control --train 20000 --seed 1',
  ],
}

/** @throws AotError AOT_CONFIG for what cannot be understood. */
export async function parseSynthArguments(words: readonly string[]): Promise<SynthRequest> {
  const parsed = await parseOptions(line, words)
  if (parsed.kind === 'print') return parsed
  const given = parsed.options
  const [name, folder, ...more] = given.words
  if (name === undefined) {
    throw new AotError('AOT_CONFIG', `name a language and a folder: ${command} primes data/primes (--help tells more)`)
  }
  const language = languageNames.find((one) => one === name)
  if (language === undefined) {
    throw new AotError(
      'AOT_CONFIG',
      `there is no language ${show(name)}; did you mean ${nearest(name, languageNames)}?`,
    )
  }
  if (folder === undefined || folder === '') {
    throw new AotError('AOT_CONFIG', `name the folder to make: ${command} ${language} data/${language}`)
  }
  if (more.length > 0) {
    throw new AotError('AOT_CONFIG', `one language and one folder, not ${show(more[0])} too`)
  }
  return {
    kind: 'make',
    arguments: {
      section: sectionOf(language, given),
      folder,
      perWindow: count(given, 'window') ?? 1,
      force: given.isSet('force'),
    },
  }
}

function sectionOf(language: LanguageName, given: GivenOptions): SynthSection {
  const own = keysOf(language).map(({ name }) => name)
  const values: Record<string, unknown> = { language }
  for (const option of Object.keys(languageOptions())) {
    const value = given.single(option)
    if (value === undefined) continue
    const key = own.find((name) => optionOf(name) === option)
    if (key === undefined) {
      throw new AotError(
        'AOT_CONFIG',
        `--${option}: ${language} has no such option; it has ${own.map(optionOf).join(', ')}`,
      )
    }
    values[key] = /^\d+$/.test(value) ? Number(value) : value
  }
  const { data, error } = synthSchemas[language].safeParse(values)
  if (data !== undefined) return data
  const [issue] = error.issues
  const key = String(issue?.path[0])
  throw new AotError('AOT_CONFIG', `--${optionOf(key)}: must be ${issue?.message}, not ${show(values[key])}`)
}

function count(given: GivenOptions, name: string): number | undefined {
  const value = given.single(name)
  if (value === undefined) return undefined
  const number = Number(value)
  if (/^\d+$/.test(value) && number >= 1 && number <= 2 ** 17) return number
  throw new AotError('AOT_CONFIG', `--${name}: must be a whole number from 1 to ${2 ** 17}, not ${show(value)}`)
}
