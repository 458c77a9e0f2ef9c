/** The command line of aot-train. */
import yargs from 'yargs'
import { nearest } from '../config/nearest.js'
import { type Override, parseOverride } from '../config/overrides.js'
import { defaultProject } from '../config/resolve.js'
import { oneDevice, parseDevices } from '../devices/parse.js'
import { AotError } from '../errors.js'
import { packageVersion } from './version.js'

export interface TrainArguments {
  configs: string[]
  device: string
  projectName: string | undefined
  /** None, or one for each config. */
  runNames: string[]
  overrides: Override[]
  initFrom: string | undefined
  noStepPickup: boolean
  cooldownNow: boolean
}

/** What the command line asks for: runs, or the text of --help or --version. */
export type TrainRequest = { kind: 'train'; arguments: TrainArguments } | { kind: 'print'; text: string }

const text = { type: 'string', requiresArg: true } as const
const flag = { type: 'boolean' } as const

const options = {
  device: { ...text, alias: 'd', describe: 'cpu, cuda:N, emulated or reference', defaultDescription: 'cpu' },
  'project-name': {
    ...text,
    alias: 'p',
    describe: 'Folder of the run in save_loc',
    defaultDescription: defaultProject,
  },
  'run-name': {
    ...text,
    alias: 'r',
    describe: "Folder of the run in the project; one -r a config [default: the config file's name]",
  },
  'no-step-pickup': { ...flag, alias: 's', describe: 'Train steps_to_train minibatches more, not up to that number' },
  'cooldown-now': { ...flag, alias: 'c', describe: 'Begin the cooldown of the learning rate at once' },
  model: { ...text, describe: 'Replaces the config key model: gpt, gru or lstm' },
  set: { ...text, describe: 'key=value, replaces a config key: batch_size=4; may be repeated' },
  'init-from': {
    ...text,
    describe: 'Run, saved state, exported folder or safetensors file whose weights a new run starts from',
  },
  verbose: { ...flag, describe: 'On an error: all problems, and the stack' },
} as const

const names = [...Object.keys(options), 'help', 'version']
const shortNames = new Map(
  Object.entries(options).flatMap(([name, o]) => ('alias' in o ? [[o.alias as string, name]] : [])),
)

function parser() {
  return yargs()
    .scriptName('aot-train')
    .locale('en')
    .usage(
      '$0 config.json... [options]\n\nTrains a language model as each config says, one after the other. A run that was stopped goes on where it was.\nConfigs: configs/blueprint.json is one to start from; docs/configuration.md tells every key.',
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
    .example('$0 en.json -r en-forward -d cuda:0', '')
    .example('$0 en_fw.json en_bw.json --set steps_to_train=2000', '')
    .help('help', 'Print this')
    .alias('h', 'help')
    .version('version', 'Print the version', packageVersion())
    .wrap(100)
    .fail((message, error) => {
      throw error instanceof AotError ? error : new AotError('AOT_CONFIG', missingValue(message))
    })
}

/**
 * The words as yargs takes them: --project_name becomes --project-name, -dcpu and -d=cpu become -d cpu.
 * Unknown long options are refused here, before yargs meets a --constructor.
 */
function plainWords(words: readonly string[]): string[] {
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
    const [, short, value] = /^(-[dpr])(?:=(.*)|([^=].*))$/s.exec(word)?.filter((part) => part !== undefined) ?? []
    return short === undefined || value === undefined ? [word] : [short, value]
  })
  return [...plain, ...words.slice(before.length)]
}

/** @throws AotError AOT_CONFIG or AOT_DEVICE for what cannot be understood. */
export async function parseTrainArguments(words: readonly string[]): Promise<TrainRequest> {
  let text = ''
  const parsed: Record<string, unknown> = await parser().parse(plainWords(words), {}, (_error, _argv, output) => {
    text = output
  })
  if (text !== '') return { kind: 'print', text: `${text}\n` }
  const unknown = Object.keys(parsed).find((key) => !['_', '$0', 'h', ...names, ...shortNames.keys()].includes(key))
  if (unknown !== undefined) throw new AotError('AOT_CONFIG', `unknown option -${unknown}; aot-train --help lists them`)

  const configs = parsed._ as string[]
  if (configs.length === 0) {
    throw new AotError('AOT_CONFIG', 'no config given: aot-train config.json (aot-train --help tells more)')
  }
  const runNames = all(parsed['run-name'])
  if (runNames.length > 0 && runNames.length !== configs.length) {
    throw new AotError(
      'AOT_CONFIG',
      `--run-name: ${runNames.length} for ${configs.length} ${configs.length === 1 ? 'config' : 'configs'}: give one -r for each config, in their order, or none`,
    )
  }
  const model = single(parsed, 'model')
  const overrides = all(parsed.set).map(parseOverride)
  if (model !== undefined) overrides.push({ section: '', name: 'model', value: model, origin: `--model ${model}` })
  const devices = all(parsed.device)
  return {
    kind: 'train',
    arguments: {
      configs,
      device: oneDevice(parseDevices(devices.length === 0 ? ['cpu'] : devices)),
      projectName: single(parsed, 'project-name'),
      runNames,
      overrides,
      initFrom: single(parsed, 'init-from'),
      noStepPickup: isSet(parsed['no-step-pickup']),
      cooldownNow: isSet(parsed['cooldown-now']),
    },
  }
}

/** yargs says "Not enough arguments following: d". */
function missingValue(message: string): string {
  const name = /following: (\S+)$/.exec(message)?.[1]
  return name === undefined ? message : `--${shortNames.get(name) ?? name} needs a value`
}

function all(value: unknown): string[] {
  return value === undefined ? [] : ([value].flat() as string[])
}

function single(parsed: Record<string, unknown>, name: string): string | undefined {
  const values = all(parsed[name])
  if (values.length > 1) throw new AotError('AOT_CONFIG', `--${name} is given ${values.length} times; give it once`)
  if (values[0] === '') throw new AotError('AOT_CONFIG', `--${name} needs a value`)
  return values[0]
}

function isSet(value: unknown): boolean {
  return [value].flat().some(Boolean)
}
