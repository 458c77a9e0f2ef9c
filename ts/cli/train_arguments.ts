/** The command line of aot-train. */
import { type Override, parseOverride } from '../config/overrides.js'
import { defaultProject } from '../config/resolve.js'
import { parseDevices } from '../devices/parse.js'
import { AotError } from '../errors.js'
import { type CommandLine, flag, type GivenOptions, parseOptions, text } from './options.js'

export interface TrainArguments {
  configs: string[]
  /** As given, at least one. */
  devices: string[]
  /** undefined: all for one config, one for each of several. */
  devicesPerRun: number | undefined
  /** Of each cpu. */
  threads: number | undefined
  /** Seconds. */
  rankTimeout: number | undefined
  projectName: string | undefined
  /** None, or one for each config. */
  runNames: string[]
  overrides: Override[]
  initFrom: string | undefined
  noStepPickup: boolean
  cooldownNow: boolean
  /** The options that say the same to every run, as words. */
  shared: string[]
}

/** What the command line asks for: runs, or the text of --help or --version. */
export type TrainRequest = { kind: 'train'; arguments: TrainArguments } | { kind: 'print'; text: string }

const options = {
  device: {
    ...text,
    alias: 'd',
    describe:
      'cpu, cuda:N, emulated or reference; several with commas: one run shares them, several runs take them in turn',
    defaultDescription: 'cpu',
  },
  'devices-per-run': {
    ...text,
    describe: 'Devices that each run shares',
    defaultDescription: 'all for one config, 1 for several',
  },
  'rank-timeout': {
    ...text,
    describe: 'Under mpirun or srun: seconds without a sign of life after which a process is given up',
    defaultDescription: '30',
  },
  threads: { ...text, describe: 'Threads of each cpu', defaultDescription: 'all cores, shared by the cpus' },
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
  log: { ...text, describe: 'Replaces the config key logging: tensorboard, wandb, both with a comma, or none' },
  'init-from': {
    ...text,
    describe: 'Run, saved state, exported folder or safetensors file whose weights a new run starts from',
  },
  verbose: { ...flag, describe: 'On an error: all problems, and the stack' },
} as const

const line: CommandLine = {
  command: 'aot-train',
  usage:
    '$0 config.json... [options]\n\nTrains a language model as each config says. Several configs are a queue (docs/queue.md): each run is a process of its own and takes the next free device. A run that was stopped goes on where it was.\nConfigs: configs/blueprint.json is one to start from; docs/configuration.md tells every key.',
  options,
  examples: [
    '$0 en.json -r en-forward -d cuda:0',
    '$0 en_fw.json en_bw.json -d cuda:0,cuda:1 --set steps_to_train=2000',
  ],
}

/** @throws AotError AOT_CONFIG or AOT_DEVICE for what cannot be understood. */
export async function parseTrainArguments(words: readonly string[]): Promise<TrainRequest> {
  const parsed = await parseOptions(line, words)
  if (parsed.kind === 'print') return parsed
  const given = parsed.options
  const configs = given.words
  if (configs.length === 0) {
    throw new AotError('AOT_CONFIG', 'no config given: aot-train config.json (aot-train --help tells more)')
  }
  const runNames = given.all('run-name')
  if (runNames.length > 0 && runNames.length !== configs.length) {
    throw new AotError(
      'AOT_CONFIG',
      `--run-name: ${runNames.length} for ${configs.length} ${configs.length === 1 ? 'config' : 'configs'}: give one -r for each config, in their order, or none`,
    )
  }
  const model = given.single('model')
  const overrides = given.all('set').map(parseOverride)
  if (model !== undefined) overrides.push({ section: '', name: 'model', value: model, origin: `--model ${model}` })
  const logs = given.all('log')
  if (logs.length > 0) overrides.push(loggingOverride(logs))
  const devices = given.all('device')
  return {
    kind: 'train',
    arguments: {
      configs,
      devices: parseDevices(devices.length === 0 ? ['cpu'] : devices),
      devicesPerRun: given.count('devices-per-run'),
      threads: given.count('threads'),
      rankTimeout: given.count('rank-timeout'),
      projectName: given.single('project-name'),
      runNames,
      overrides,
      initFrom: given.single('init-from'),
      noStepPickup: given.isSet('no-step-pickup'),
      cooldownNow: given.isSet('cooldown-now'),
      shared: sharedWords(given),
    },
  }
}

function sharedWords(given: GivenOptions): string[] {
  const values = ['set', 'model', 'log', 'init-from'].flatMap((name) =>
    given.all(name).map((value) => `--${name}=${value}`),
  )
  const flags = ['no-step-pickup', 'cooldown-now', 'verbose'].filter((name) => given.isSet(name))
  return [...values, ...flags.map((name) => `--${name}`)]
}

/** `--log a --log b` and `--log a,b` are one list. */
function loggingOverride(given: string[]): Override {
  const value = given.flatMap((list) => list.split(',')).map((name) => name.trim())
  const origin = `--log ${given.join(' --log ')}`
  return { section: '', name: 'logging', value: value.join() === 'none' ? [] : value, origin }
}
