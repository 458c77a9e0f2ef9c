/** Several comparisons in one chart: the arrow against what they differ in. */
import type { ArrowResult } from '../../arrow/types.js'
import { type Dimension, dataName, dimensionsOf, isNumeric, labelsOf } from '../dimensions.js'
import { shortCount, tick } from '../numbers.js'
import { colour, lookOf } from '../palette.js'
import { type PaperValue, paperContexts, paperLanguageOf, paperLanguages, paperSizes } from '../paper.js'
import { comparisonTable } from '../summary.js'
import type { Table } from '../tables.js'
import type { Chart } from './draw.js'
import { drawLines, type Lines, mostLabels, type Point, type Series } from './lines.js'
import { drawRows, type RowPoint, type Rows } from './rows.js'
import { decades, powersOfTwo } from './ticks.js'
import { ratioInterval, ratioNote } from './training.js'

const unit = 'BW/FW − 1, %'

/** What a point is, in percent. */
function pointOf(result: ArrowResult): Omit<Point, 'x'> {
  return { y: result.ratio * 100, ...ratioInterval(result.interval, result.fw), hollow: !result.established }
}

function notesOf(results: readonly ArrowResult[], reference: string | null, approximate: boolean): string[] {
  const interval = results.find((result) => result.interval !== null)?.interval ?? null
  return [
    'Filled: the sign is established; hollow: it is not.',
    ...(interval === null ? [] : [`Bars: ${Number((interval.level * 100).toPrecision(4))} % intervals. ${ratioNote}`]),
    ...(reference === null
      ? []
      : [`Grey: ${reference} (arXiv 2401.17505)${approximate ? ', in part read by eye from its pictures' : ''}.`]),
  ]
}

/** The results by what they are apart from the axis: a name and those of it. */
function groups(results: readonly ArrowResult[], others: readonly Dimension[]): [label: string, ArrowResult[]][] {
  const found = new Map<string, ArrowResult[]>()
  for (const result of results) {
    const label = others.map(({ value, named }) => named(value(result))).join(', ')
    const group = found.get(label)
    if (group === undefined) found.set(label, [result])
    else group.push(result)
  }
  return [...found]
}

interface Axis {
  label: string
  scale: 'linear' | 'log' | 'log2'
  value(result: ArrowResult): number
  format: (value: number) => string
  ticks?: number[]
}

function lineChart(
  about: Pick<Chart, 'name' | 'title' | 'description'>,
  results: readonly ArrowResult[],
  axis: Axis,
  others: readonly Dimension[],
  references: { label: string; points: (PaperValue & { x: number })[] }[],
): Chart {
  const all = groups(results, others)
  const series = all.map(([label, group], index): Series => {
    const points = group.map((result) => ({ x: axis.value(result), ...pointOf(result) })).sort((a, b) => a.x - b.x)
    return { ...lookOf(index), label, points, spread: 'bars', dots: true }
  })
  const paper = references.map(({ label, points }): Series => {
    return {
      ...lookOf(0),
      label,
      points: points.map(({ x, ratio }) => ({ x, y: ratio * 100 })),
      reference: true,
      spread: 'none',
      dots: true,
    }
  })
  const lines: Lines = {
    series: [...paper, ...series],
    x: { label: `${axis.label} →`, scale: axis.scale, format: axis.format, ...(axis.ticks && { ticks: axis.ticks }) },
    y: { label: `↑ ${unit}`, zero: true },
    height: { wide: 360, narrow: 300 },
  }
  const reference = references.length === 0 ? null : "the paper's models"
  const approximate = references.some(({ points }) => points.some((point) => point.approximate))
  const tooMany =
    series.length + paper.length > mostLabels(300) ? ['More lines than can be named here: the table has them all.'] : []
  return {
    ...about,
    notes: [...notesOf(results, reference, approximate), ...tooMany],
    draw: (width, id) => drawLines(id, lines, width),
    table: comparisonTable(results),
  }
}

