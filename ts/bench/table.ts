/** The rows of a run as tables for the terminal: one for each kind of benchmark and device, peers below the row they belong to. */
import { formatBytes } from '../logging/amounts.js'
import { type Column, columnsTable, paint, type TableStyle, terminalStyle } from './columns.js'
import type { Row } from './record.js'
import {
  digits,
  formatPercent,
  formatShape,
  formatSpread,
  formatTime,
  ourselves,
  withoutVersion,
  workKey,
} from './row_text.js'

/** A row, and our own of the same work when it is a peer's. */
interface Measured {
  row: Row
  ours: Row | null
}

/** Or what the rows below it have in common. */
type Line = Measured | { heading: string }

const isOurs = ({ by }: Row) => withoutVersion(by) === ourselves

/** Ours in their order, each with the peers' of the same work after it; at last peers' of work that we did not do. */
function withPeers(rows: readonly Row[]): Measured[] {
  const left = new Set(rows.filter((row) => !isOurs(row)))
  const lines = rows.filter(isOurs).flatMap((row): Measured[] => {
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

/**
 * Above each stretch of rows of one op its name, which would be too wide for a column; above peers of work that we did not
 * do its shape, where else our row would be.
 */
function underOps(lines: Measured[]): Line[] {
  return lines.flatMap((line, index) => {
    const { row, ours } = line
    const above = lines[index - 1]?.row
    const headings: Line[] = row.name === above?.name ? [] : [{ heading: row.name }]
    const isAlone = !isOurs(row) && ours === null && (above === undefined || workKey(row) !== workKey(above))
    if (isAlone) headings.push({ heading: `  ${formatShape(row.shape)}` })
    return [...headings, line]
  })
}

type Cell = (line: Line) => string

const measured =
  (cell: (line: Measured) => string): Cell =>
  (line) =>
    'heading' in line ? '' : cell(line)

const ofOurs = (cell: (row: Row) => string) => measured(({ row, ours }) => (ours === null ? cell(row) : ''))

const figure = (name: keyof Row['figures'], format: (value: number) => string) =>
  measured(({ row }) => {
    const value = row.figures[name]
    return value === undefined ? '' : format(value)
  })

/** Below an op: the shape of a row of ours, the name of a peer. */
function opCell(line: Line): string {
  if ('heading' in line) return line.heading
  return isOurs(line.row) ? `  ${formatShape(line.row.shape)}` : `    ${line.row.by}`
}

function columnsOf(bench: Row['bench'], style: TableStyle): Column<Line>[] {
  const name = (title: string): Column<Line> => ({ title, align: 'left', cell: ofOurs((row) => row.name) })
  const shape: Column<Line> = { title: 'shape', align: 'left', cell: ofOurs((row) => formatShape(row.shape)), leave: 1 }
  const precision: Column<Line> = { title: 'prec', align: 'left', cell: ofOurs((row) => row.precision ?? '') }
  const by: Column<Line> = { title: 'by', align: 'left', cell: measured(({ row }) => row.by) }
  const median: Column<Line> = { title: 'median', cell: measured(({ row }) => formatTime(row.time.median)) }
  const spread: Column<Line> = {
    title: 'spread',
    cell: measured(({ row: { time } }) => formatSpread(time.median, time.p20, time.p80)),
    leave: 2,
  }
  const flops: Column<Line> = { title: 'FLOP/s', cell: figure('tflops', formatFlops), leave: 1 }
  const bytes: Column<Line> = { title: 'GB/s', cell: figure('gbytes_per_s', digits), leave: 3 }
  // How many times faster than the peer we are. Of texts of different lengths the rates are compared.
  const ratio = measured(({ row, ours }) => {
    if (ours === null) return ''
    const [their, our] = [row.figures.mbytes_per_s, ours.figures.mbytes_per_s]
    const times = their && our ? our / their : row.time.median / ours.time.median
    return paint(times >= 1 ? 'green' : 'red', `×${digits(times)}`, style)
  })
  const faster: Column<Line> = { title: 'ours', cell: ratio }
  switch (bench) {
    case 'ceiling':
      return [name('ceiling'), shape, precision, median, spread, flops, bytes]
    case 'ops':
      return [
        { title: 'op', align: 'left', cell: opCell },
        precision,
        median,
        spread,
        flops,
        bytes,
        { title: 'of\nmatmul', cell: figure('of_matmul', formatPercent), leave: 5 },
        { title: 'of\ncopy', cell: figure('of_copy', formatPercent), leave: 4 },
        { title: 'of\nfloor', cell: figure('of_floor', formatPercent) },
        faster,
      ]
    case 'train': {
      const mfu = ({ row }: Measured) => (row.figures.mfu === undefined ? 'unknown' : formatPercent(row.figures.mfu))
      return [
        name('model'),
        shape,
        precision,
        by,
        { title: 'tokens/s', cell: figure('tokens_per_s', (rate) => Math.round(rate).toLocaleString('en-US')) },
        spread,
        { title: 'MFU', cell: measured(mfu) },
        { title: 'peak\nmemory', cell: figure('peak_memory', formatBytes) },
        faster,
      ]
    }
    case 'train_op':
      return [
        name('op'),
        precision,
        { title: 'calls', cell: measured(({ row }) => String(row.time.repeats)) },
        { ...median, title: 'mean' },
        flops,
        bytes,
        { title: 'of\nmatmul', cell: figure('of_matmul', formatPercent), leave: 4 },
        { title: 'share', cell: figure('share', formatPercent) },
      ]
    case 'tokenize':
      return [
        { title: 'work', align: 'left', cell: ofOurs(({ name, shape }) => `${name} ${shape.text ?? ''}`.trim()) },
        by,
        { title: 'threads', cell: measured(({ row }) => String(row.shape.threads ?? '')) },
        { title: 'vocabulary', cell: ofOurs(({ shape }) => String(shape.vocabulary ?? '')), leave: 4 },
        { ...median, leave: 3 },
        { ...spread, leave: 4 },
        { title: 'of', cell: figure('text_bytes', formatBytes), leave: 1 },
        { title: 'MB/s', cell: figure('mbytes_per_s', digits) },
        { title: 'memory', cell: figure('peak_memory', formatBytes), leave: 2 },
        faster,
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

/**
 * Tables of the rows, with an empty line between them and none at the end. `ours` in a peer's line is how many times
 * faster we are. In a narrow terminal columns are left out, those first that follow from others.
 */
export function rowsTable(rows: readonly Row[], style: TableStyle = terminalStyle(process.stdout)): string {
  const tables = groups(rows).map((group) => {
    const { bench, device } = group[0] as Row
    const lines = withPeers(bench === 'train_op' ? byShare(group) : group)
    const shown = bench === 'ops' ? underOps(lines) : lines
    return [
      paint('bold', `${titles[bench]} on ${device}`, style),
      ...columnsTable(columnsOf(bench, style), shown, style.width),
    ]
  })
  return tables.map((lines) => lines.join('\n')).join('\n\n')
}
