/** The tables of all comparisons: one row each, and one row a seed. */
import type { ArrowResult, SeedResult } from '../arrow/types.js'
import { dimensionsOf, labelsOf } from './dimensions.js'
import { percent, plain, signed } from './numbers.js'
import { type ColumnOf, figures, type Table, tableOf, texts } from './tables.js'

interface Row {
  label: string
  result: ArrowResult
}

const count = (value: number | null) => (value === null ? '–' : value.toLocaleString('en-US'))

/** What sets the row apart: its name, or where it is in the grid. */
function nameColumns<Named extends Row>(results: readonly ArrowResult[]): ColumnOf<Named>[] {
  const dimensions = dimensionsOf(results)
  if (dimensions.length === 0) return [texts('comparison', 'comparison', ({ label }) => label)]
  const keys = dimensions.map(({ key, value, write }): ColumnOf<Named> => {
    const numeric = results.every((result) => typeof value(result) === 'number')
    const cell = ({ result }: Named) => {
      const exact = value(result)
      return { text: write(exact), value: typeof exact === 'boolean' ? String(exact) : exact }
    }
    return { title: key, name: key, numeric, cell }
  })
  const places = new Set(results.map((result) => JSON.stringify(dimensions.map(({ value }) => value(result)))))
  const isTold = places.size === results.length
  return isTold ? keys : [texts('comparison', 'comparison', ({ label }) => label), ...keys]
}

/** One digit more than where a ratio stands among other figures. */
const exactPercent = (ratio: number | null) => percent(ratio, 3)

/** Forward, backward, their difference in all its forms, by comparison. */
export function comparisonTable(results: readonly ArrowResult[]): Table {
  const labels = labelsOf(results)
  const rows = results.map((result, index) => ({ label: labels[index] as string, result }))
  const others = [...new Set(results.flatMap(({ directions }) => directions))].filter(
    (name) => name !== 'forward' && name !== 'backward',
  )
  const columns: ColumnOf<Row>[] = [
    ...nameColumns<Row>(results),
    figures('FW', 'fw', ({ result }) => result.fw, plain),
    figures('BW', 'bw', ({ result }) => result.bw, plain),
    figures('BW − FW', 'difference', ({ result }) => result.difference, signed),
    figures('from', 'difference_low', ({ result }) => result.interval?.low, signed),
    figures('to', 'difference_high', ({ result }) => result.interval?.high, signed),
    figures('BW/FW − 1', 'ratio', ({ result }) => result.ratio, exactPercent),
    figures('over the mean', 'relative', ({ result }) => result.relative, exactPercent),
    figures('bits per byte', 'bits_per_byte_difference', ({ result }) => result.bits_per_byte?.difference, signed),
    figures('seeds', 'seeds', ({ result }) => result.seeds.length, count),
    figures('seed spread', 'seed_spread', ({ result }) => result.seed_spread, plain),
    texts('sign', 'established', ({ result }) => (result.established ? 'established' : 'not established')),
    texts('state', 'finished', ({ result }) => (result.finished ? 'finished' : 'unfinished')),
    ...others.map((name) => figures<Row>(name, name, ({ result }) => result.losses[name], plain)),
  ]
  return tableOf(columns, rows)
}

type SeedRow = Row & { seed: SeedResult }

export function seedsTable(results: readonly ArrowResult[]): Table {
  const labels = labelsOf(results)
  const rows = results.flatMap((result, index) =>
    result.seeds.map((seed): SeedRow => ({ label: labels[index] as string, result, seed })),
  )
  const directions = [...new Set(results.flatMap((result) => result.directions))]
  const columns: ColumnOf<SeedRow>[] = [
    ...(results.length > 1 ? nameColumns<SeedRow>(results) : []),
    figures(
      'seed',
      'seed',
      ({ seed }) => seed.seed,
      (value) => String(value),
    ),
    ...directions.map((name) => figures<SeedRow>(name, name, ({ seed }) => seed.losses[name], plain)),
    figures('BW − FW', 'difference', ({ seed }) => seed.difference, signed),
    figures('from', 'difference_low', ({ seed }) => seed.interval?.low, signed),
    figures('to', 'difference_high', ({ seed }) => seed.interval?.high, signed),
    ...directions.map((name) =>
      figures<SeedRow>(
        `${name}, bits per byte`,
        `${name}_bits_per_byte`,
        ({ seed }) => seed.bits_per_byte[name],
        plain,
      ),
    ),
  ]
  return tableOf(columns, rows)
}

/** Each direction beside forward. */
export function directionsTable({
  directions,
  losses,
  others,
  difference,
  ratio,
  relative,
  interval,
  bits_per_byte,
  seed_spread,
}: ArrowResult): Table {
  const backward = {
    difference,
    ratio,
    relative,
    interval,
    bits_per_byte: bits_per_byte?.difference ?? null,
    seed_spread,
  }
  const rows = directions.map((name) => ({ name, beside: name === 'backward' ? backward : (others[name] ?? null) }))
  type DirectionRow = (typeof rows)[number]
  return tableOf<DirectionRow>(
    [
      texts('direction', 'direction', ({ name }) => name),
      figures('loss', 'loss', ({ name }) => losses[name], plain),
      figures('beside forward', 'difference', ({ beside }) => beside?.difference, signed),
      figures('from', 'difference_low', ({ beside }) => beside?.interval?.low, signed),
      figures('to', 'difference_high', ({ beside }) => beside?.interval?.high, signed),
      figures('this/FW − 1', 'ratio', ({ beside }) => beside?.ratio, exactPercent),
      figures('over the mean', 'relative', ({ beside }) => beside?.relative, exactPercent),
      figures('bits per byte', 'bits_per_byte', ({ beside }) => beside?.bits_per_byte, signed),
      figures('seed spread', 'seed_spread', ({ beside }) => beside?.seed_spread, plain),
    ],
    rows,
  )
}