function contextChart(results: readonly ArrowResult[], dimensions: readonly Dimension[]): Chart[] {
  if (!dimensions.some(({ key }) => key === 'attn_length')) return []
  const references = Object.entries(paperContexts).map(([language, values]) => ({
    label: `${language} (paper)`,
    points: values.map((value) => ({ ...value, x: value.length })),
  }))
  const lengths = results.map(({ model }) => model.attn_length)
  const axis: Axis = {
    label: 'context length, tokens',
    scale: 'log2',
    value: ({ model }) => model.attn_length,
    format: String,
    ticks: powersOfTwo([...lengths, ...references.flatMap(({ points }) => points.map(({ x }) => x))]),
  }
  const about = {
    name: 'context',
    title: 'The arrow against context length',
    description: `BW/FW − 1 in percent against context length from ${Math.min(...lengths)} to ${Math.max(...lengths)} tokens.`,
  }
  return [
    lineChart(
      about,
      results,
      axis,
      dimensions.filter(({ key }) => key !== 'attn_length'),
      references,
    ),
  ]
}

/** Whether models of one context length differ in size: length itself changes the number of position embeddings. */
function sizesDiffer(results: readonly ArrowResult[]): boolean {
  return results.some((one) =>
    results.some(
      (other) =>
        one.model.attn_length === other.model.attn_length &&
        (other.model.parameters as number) > 1.02 * (one.model.parameters as number),
    ),
  )
}

function sizeChart(results: readonly ArrowResult[], dimensions: readonly Dimension[]): Chart[] {
  const known = results.filter(({ model }) => model.parameters !== null && model.parameters > 0)
  if (!sizesDiffer(known)) return []
  const kinds = [...new Set(known.map(({ model }) => model.kind))]
  const references = kinds.flatMap((kind) => {
    const points = paperSizes.filter((value) => value.kind === kind).map((value) => ({ ...value, x: value.parameters }))
    return points.length === 0 ? [] : [{ label: `${kind} (paper)`, points }]
  })
  const axis: Axis = {
    label: 'parameters',
    scale: 'log',
    value: ({ model }) => model.parameters as number,
    format: shortCount,
    ticks: decades(
      known.map(({ model }) => model.parameters as number),
      references.flatMap(({ points }) => points.map(({ x }) => x)),
    ),
  }
  const about = {
    name: 'size',
    title: 'The arrow against model size',
    description: `BW/FW − 1 in percent against the number of parameters, for ${kinds.join(', ')}.`,
  }
  // Keys that set the size are the axis itself.
  const others = ['model', 'data', 'attn_length'].flatMap((key) =>
    dimensions.filter((dimension) => dimension.key === key),
  )
  return [lineChart(about, known, axis, others, references)]
}

function rowChart(
  about: Pick<Chart, 'name' | 'title' | 'description'>,
  results: readonly ArrowResult[],
  rows: Rows,
  reference: string | null,
  table: Table = comparisonTable(results),
): Chart {
  return { ...about, notes: notesOf(results, reference, true), draw: (width, id) => drawRows(id, rows, width), table }
}

/** Results by row, and by what else they are when a row has several. */
function rowPoints(
  results: readonly ArrowResult[],
  row: (result: ArrowResult) => string,
  others: readonly Dimension[],
): RowPoint[] {
  return groups(results, others).flatMap(([label, group], index) =>
    group.map((result): RowPoint => {
      const { y, ...point } = pointOf(result)
      return { ...point, x: y, row: row(result), hollow: !result.established, look: lookOf(index), label }
    }),
  )
}

