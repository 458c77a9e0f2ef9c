/** The command line of aot-arrow. */
import { type Cell, parseGrid } from '../arrow/cells.js'
import { parseDirections } from '../arrow/directions.js'
import type { ArrowRequest } from '../arrow/plan.js'
import { seedsForSign } from '../arrow/verdict.js'
import { type Override, parseOverride } from '../config/overrides.js'
import { defaultProject } from '../config/resolve.js'
import { parseDevices } from '../devices/parse.js'
import { AotError } from '../errors.js'
import { type CommandLine, flag, type GivenOptions, parseOptions, text } from './options.js'

interface Common {
  devices: string[]
  threads: number | undefined
  json: boolean
}

export type ArrowArguments =
  | (Common & { kind: 'train'; request: ArrowRequest; devicesPerRun: number | undefined })
  | (Common & { kind: 'runs'; folders: string[]; output: string })

export type ArrowCommandRequest = ArrowArguments | { kind: 'print'; text: string }

const options = {
  device: { ...text, alias: 'd', describe: 'cpu, cuda:N, ...; on several a queue of runs', defaultDescription: 'cpu' },
  'devices-per-run': { ...text, describe: 'Devices that each run shares', defaultDescription: '1' },
  threads: { ...text, describe: 'Threads of each cpu', defaultDescription: 'all cores, shared by the cpus' },
  seeds: { ...text, describe: "How many, from the config's seed on", defaultDescription: String(seedsForSign) },
  directions: {
    ...text,
    describe: 'forward,backward and others, as middle_out',
    defaultDescription: 'forward,backward',
  },
  grid: { ...text, describe: 'key=value,value: a comparison for each value; several: for each combination' },
  set: { ...text, describe: 'key=value, replaces a config key: batch_size=4; may be repeated' },
  'project-name': { ...text, alias: 'p', describe: 'Folder in save_loc', defaultDescription: defaultProject },
  'run-name': { ...text, alias: 'r', describe: "Folder in the project [default: the config file's name]" },
  runs: { ...flag, describe: 'Compares run folders that are there already, instead of training' },
  output: { ...text, alias: 'o', describe: 'With --runs: where the report goes', defaultDescription: 'report' },
  json: { ...flag, describe: 'Prints the result as JSON, and all else to stderr' },
  verbose: { ...flag, describe: 'On an error: the stack' },
} as const

const line: CommandLine = {
  command: 'aot-arrow',
  usage:
    '$0 config.json [options]\n$0 --runs FORWARD BACKWARD... [options]\n\nTrains the model of a config forwards and backwards, with several seeds, and says how much harder one direction is to predict, with an interval, and whether that is established (docs/arrow.md). Started again it goes on where it was.',
  options,
  examples: [
    '$0 configs/quickstart/primes.json',
    '$0 en.json -d cuda:0,cuda:1 --seeds 5 --directions forward,backward,middle_out',
    '$0 en.json --grid attn_length=16,32,64,128 --grid model=gpt,gru --seeds 1',
    '$0 --runs runs/arrows-of-time/en_fw runs/arrows-of-time/en_bw',
  ],
}

/** @throws AotError AOT_CONFIG or AOT_DEVICE for what cannot be understood. */
export async function parseArrowArguments(words: readonly string[]): Promise<ArrowCommandRequest> {
  const parsed = await parseOptions(line, words)
  if (parsed.kind === 'print') return parsed
  const given = parsed.options
  const devices = given.all('device')
  const common: Common = {
    devices: parseDevices(devices.length === 0 ? ['cpu'] : devices),
    threads: given.count('threads'),
    json: given.isSet('json'),
  }
  return given.isSet('runs') ? { ...common, ...ofRuns(given) } : { ...common, ...ofTraining(given) }
}

function ofRuns(given: GivenOptions) {
  const training = ['seeds', 'directions', 'grid', 'set', 'project-name', 'run-name', 'devices-per-run']
  const wrong = training.find((name) => given.all(name).length > 0)
  if (wrong !== undefined) {
    throw new AotError('AOT_CONFIG', `--${wrong} is for training: leave it out, or --runs with it`)
  }
  const folders = given.words
  if (folders.length < 2) {
    throw new AotError(
      'AOT_CONFIG',
      '--runs: name the folders of a forward and a backward run: aot-arrow --runs FORWARD BACKWARD',
    )
  }
  return { kind: 'runs', folders, output: given.single('output') ?? 'report' } as const
}

function ofTraining(given: GivenOptions) {
  const [configPath, ...more] = given.words
  if (configPath === undefined) {
    throw new AotError('AOT_CONFIG', 'no config given: aot-arrow config.json (aot-arrow --help tells more)')
  }
  if (more.length > 0) {
    throw new AotError(
      'AOT_CONFIG',
      `one config at a time, not ${given.words.join(' ')}: aot-report puts several comparisons into one report; --runs compares run folders`,
    )
  }
  if (given.all('output').length > 0) {
    throw new AotError('AOT_CONFIG', '--output is for --runs: the report of a training lies beside its runs')
  }
  const cells: Cell[] = parseGrid(given.all('grid'))
  const overrides = given.all('set').map(parseOverride)
  refuseDecided(overrides, decided)
  refuseDecided(
    cells.flatMap((cell) => cell.overrides),
    { ...decided, save_loc: 'the cells of a grid lie in one place: --set save_loc=FOLDER' },
  )
  const request: ArrowRequest = {
    configPath,
    overrides,
    cells,
    directions: parseDirections(given.single('directions')),
    seeds: given.count('seeds') ?? seedsForSign,
    projectName: given.single('project-name'),
    runName: given.single('run-name'),
    threads: given.count('threads'),
  }
  return { kind: 'train', request, devicesPerRun: given.count('devices-per-run') } as const
}

/** Keys of training_params that a comparison itself sets for each run, with what to do instead. */
const decided = {
  backwards: 'each direction is trained: --directions names others to join',
  permutation: 'each direction is trained: --directions forward,backward,ORDER lets an order join',
}

/** What would be given in vain is refused, so that nobody takes the result for what it is not. */
function refuseDecided(overrides: readonly Override[], keys: Readonly<Record<string, string>>): void {
  for (const { name, origin } of overrides) {
    if (Object.hasOwn(keys, name)) throw new AotError('AOT_CONFIG', `${origin}: ${keys[name]}`)
  }
}
