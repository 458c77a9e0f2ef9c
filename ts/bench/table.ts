/** The rows of a run as tables for the terminal: one for each kind of benchmark and device, peers below the row they belong to. */
import { formatBytes } from '../logging/amounts.js'
import { type Column, columnsTable, paint, type TableStyle } from './columns.js'
import type { Row } from './record.js'
import {
  digits,
  formatPercent,
  formatShape,
  formatSpread,
  formatTime,
  ourselves,
  usesColours,
  withoutVersion,
  workKey,
} from './row_text.js'

/** A row, and our own of the same work when it is a peer's. */
interface Line {
  row: Row
  ours: Row | null
}

/** Ours in their order, each with the peers' of the same work after it; at last peers' of work that we did not do. */
function withPeers(rows: readonly Row[]): Line[] {
  const isOurs = (row: Row) => withoutVersion(row.by) === ourselves
  const left = new Set(rows.filter((row) => !isOurs(row)))
  const lines = rows.filter(isOurs).flatMap((row): Line[] => {
    const peers = [...left].filter((peer) => workKey(peer) === workKey(row))
    for (const peer of peers) left.delete(peer)
    return [{ row, ours: null }, ...peers.map((peer) => ({ row: peer, ours: row }))]
  })
  return [...lines, ...[...left].map((row) => ({ row, ours: null }))]
}

const flopUnits: [number, string][] = [
  [1e-3, 'G'],
  [1, 'T'],
  [1e3, 'P'],
]

/** `812 G` of 0.812 TFLOP/s. */
function formatFlops(tflops: number): string {
  const [unit, name] = flopUnits.findLast(([unit]) => tflops >= 0.9995 * unit) ?? [1e-3, 'G']
  return `${digits(tflops / unit)} ${name}`
}

const figure = (name: keyof Row['figures'], format: (value: number) => string) => (line: Line) => {
  const value = line.row.figures[name]
  return value === undefined ? '' : format(value)
}

/** How many times the peer's time ours is less: above 1 we are faster. */
function ratio({ row, ours }: Line, style: TableStyle): string {
  if (ours === null) return ''
  const times = row.time.median / ours.time.median
  return paint(times >= 1 ? 'green' : 'red', `×${digits(times)}`, style)
}

/** A row of ours has its name in the first column, a peer's below it the peer's. */
const nameOrPeer = ({ row, ours }: Line) => (ours === null ? row.name : `  ${row.by}`)
const onlyOurs = (cell: (row: Row) => string) => (line: Line) => (line.ours === null ? cell(line.row) : '')

function columnsOf(bench: Row['bench'], style: TableStyle): Column<Line>[] {
  const shape: Column<Line> = { title: 'shape', align: 'left', cell: onlyOurs((row) => formatShape(row.shape)) }
  const precision: Column<Line> = { title: 'prec', align: 'left', cell: onlyOurs((row) => row.precision ?? '') }
  const by: Column<Line> = { title: 'by', align: 'left', cell: ({ row }) => row.by }
  const median: Column<Line> = { title: 'median', cell: ({ row }) => formatTime(row.time.median) }
  const spread: Column<Line> = { title: 'spread', cell: ({ row }) => formatSpread(row.time), leave: 1 }
  const ours: Column<Line> = { title: 'ours', cell: (line) => ratio(line, style) }
  const rates: Column<Line>[] = [
    { title: 'FLOP/s', cell: figure('tflops', formatFlops), leave: 2 },
    { title: 'GB/s', cell: figure('gbytes_per_s', digits), leave: 3 },
    { title: 'of matmul', cell: figure('of_matmul', formatPercent), leave: 5 },
    { title: 'of copy', cell: figure('of_copy', formatPercent), leave: 4 },
    { title: 'of floor', cell: figure('of_floor', formatPercent) },
  ]
  switch (bench) {
    case 'ceiling':
    case 'ops':
      return [{ title: 'op', align: 'left', cell: nameOrPeer }, shape, precision, median, spread, ...rates, ours]
    case 'train':
      return [
        { title: 'model', align: 'left', cell: onlyOurs((row) => row.name) },
        { ...shape, leave: 2 },
        precision,
        by,
        { title: 'tokens/s', cell: figure('tokens_per_s', (rate) => Math.round(rate).toLocaleString('en-US')) },
        spread,
        {
          title: 'MFU',
          cell: ({ row }) => (row.figures.mfu === undefined ? 'unknown' : formatPercent(row.figures.mfu)),
        },
        { title: 'peak memory', cell: figure('peak_memory', formatBytes) },
        ours,
      ]
    case 'train_op':
      return [
        { title: 'op', align: 'left', cell: nameOrPeer },
        { ...shape, leave: 2 },
        precision,
        median,
        spread,
        { title: 'share', cell: figure('share', formatPercent) },
      ]
    case 'tokenize':
      return [
        { title: 'work', align: 'left', cell: onlyOurs((row) => row.name) },
        by,
        { title: 'threads', cell: ({ row }) => String(row.shape.threads ?? '') },
        {
          ...shape,
          cell: onlyOurs(({ shape: { threads: _, ...rest } }) => formatShape(rest)),
          leave: 2,
        },
        median,
        spread,
        { title: 'MB/s', cell: figure('mbytes_per_s', digits) },
        ours,
      ]
  }
}

const titles: Record<Row['bench'], string> = {
  ceiling: 'ceilings',
  ops: 'ops',
  train: 'training',
  train_op: 'share of a training step',
  tokenize: 'tokenizing',
}

/** Rows of one kind together, the kinds and devices in the order in which they come. */
function groups(rows: readonly Row[]): Row[][] {
  const found = new Map<string, Row[]>()
  for (const row of rows) {
    const key = JSON.stringify([row.bench, row.device])
    const group = found.get(key)
    if (group === undefined) found.set(key, [row])
    else group.push(row)
  }
  return [...found.values()]
}

/** Ops by their share of the step, as far as they are of one step. */
function byShare(rows: Row[]): Row[] {
  const step = ({ by, precision, shape }: Row) => JSON.stringify([by, precision, shape])
  const steps = [...new Set(rows.map(step))]
  return steps.flatMap((key) =>
    rows.filter((row) => step(row) === key).sort((a, b) => (b.figures.share ?? 0) - (a.figures.share ?? 0)),
  )
}

/** Of the terminal that the command writes to; 100 columns without colours when it is none. */
export function terminalStyle(stream: { isTTY?: boolean; columns?: number }): TableStyle {
  return { width: stream.isTTY ? (stream.columns ?? 100) : 100, colours: usesColours(stream) }
}

/**
 * Tables of the rows, with an empty line between them and none at the end. `ours` in a peer's line is how many times
 * faster we are. In a narrow terminal columns are left out, those first that follow from others.
 */
export function rowsTable(rows: readonly Row[], style: TableStyle = terminalStyle(process.stdout)): string {
  const tables = groups(rows).map((group) => {
    const { bench, device } = group[0] as Row
    const lines = withPeers(bench === 'train_op' ? byShare(group) : group)
    return [
      paint('bold', `${titles[bench]} on ${device}`, style),
      ...columnsTable(columnsOf(bench, style), lines, style),
    ]
  })
  return tables.map((lines) => lines.join('\n')).join('\n\n')
}
