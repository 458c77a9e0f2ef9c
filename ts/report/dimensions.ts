/** In what several comparisons differ: the keys of their grid, and what is known of their models and data. */
import { basename } from 'node:path'
import type { ArrowResult } from '../arrow/types.js'
import { tick } from './numbers.js'

export type Value = string | number | boolean | null

export interface Dimension {
  /** As in the config or the grid. */
  key: string
  /** What it is, in words. */
  title: string
  value(result: ArrowResult): Value
  /** The value alone, as in a table. */
  write(value: Value): string
  /** The value where its key is not seen. */
  named(value: Value): string
}

const last = (key: string) => key.slice(key.lastIndexOf('.') + 1)

/** The file's name without its ending. */
export function dataName(path: string): string {
  return basename(path.replace(/\/+$/, '')).replace(/\.(h5|hdf5)$/i, '') || path
}

const written = (value: Value) => (value === null ? 'null' : String(value))

/** Known of every comparison, beside its cell; a grid's key of the same meaning is not shown twice. */
const own: (Dimension & { alias: string })[] = [
  {
    key: 'attn_length',
    alias: 'attn_length',
    title: 'context length',
    value: ({ model }) => model.attn_length,
    write: written,
    named: (value) => `${written(value)} tokens`,
  },
  { key: 'model', alias: 'model', title: 'model', value: ({ model }) => model.kind, write: written, named: written },
  {
    key: 'data',
    alias: 'dataset_folder',
    title: 'data',
    value: ({ data }) => data.path,
    write: (value) => dataName(written(value)),
    named: (value) => dataName(written(value)),
  },
]

const differs = (results: readonly ArrowResult[], { value }: Dimension) =>
  new Set(results.map((result) => JSON.stringify(value(result)))).size > 1

/** Whether the cells of a grid, whose keys do not name the dimension, settle it: another window makes other data, say. */
function isSettled(results: readonly ArrowResult[], { value, alias }: (typeof own)[number]): boolean {
  if (
    results.some(({ cell }) => Object.keys(cell).length === 0 || Object.keys(cell).some((key) => last(key) === alias))
  )
    return false
  const found = new Map<string, string>()
  return results.every((result) => {
    const [cell, one] = [JSON.stringify(result.cell), JSON.stringify(value(result))]
    const other = found.get(cell) ?? one
    found.set(cell, one)
    return other === one
  })
}

/** Those with more than one value, context length, model and data first, then the other keys of the grid in their order. */
export function dimensionsOf(results: readonly ArrowResult[]): Dimension[] {
  const keys = [...new Set(results.flatMap(({ cell }) => Object.keys(cell)))]
  const rest = keys
    .filter((key) => !own.some(({ alias }) => last(key) === alias))
    .map((key): Dimension => {
      const named = (value: Value) => `${last(key)} ${typeof value === 'number' ? tick(value) : written(value)}`
      return { key, title: last(key), value: ({ cell }) => cell[key] ?? null, write: written, named }
    })
  const free = own.filter((dimension) => !isSettled(results, dimension))
  return [...free, ...rest].filter((dimension) => differs(results, dimension))
}

/** Names that tell the comparisons apart: their place in the grid, else their own. */
export function labelsOf(results: readonly ArrowResult[]): string[] {
  const dimensions = dimensionsOf(results)
  const names = results.map((result) => {
    const parts = dimensions.map(({ value, named }) => named(value(result)))
    return parts.length > 0 ? parts.join(', ') : result.name
  })
  const isTwice = (name: string) => names.filter((other) => other === name).length > 1
  return names.map((name, index) => {
    const full = isTwice(name) && name !== results[index]?.name ? `${name}, ${results[index]?.name}` : name
    const same = names.slice(0, index + 1).filter((other) => other === name).length
    const isTold =
      results.filter((result, other) => names[other] === name && result.name === results[index]?.name).length === 1
    return isTold ? full : `${full} (${same})`
  })
}

/** Whether the values can be an axis. */
export const isNumeric = (results: readonly ArrowResult[], { value }: Dimension): boolean =>
  results.every((result) => typeof value(result) === 'number')
