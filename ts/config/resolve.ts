/** From a checked config to runs: names, folders, direction and schedule. No file is looked at. */
import { basename, join } from 'node:path'
import { AotError } from '../errors.js'
import type { LoadedConfig } from './load.js'
import { permutationList } from './permutation.js'
import type { Config } from './schema.js'
import type { Direction, ResolvedRun, Schedule } from './types.js'

export const defaultProject = 'arrows-of-time'

export interface RunPlace {
  configPath: string
  /** Default: arrows-of-time. */
  projectName?: string | undefined
  /** Default: the config file's name without .json. */
  runName?: string | undefined
  device: string
  threads?: number | undefined
}

/** @throws AotError AOT_CONFIG when a name cannot be that of a folder. */
export function resolveRun({ config, given, notes }: LoadedConfig, place: RunPlace): ResolvedRun {
  const projectName = folderName('--project-name', place.projectName ?? defaultProject)
  const runName = folderName('--run-name', place.runName ?? basename(place.configPath).replace(/\.jsonc?$/i, ''))
  const { training_params, model_params } = config
  const precision = config.precision ?? (place.device.startsWith('cuda') ? 'bf16' : 'fp32')
  const direction = directionOf(config)
  const fwbw = direction.kind === 'fwbw'
  return {
    config: { ...config, precision },
    configPath: place.configPath,
    projectName,
    runName,
    runFolder: join(training_params.save_loc, projectName, runName),
    device: place.device,
    threads: place.threads,
    direction,
    schedule: scheduleOf(config),
    windows: {
      attnLength: model_params.attn_length,
      stride: training_params.stride ?? (fwbw ? model_params.attn_length : (model_params.attn_length - 1) >> 1),
      ...windowDirection(direction),
    },
    modelParams: { ...model_params, vocab_size: model_params.vocab_size + (fwbw ? 2 : 0) },
    validBatchSize: training_params.val_batch_size ?? training_params.batch_size,
    notes: [...notes, ...notesOn(config, given)],
  }
}

/**
 * The runs write into folders of their own.
 * @throws AotError AOT_CONFIG when two have one name.
 */
export function checkRunNames(runs: readonly ResolvedRun[]): void {
  const first = new Map<string, ResolvedRun>()
  for (const run of runs) {
    const other = first.get(run.runName)
    if (other !== undefined) {
      throw new AotError(
        'AOT_CONFIG',
        `${other.configPath} and ${run.configPath} would both be the run "${run.runName}": give a name to each, as -r NAME -r NAME`,
      )
    }
    first.set(run.runName, run)
  }
}

function folderName(option: string, name: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be in a name.
  if (name.trim() === '' || name === '.' || name === '..' || /[/\\\u0000-\u001f]/.test(name)) {
    throw new AotError('AOT_CONFIG', `${option}: ${JSON.stringify(name)} cannot name a folder; give another name`)
  }
  return name
}

/** In which order the tokens of a config are predicted. */
export function directionOf({ model_params, training_params }: Config): Direction {
  const { permutation, backwards } = training_params
  if (permutation === 'forward' || permutation === 'backward') return { kind: permutation }
  if (permutation !== null) {
    return { kind: 'permutation', permutation: permutationList(permutation, model_params.attn_length) }
  }
  if (backwards === null) {
    return { kind: 'fwbw', forward: model_params.vocab_size, backward: model_params.vocab_size + 1 }
  }
  return { kind: backwards ? 'backward' : 'forward' }
}

function windowDirection(direction: Direction) {
  switch (direction.kind) {
    case 'permutation':
      return { permutation: direction.permutation }
    case 'fwbw':
      return { fwbw: { forward: direction.forward, backward: direction.backward } }
    default:
      return { backwards: direction.kind === 'backward' }
  }
}

function scheduleOf({ optim_params, training_params }: Config): Schedule {
  const { lr, warmup_steps: warmupSteps, oscil_steps: oscilSteps, lr_shrink, lr_init, lr_min } = optim_params
  if (oscilSteps === null) return { kind: 'cooldown', lr, warmupSteps, cooldownFinish: training_params.cooldown_finish }
  return { kind: 'restarts', lr, warmupSteps, oscilSteps, lrShrink: lr_shrink, lrInit: lr_init, lrMin: lr_min }
}

function notesOn({ training_params, optim_params }: Config, given: ReadonlySet<string>): string[] {
  const notes: string[] = []
  if (training_params.permutation !== null && training_params.backwards === true) {
    notes.push('training_params.backwards is ignored: permutation is given')
  }
  if (training_params.permutation === null && training_params.backwards === null) {
    notes.push('neither backwards nor permutation is given: FW+BW mode, one model trained in both directions')
  }
  if (optim_params.oscil_steps === null) {
    const ignored = ['lr_shrink', 'lr_init', 'lr_min'].filter((key) => given.has(`optim_params.${key}`))
    if (ignored.length > 0) {
      notes.push(`optim_params.${ignored.join(', ')} ignored: they belong to oscil_steps, which is not given`)
    }
  } else {
    const ignored = given.has('training_params.cooldown_finish')
    notes.push(
      `optim_params.oscil_steps is given: the older schedule, cosine with warm restarts${ignored ? '; cooldown_finish is ignored' : ''}`,
    )
  }
  return notes
}
