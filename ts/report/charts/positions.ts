/** Loss by position: in the order of training for each direction, and by place in the text where sources were looked for. */
import type { ArrowResult } from '../../arrow/types.js'
import { plain, signed } from '../numbers.js'
import { colour, directionLook, type Look } from '../palette.js'
import { type ColumnOf, figures, type Table, tableOf } from '../tables.js'
import type { Chart } from './draw.js'
import { drawLines, type Lines, type Series } from './lines.js'

/** Longer sequences are averaged over stretches, each a sixteenth of what lies before it. */
const mostSingle = 128

/** A stretch of positions, first one 1, with both ends in it. */
interface Stretch {
  from: number
  to: number
}

/** Stretches that cover 1..length: single positions where that is short, else longer ones the further on. */
export function stretches(length: number): Stretch[] {
  const result: Stretch[] = []
  for (let from = 1; from <= length; ) {
    const size = length <= mostSingle ? 1 : Math.max(1, Math.floor(from / 16))
    const to = Math.min(length, from + size - 1)
    result.push({ from, to })
    from = to + 1
  }
  return result
}

const mean = (values: readonly number[], { from, to }: Stretch) => {
  const part = values.slice(from - 1, to)
  return part.reduce((sum, value) => sum + value, 0) / part.length
}

interface Curve {
  label: string
  look: Look
  values: readonly number[]
}

interface Row {
  stretch: Stretch
  values: (number | null)[]
  difference: number | null
}

interface Sequence {
  /** Of the chart's name. */
  name: string
  /** `position` or `place`. */
  what: string
  axis: string
  curves: Curve[]
  log: boolean
  notes: string[]
}

function rowsOf({ curves }: Sequence): Row[] {
  const length = Math.max(0, ...curves.map(({ values }) => values.length))
  return stretches(length).map((stretch) => {
    const values = curves.map((curve) => (stretch.to <= curve.values.length ? mean(curve.values, stretch) : null))
    const [first, second] = values
    return { stretch, values, difference: first == null || second == null ? null : second - first }
  })
}

function tableFor({ curves, what }: Sequence, rows: Row[]): Table {
  const whole = (value: number | null) => String(value ?? '–')
  const columns: ColumnOf<Row>[] = [
    figures(what, what, ({ stretch }) => stretch.from, whole),
    ...(rows.some(({ stretch }) => stretch.to > stretch.from)
      ? [figures<Row>('to', `${what}_to`, ({ stretch }) => stretch.to, whole)]
      : []),
    ...curves.map(({ label }, index) =>
      figures<Row>(label, label.replaceAll(' ', '_'), ({ values }) => values[index], plain),
    ),
    figures('BW − FW', 'difference', ({ difference }) => difference, signed),
  ]
  return tableOf(columns, rows)
}

function chartsOf(sequence: Sequence, titles: [loss: string, difference: string]): Chart[] {
  const rows = rowsOf(sequence)
  if (rows.length === 0) return []
  const table = tableFor(sequence, rows)
  const x = { label: sequence.axis, scale: sequence.log ? ('log2' as const) : ('linear' as const) }
  const at = ({ from, to }: Stretch) => (sequence.log ? Math.sqrt(from * to) : (from + to) / 2)
  const dots = rows.length <= 40
  const lines: Lines = {
    series: sequence.curves.map(({ label, look }, index) => ({
      ...look,
      label,
      points: rows.flatMap(({ stretch, values }) => {
        const y = values[index]
        return y === null || y === undefined || !Number.isFinite(y) ? [] : [{ x: at(stretch), y }]
      }),
      spread: 'none',
      dots,
    })),
    x,
    y: { label: '↑ loss, nats per token', zero: false },
  }
  const difference: Series = {
    label: '',
    colour: colour('c4'),
    symbol: 'diamond',
    points: rows.flatMap(({ stretch, difference: y }) =>
      y === null || !Number.isFinite(y) ? [] : [{ x: at(stretch), y }],
    ),
    spread: 'none',
    dots,
  }
  const differences: Lines = { series: [difference], x, y: { label: '↑ BW − FW, nats per token', zero: true } }
  const averaged = rows.some(({ stretch }) => stretch.to > stretch.from)
  const notes = [
    ...sequence.notes,
    ...(averaged ? ['Later points are means over stretches; the table has their ends.'] : []),
  ]
  const loss = {
    name: sequence.name,
    title: titles[0],
    description: `Mean validation loss against ${sequence.what}, for ${sequence.curves.map(({ label }) => label).join(', ')}.`,
  }
  const second = {
    name: `${sequence.name}-difference`,
    title: titles[1],
    description: `Backward minus forward, nats per token, against ${sequence.what}, with zero as a line.`,
  }
  return [
    { ...loss, notes, draw: (width: number, id: string) => drawLines(id, lines, width), table },
    ...(difference.points.length === 0
      ? []
      : [{ ...second, notes, draw: (width: number, id: string) => drawLines(id, differences, width), table }]),
  ]
}

/** At position 1 a model has seen nothing but BOS; at position n, n - 1 tokens, each direction those on its side. */
export function positionCharts({ directions, by_position: by }: ArrowResult): Chart[] {
  const curves = directions.flatMap((direction): Curve[] => {
    const values = by[direction]
    return values === undefined ? [] : [{ label: direction, look: directionLook(direction, directions), values }]
  })
  const length = Math.max(0, ...curves.map(({ values }) => values.length))
  const sequence: Sequence = {
    name: 'position',
    what: 'position',
    axis: 'position in order of training →',
    curves,
    log: length > 48,
    notes: ['At position 1 a model has seen nothing; at each further one a token more, from its own side.'],
  }
  return chartsOf(sequence, ['Loss by position', 'Difference by position'])
}

/** In reading order: both directions predict the same token at the same place, forward from its left, backward from its right. */
export function placeCharts({ sources, directions }: ArrowResult): Chart[] {
  if (sources === null) return []
  const curve = (label: string, values: readonly number[]) => ({
    label,
    look: directionLook(label, directions),
    values,
  })
  const sequence: Sequence = {
    name: 'place',
    what: 'place',
    axis: 'place in the window, reading order →',
    curves: [curve('forward', sources.fw_by_place), curve('backward', sources.bw_by_place)],
    log: false,
    notes: ['Forward has little context on the left of a window, backward on the right.'],
  }
  return chartsOf(sequence, ['Loss by place in the text', 'Difference by place in the text'])
}
