/** Which runs a comparison is made of, and where they lie. */
import { basename, join } from 'node:path'
import { type LoadedConfig, loadConfigFile } from '../config/load.js'
import type { Override } from '../config/overrides.js'
import { defaultProject, resolveRun } from '../config/resolve.js'
import type { ResolvedRun } from '../config/types.js'
import { AotError } from '../errors.js'
import type { Cell } from './cells.js'
import { directionOverrides, fileNamePart } from './directions.js'
import { directionName } from './read_run.js'
import type { DirectionName } from './types.js'

export interface ArrowRequest {
  configPath: string
  overrides: readonly Override[]
  cells: readonly Cell[]
  directions: readonly DirectionName[]
  /** How many: config.seed, config.seed + 1, ... */
  seeds: number
  projectName: string | undefined
  /** Default: the config file's name. */
  runName: string | undefined
  threads: number | undefined
}

export interface PlannedRun {
  direction: DirectionName
  seed: number
  /** The run as it is on these devices. */
  on(device: string): ResolvedRun
}

/** A comparison: the same config in all directions, with all seeds. */
export interface PlannedCell {
  name: string
  cell: Cell
  folder: string
  /** Of each seed: its runs, one for each direction. */
  seeds: PlannedRun[][]
  /** Lines for the user. */
  notes: string[]
}

export interface ArrowPlan {
  name: string
  /** <save_loc>/<project>/<name>: arrow.json and the report go there, the runs below it. */
  folder: string
  cells: PlannedCell[]
}

/** @throws AotError for all that can be seen in the config and the options. */
export function planArrow(request: ArrowRequest): ArrowPlan {
  const { configPath, cells, projectName = defaultProject } = request
  const name = request.runName ?? basename(configPath).replace(/\.jsonc?$/i, '')
  const folders = new Map<string, string>()
  const planned = cells.map((cell) => {
    const folder = fileNamePart(cell.name)
    const other = folders.get(folder)
    if (other !== undefined) {
      throw new AotError('AOT_CONFIG', `--grid: ${other} and ${cell.name} would have one folder, ${folder}`)
    }
    folders.set(folder, cell.name)
    return planCell(request, cell, projectName, name)
  })
  return { name, folder: planned[0]?.root as string, cells: planned }
}

function planCell(
  request: ArrowRequest,
  cell: Cell,
  projectName: string,
  name: string,
): PlannedCell & { root: string } {
  const { configPath, directions, seeds, threads } = request
  // A model of the grid has not all the keys of the config's own.
  const load = (more: readonly Override[]) =>
    loadConfigFile(configPath, [...request.overrides, ...cell.overrides, ...more], {
      dropKeysOfOthers: 'model' in cell.values,
    })
  const base = load(directionOverrides('forward'))
  const root = join(base.config.training_params.save_loc, projectName, name)
  const isGrid = cell.name !== ''
  const placeOf = (loaded: LoadedConfig) =>
    isGrid
      ? { config: inFolder(loaded, root), projectName: fileNamePart(cell.name) }
      : { config: inFolder(loaded, join(base.config.training_params.save_loc, projectName)), projectName: name }
  // Names of folders that cannot be are told before they are used.
  resolveRun(base, { configPath, projectName, runName: name, device: 'cpu' })
  const folder = isGrid ? join(root, fileNamePart(cell.name)) : root
  const runsOf = (seed: number) =>
    directions.map((direction): PlannedRun => {
      const loaded = load([...directionOverrides(direction), seedOverride(seed)])
      const { config, projectName: project } = placeOf(loaded)
      const runName = `seed-${seed}-${fileNamePart(direction)}`
      const place = { configPath: join(folder, 'configs', `${runName}.json`), projectName: project, runName, threads }
      return { direction, seed, on: (device) => resolveRun(config, { ...place, device }) }
    })
  const first = base.config.seed
  return {
    name: isGrid ? cell.name : name,
    cell,
    folder,
    root,
    seeds: Array.from({ length: seeds }, (_, index) => runsOf(first + index)),
    notes: [...base.notes, ...unusedDirection(load([]), directions)],
  }
}

/** What the config itself says of a direction, where no run has it. */
function unusedDirection({ config }: LoadedConfig, directions: readonly DirectionName[]): string[] {
  const { permutation } = config.training_params
  if (permutation === null || directions.includes(directionName(config) as DirectionName)) return []
  return [`training_params.permutation is not used: the runs are ${directions.join(', ')}, as --directions says`]
}

function inFolder(loaded: LoadedConfig, saveLoc: string): LoadedConfig {
  const { config } = loaded
  const training_params = { ...config.training_params, save_loc: saveLoc }
  return { ...loaded, config: { ...config, training_params } as LoadedConfig['config'] }
}

function seedOverride(seed: number): Override {
  return { section: '', name: 'seed', value: seed, origin: `--seeds: seed ${seed}` }
}
