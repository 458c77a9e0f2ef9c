/** Which runs belong to one comparison. */
import { AotError } from '../errors.js'
import { datasetMismatch } from '../train/dataset.js'
import type { RunRecord } from './read_run.js'

/** Runs of a comparison differ in these, or these say nothing of the numbers. */
const free = new Set([
  '$schema',
  'seed',
  'logging',
  'training_params.backwards',
  'training_params.permutation',
  'training_params.save_loc',
  'training_params.save_every',
  'training_params.backup_every',
  'training_params.step_log',
  'training_params.tokenizer_path',
])

/** Values of a run's config by full name (training_params.batch_size), as JSON, with what null stands for filled in. */
function flat({ config, run, total }: RunRecord): Map<string, string> {
  const { training_params: training } = config
  const filled = {
    ...config,
    training_params: {
      ...training,
      stride: run.windows.stride,
      val_batch_size: run.validBatchSize,
      steps_to_train: total ?? training.steps_to_train,
    },
  }
  const entries = Object.entries(filled).flatMap(([name, value]): [string, unknown][] =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.entries(value).map(([key, inner]) => [`${name}.${key}`, inner])
      : [[name, value]],
  )
  return new Map(entries.filter(([key]) => !free.has(key)).map(([key, value]) => [key, JSON.stringify(value)]))
}

/** The first in which the two differ, with what each has; null when they can be compared. */
function firstMismatch(first: RunRecord, second: RunRecord): string | null {
  const one = flat(first)
  const other = flat(second)
  for (const key of new Set([...one.keys(), ...other.keys()])) {
    if (one.get(key) === other.get(key) || isUnknown(key, first, second)) continue
    return `${key} is ${one.get(key) ?? 'absent'} in ${first.folder} and ${other.get(key) ?? 'absent'} in ${second.folder}`
  }
  const files = first.dataset && second.dataset ? datasetMismatch(first.dataset, second.dataset) : null
  if (files !== null) {
    return `training_params.dataset_folder is another file in ${second.folder} than in ${first.folder} (${files})`
  }
  return haveSameWindows(first, second)
    ? null
    : `the validation windows are others in ${second.folder} than in ${first.folder}`
}

/** Files are known by what they hold, and the number of steps by the plan, from the first checkpoint on. */
function isUnknown(key: string, first: RunRecord, second: RunRecord): boolean {
  if (key === 'training_params.dataset_folder') return first.dataset !== null && second.dataset !== null
  if (key !== 'training_params.steps_to_train' || (first.total === null) === (second.total === null)) return false
  return first.config.training_params.steps_to_train === second.config.training_params.steps_to_train
}

function haveSameWindows({ windows: first }: RunRecord, { windows: second }: RunRecord): boolean {
  if (first === null || second === null) return true
  const { windows } = second
  return first.windows.length === windows.length && first.windows.every((number, i) => number === windows[i])
}

function refuseTwice(records: readonly RunRecord[]): void {
  const seen = new Map<string, RunRecord>()
  for (const record of records) {
    const key = `${record.direction} with seed ${record.seed}`
    const before = seen.get(key)
    if (before !== undefined) {
      throw new AotError(
        'AOT_CONFIG',
        `${before.folder} and ${record.folder} are both ${key}, and otherwise the same: leave one of them out`,
      )
    }
    seen.set(key, record)
  }
}

/**
 * Runs that differ in seed and direction alone, and were validated on the same windows, group by group in the order of
 * their first runs.
 * @throws AotError AOT_CONFIG when two runs of a group are the same in these too.
 */
export function groupRuns(records: readonly RunRecord[]): RunRecord[][] {
  const groups: RunRecord[][] = []
  for (const record of records) {
    const group = groups.find((others) => others.every((other) => firstMismatch(other, record) === null))
    if (group === undefined) groups.push([record])
    else group.push(record)
  }
  for (const group of groups) refuseTwice(group)
  return groups
}

/**
 * Whether these runs differ in seed and direction alone. What one of them does not know yet is no mismatch, so each is
 * compared with each.
 * @throws AotError AOT_CONFIG with the first thing that is against it.
 */
export function checkSame(records: readonly RunRecord[]): void {
  for (const [index, second] of records.entries()) {
    for (const first of records.slice(0, index)) {
      const mismatch = firstMismatch(first, second)
      if (mismatch === null) continue
      throw new AotError('AOT_CONFIG', `the runs cannot be compared: ${mismatch}; only seed and direction may differ`)
    }
  }
}

/**
 * Whether these runs make one comparison, with a forward and a backward one among them, at the same step.
 * @throws AotError AOT_CONFIG with the first thing that is against it.
 */
export function checkComparable(records: readonly RunRecord[]): void {
  const [first, ...others] = records
  for (const direction of ['forward', 'backward']) {
    if (records.some((record) => record.direction === direction)) continue
    const given = records.map(({ folder, direction }) => `${folder} is ${direction}`).join(', ')
    throw new AotError(
      'AOT_CONFIG',
      `there is no ${direction} run to compare${given === '' ? '' : ` (${given})`}: name a forward and a backward one`,
    )
  }
  checkSame(records)
  for (const other of others) {
    const steps = [first as RunRecord, other].map(({ valid }) => valid.at(-1)?.step)
    if (steps[0] !== steps[1]) {
      throw new AotError(
        'AOT_CONFIG',
        `the runs cannot be compared: the last validation of ${first?.folder} is at step ${steps[0]}, that of ${other.folder} at step ${steps[1]}; train both to the same step`,
      )
    }
  }
  refuseTwice(records)
  const seedsOf = (direction: string) => records.filter((one) => one.direction === direction).map(({ seed }) => seed)
  const [forward, backward] = [seedsOf('forward'), seedsOf('backward')]
  if (!forward.some((seed) => backward.includes(seed))) {
    throw new AotError(
      'AOT_CONFIG',
      `no seed has both directions (forward: ${forward.join(', ')}; backward: ${backward.join(', ')}): a pair has the same seed`,
    )
  }
}
