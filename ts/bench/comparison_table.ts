/** A comparison for the terminal. */
import { formatBytes } from '../logging/amounts.js'
import { type Column, columnsTable, paint, type TableStyle, terminalStyle } from './columns.js'
import type { Comparison, Difference, Pair, Side } from './compare.js'
import type { Row } from './record.js'
import { digits, formatShape, formatTime, ourselves } from './row_text.js'

/** `ops layernorm_forward 16×256×192` of our rows; with the peer's name of others. */
function describe({ bench, name, by, shape, precision, device }: Row): string {
  return [bench, name, formatShape(shape), precision, device, by === ourselves ? null : by].filter(Boolean).join(' ')
}

const interval = ({ low, high }: Side) => `${formatTime(low)}–${formatTime(high)}`

function columns(style: TableStyle): Column<Pair>[] {
  const change = ({ change, ratio }: Pair) =>
    change === 'slower'
      ? paint('red', `×${digits(ratio)} slower`, style)
      : paint('green', `×${digits(1 / ratio)} faster`, style)
  return [
    { title: 'what', align: 'left', cell: ({ row }) => row.name },
    { title: 'shape', align: 'left', cell: ({ row }) => formatShape(row.shape) },
    { title: 'prec', align: 'left', cell: ({ row }) => row.precision ?? '' },
    { title: 'device', align: 'left', cell: ({ row }) => row.device, leave: 2 },
    { title: 'by', align: 'left', cell: ({ row }) => (row.by === ourselves ? '' : row.by), leave: 1 },
    { title: 'A', cell: ({ before }) => formatTime(before.median) },
    { title: 'p20–p80', cell: ({ before }) => interval(before), leave: 3 },
    { title: 'B', cell: ({ after }) => formatTime(after.median) },
    { title: 'p20–p80', cell: ({ after }) => interval(after), leave: 3 },
    { title: 'change', cell: change },
  ]
}

const differenceLine = ({ what, before, after }: Difference) =>
  `  ${what}: ${before.join(' and ')} in A, ${after.join(' and ')} in B`

/** With a title; nothing when there are no lines. */
const section = (title: string, lines: string[]): string[][] => (lines.length === 0 ? [] : [[title, ...lines]])

/**
 * The rows that changed, slower ones first, then what else is to be known, and a line that counts:
 * `12 faster, 3 slower, 40 within the noise, 2 only in A, 0 only in B`.
 */
export function comparisonTable(comparison: Comparison, style: TableStyle = terminalStyle(process.stdout)): string {
  const { pairs, onlyBefore, onlyAfter, machines, versions } = comparison
  const changed = pairs.filter(({ change }) => change !== null)
  const count = (wanted: Pair['change']) => pairs.filter(({ change }) => change === wanted).length
  const memory = pairs.flatMap(({ row, before, after, memoryRatio }) =>
    memoryRatio === null
      ? []
      : [
          `  ${describe(row)}: ${formatBytes(before.peakMemory as number)} in A, ${formatBytes(after.peakMemory as number)} in B, ×${digits(memoryRatio)}`,
        ],
  )
  const sections = [
    ...(changed.length === 0 ? [] : [columnsTable(columns(style), changed, style.width)]),
    ...section('peak memory:', memory),
    ...section(
      'only in A:',
      onlyBefore.map((row) => `  ${describe(row)}`),
    ),
    ...section(
      'only in B:',
      onlyAfter.map((row) => `  ${describe(row)}`),
    ),
    ...section('other versions of peers:', versions.map(differenceLine)),
    ...section(
      paint('yellow', 'not the same machine, so nothing can be concluded about the code:', style),
      machines.map(differenceLine),
    ),
    [
      `${count('faster')} faster, ${count('slower')} slower, ${count(null)} within the noise, ` +
        `${onlyBefore.length} only in A, ${onlyAfter.length} only in B`,
    ],
  ]
  return sections.map((lines) => lines.join('\n')).join('\n\n')
}
