/** What came of comparisons, for a terminal: the verdicts, and a table with a row for each. */
import wrapAnsi from 'wrap-ansi'
import type { ArrowResult } from '../arrow/types.js'
import { type Column, columnsTable, paint, type TableStyle, terminalStyle } from '../bench/columns.js'
import { shortened } from '../queue/lines.js'
import { labelsOf } from './dimensions.js'
import { percent, plain, range, signed } from './numbers.js'

interface Row {
  /** What tells it from the others; empty where there are none. */
  label: string
  result: ArrowResult
}

function columnsOf(results: readonly ArrowResult[], style: TableStyle): Column<Row>[] {
  const others = [...new Set(results.flatMap(({ others }) => Object.keys(others)))]
  const levels = [...new Set(results.flatMap(({ interval }) => (interval === null ? [] : [interval.level])))]
  const ofLevel = levels.length === 1 ? `${Math.round(100 * (levels[0] as number))} % ` : ''
  const sign = ({ established }: ArrowResult) => (established ? paint('green', 'established', style) : 'open')
  return [
    { title: '', align: 'left', cell: ({ label }) => shortened(label, Math.floor(style.width / 3)) },
    { title: 'seeds', cell: ({ result }) => String(result.seeds.length), leave: 3 },
    { title: 'forward', cell: ({ result }) => plain(result.fw) },
    { title: 'backward', cell: ({ result }) => plain(result.bw) },
    { title: 'difference', cell: ({ result }) => signed(result.difference) },
    {
      title: `${ofLevel}interval`,
      cell: ({ result: { interval } }) => (interval === null ? '' : range(interval)),
      leave: 1,
    },
    { title: 'BW/FW−1', cell: ({ result }) => percent(result.ratio), leave: 4 },
    ...others.map((direction): Column<Row> => {
      const cell = ({ result: { losses } }: Row) => (direction in losses ? plain(losses[direction]) : '')
      return { title: direction, cell, leave: 2 }
    }),
    { title: 'sign', align: 'left', cell: ({ result }) => sign(result), leave: 5 },
  ]
}

/** A text that is kept, and read anywhere, has 80 columns. */
function styleOf(stream: NodeJS.WriteStream): TableStyle {
  return stream.isTTY ? terminalStyle(stream) : { width: 80, colours: false }
}

/** Lines without an end of line after the last: for each comparison its verdict, then the losses, nats per token. */
export function summaryText(results: readonly ArrowResult[], style = styleOf(process.stdout)): string {
  const labels = results.length > 1 ? labelsOf(results) : ['']
  const rows = results.map((result, index): Row => ({ label: labels[index] as string, result }))
  const verdicts = rows.map(({ label, result: { verdict } }) =>
    wrapAnsi(label === '' ? verdict : `${label}: ${verdict}`, style.width, { hard: true }),
  )
  const table = columnsTable(columnsOf(results, style), rows, style.width)
  return [...verdicts, '', 'Validation loss, nats per token', ...table].join('\n')
}
