/** A comparison for the terminal. */
import { formatBytes } from '../logging/amounts.js'
import { type Column, columnsTable, paint, type TableStyle, terminalStyle } from './columns.js'
import type { Comparison, Difference, Pair, Side } from './compare.js'
import type { Row } from './record.js'
import { digits, formatShape, formatSpread, formatTime, ourselves } from './row_text.js'

/** `layernorm_forward`; with the kind of benchmark when it is not an op, and with the peer of a peer's row. */
function nameOf({ bench, name, by }: Row): string {
  return `${bench === 'ops' ? '' : `${bench} `}${name}${by === ourselves ? '' : `, ${by}`}`
}

/** `layernorm_forward (16×256×192, fp32, cpu)` */
function describe(row: Row): string {
  return `${nameOf(row)} (${[formatShape(row.shape), row.precision, row.device].filter(Boolean).join(', ')})`
}

const spread = ({ median, low, high }: Side) => formatSpread(median, low, high)

function columns(pairs: Pair[], style: TableStyle): Column<Pair>[] {
  const change = ({ change, ratio }: Pair) =>
    change === 'slower'
      ? paint('red', `×${digits(ratio)} slower`, style)
      : paint('green', `×${digits(1 / ratio)} faster`, style)
  const oneDevice = pairs.every(({ row }) => row.device === pairs[0]?.row.device)
  return [
    { title: 'what', align: 'left', cell: ({ row }) => nameOf(row) },
    { title: 'shape', align: 'left', cell: ({ row }) => formatShape(row.shape) },
    { title: 'prec', align: 'left', cell: ({ row }) => row.precision ?? '' },
    { title: 'device', align: 'left', cell: ({ row }) => row.device, ...(oneDevice && { leave: 2 }) },
    { title: 'A', cell: ({ before }) => formatTime(before.median) },
    { title: 'spread', cell: ({ before }) => spread(before), leave: 1 },
    { title: 'B', cell: ({ after }) => formatTime(after.median) },
    { title: 'spread', cell: ({ after }) => spread(after), leave: 1 },
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
    ...(changed.length === 0 ? [] : [columnsTable(columns(changed, style), changed, style.width)]),
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