function dataChart(results: readonly ArrowResult[], dimensions: readonly Dimension[]): Chart[] {
  if (!dimensions.some(({ key }) => key === 'data')) return []
  const row = (result: ArrowResult) => dataName(result.data.path)
  const points = rowPoints(
    results,
    row,
    dimensions.filter(({ key }) => key !== 'data'),
  )
  const own = [...new Set(results.map(row))]
  const named = new Map(results.map((result) => [paperLanguageOf(result.data.path)?.code, row(result)]))
  const isLanguages = [...named.keys()].some((code) => code !== undefined)
  const references = isLanguages
    ? paperLanguages.map(({ code, language, ratio }) => ({
        row: named.get(code) ?? `${language} (paper)`,
        x: ratio * 100,
      }))
    : []
  const rows = [...new Set([...own, ...references.map((reference) => reference.row)])]
  const about = {
    name: 'data',
    title: isLanguages ? 'The arrow by language' : 'The arrow by data',
    description: `BW/FW − 1 in percent for ${own.join(', ')}.`,
  }
  return [
    rowChart(
      about,
      results,
      { rows, points, references, label: `${unit} →` },
      isLanguages ? "the paper's models" : null,
    ),
  ]
}

function keyChart(results: readonly ArrowResult[], dimension: Dimension, dimensions: readonly Dimension[]): Chart {
  const others = dimensions.filter((other) => other !== dimension)
  const about = {
    name: `by-${dimension.key.replace(/[^A-Za-z0-9]+/g, '-')}`,
    title: `The arrow against ${dimension.title}`,
    description: `BW/FW − 1 in percent against ${dimension.title}.`,
  }
  if (!isNumeric(results, dimension)) {
    const row = (result: ArrowResult) => dimension.write(dimension.value(result))
    const rows = [...new Set(results.map(row))]
    return rowChart(
      about,
      results,
      { rows, points: rowPoints(results, row, others), references: [], label: `${unit} →` },
      null,
    )
  }
  const values = results.map((result) => dimension.value(result) as number)
  const isLog = Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) >= 20
  const axis: Axis = {
    label: dimension.title,
    scale: isLog ? 'log' : 'linear',
    value: (result) => dimension.value(result) as number,
    format: tick,
    ...(new Set(values).size <= 6 && { ticks: [...new Set(values)] }),
  }
  return lineChart(about, results, axis, others, [])
}

/** All in one, where nothing else tells them apart. */
function allChart(results: readonly ArrowResult[]): Chart {
  const rows = labelsOf(results)
  const points = results.map((result, index): RowPoint => {
    const { y, ...point } = pointOf(result)
    const look = { colour: colour('c4'), symbol: 'diamond' as const }
    return { ...point, x: y, row: rows[index] as string, hollow: !result.established, look }
  })
  const about = {
    name: 'all',
    title: 'The arrow of each comparison',
    description: `BW/FW − 1 in percent for ${results.length} comparisons.`,
  }
  return rowChart(about, results, { rows, points, references: [], label: `${unit} →` }, null)
}

/** None for one result. */
export function gridCharts(all: readonly ArrowResult[]): Chart[] {
  const results = all.filter(({ ratio, fw }) => Number.isFinite(ratio) && Number.isFinite(fw))
  if (results.length < 2) return []
  const dimensions = dimensionsOf(results)
  const context = contextChart(results, dimensions)
  const size = sizeChart(results, dimensions)
  const data = dataChart(results, dimensions)
  const shown = new Set(['attn_length', 'data', ...(context.length + size.length > 0 ? ['model'] : [])])
  // Where the size is the axis, keys of the model's shape say the same again.
  const rest = dimensions.filter(
    ({ key }) => !shown.has(key) && !(size.length > 0 && results.every((result) => setsSize(result, key))),
  )
  const charts = [...context, ...size, ...data, ...rest.map((dimension) => keyChart(results, dimension, dimensions))]
  return charts.length > 0 ? charts : [allChart(results)]
}

/** Whether a key of the grid is one of the model's shape. */
function setsSize({ runs }: ArrowResult, key: string): boolean {
  const shape = runs[0]?.config.model_params
  const name = key.slice(key.lastIndexOf('.') + 1)
  return shape !== undefined && name !== 'dropout' && name !== 'embd_dropout' && name in shape
}
