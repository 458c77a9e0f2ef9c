/** What comparisons are called whose runs are all there is: by their folders. */
import { basename, dirname, resolve } from 'node:path'
import { fileNamePart } from '../arrow/directions.js'
import type { RunRecord } from '../arrow/read_run.js'
import type { ArrowResult } from '../arrow/types.js'

type CellValue = ArrowResult['cell'][string]

const isCellValue = (value: unknown): value is CellValue =>
  value === null || ['string', 'number', 'boolean'].includes(typeof value)

type Named = Pick<RunRecord, 'folder' | 'config'>

/** As aot-arrow calls its runs: the folder above is the comparison, or the cell of its grid. */
const ofComparison = /^seed-\d+-./

/** Of the runs of a comparison: the folder that aot-arrow gave it, else what the names of the runs begin with. */
export function nameOf(runs: readonly Pick<Named, 'folder'>[]): string {
  const names = runs.map(({ folder }) => basename(resolve(folder)))
  const [first = ''] = names
  if (names.every((name) => ofComparison.test(name))) return aboveOf(runs)
  let length = first.length
  while (!names.every((name) => name.startsWith(first.slice(0, length)))) length--
  // en-forward and en-backward are en.
  const common = first.slice(0, length).replace(/[^\p{L}\p{N})]+$/u, '')
  return common === '' ? aboveOf(runs) : common
}

function aboveOf([first]: readonly Pick<Named, 'folder'>[]): string {
  return basename(dirname(resolve(first?.folder ?? '')))
}

/** What the cell's folder says of its runs, as `attn_length=16,model=gru`, with the values that their config has. */
export function cellOf(runs: readonly Named[]): ArrowResult['cell'] {
  const [first] = runs
  if (first === undefined || !runs.every(({ folder }) => ofComparison.test(basename(folder)))) return {}
  const { model_params, training_params, optim_params, ...top } = first.config
  const config: Record<string, unknown> = { ...optim_params, ...training_params, ...model_params, ...top }
  const folder = aboveOf(runs)
  // A value may have commas of its own.
  const keys = folder.split(/,(?=\w+=)/).map((part) => part.slice(0, part.indexOf('=')))
  const cell = keys.map((key) => [key, config[key]] as const)
  if (!cell.every((pair): pair is [string, CellValue] => isCellValue(pair[1]))) return {}
  return folder === fileNamePart(cell.map(([key, value]) => `${key}=${value}`).join()) ? Object.fromEntries(cell) : {}
}
