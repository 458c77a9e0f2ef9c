/** What came of comparisons, for a terminal: the verdicts, and a table with a row for each. */
import wrapAnsi from 'wrap-ansi'
import type { ArrowResult } from '../arrow/types.js'
import { type Column, columnsTable, paint, type TableStyle, terminalStyle } from '../bench/columns.js'
import { shortened } from '../queue/lines.js'

const signed = (value: number, digits: number) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(digits)}`

/** What tells it from the others. */
function nameOf({ name, cell }: ArrowResult): string {
  const parts = Object.entries(cell).map(([key, value]) => `${key}=${value}`)
  return parts.length > 0 ? parts.join(' ') : name
}

function intervalCell({ interval }: ArrowResult): string {
  return interval === null ? '' : `${signed(interval.low, 4)} to ${signed(interval.high, 4)}`
}

function columnsOf(results: readonly ArrowResult[], style: TableStyle): Column<ArrowResult>[] {
  const others = [...new Set(results.flatMap(({ others }) => Object.keys(others)))]
  const levels = [...new Set(results.flatMap(({ interval }) => (interval === null ? [] : [interval.level])))]
  const ofLevel = levels.length === 1 ? `${Math.round(100 * (levels[0] as number))} % ` : ''
  return [
    {
      title: '',
      align: 'left',
      cell: (result) => (results.length > 1 ? shortened(nameOf(result), Math.floor(style.width / 3)) : ''),
    },
    { title: 'seeds', cell: ({ seeds }) => String(seeds.length), leave: 3 },
    { title: 'forward', cell: ({ fw }) => fw.toFixed(4) },
    { title: 'backward', cell: ({ bw }) => bw.toFixed(4) },
    { title: 'difference', cell: ({ difference }) => signed(difference, 4) },
    { title: `${ofLevel}interval`, cell: intervalCell, leave: 1 },
    { title: 'BW/FW−1', cell: ({ ratio }) => `${signed(100 * ratio, 2)} %`, leave: 4 },
    ...others.map(
      (direction): Column<ArrowResult> => ({
        title: direction,
        cell: ({ losses }) => losses[direction]?.toFixed(4) ?? '',
        leave: 2,
      }),
    ),
    {
      title: 'sign',
      align: 'left',
      cell: ({ established }) => (established ? paint('green', 'established', style) : 'open'),
      leave: 5,
    },
  ]
}

/** A text that is kept, and read anywhere, has 80 columns. */
function styleOf(stream: NodeJS.WriteStream): TableStyle {
  return stream.isTTY ? terminalStyle(stream) : { width: 80, colours: false }
}

/** Lines without an end of line after the last: for each comparison its verdict, then the losses, nats per token. */
export function summaryText(results: readonly ArrowResult[], style = styleOf(process.stdout)): string {
  const verdicts = results.map((result) => {
    const line = results.length > 1 ? `${nameOf(result)}: ${result.verdict}` : result.verdict
    return wrapAnsi(line, style.width, { hard: true })
  })
  return [
    ...verdicts,
    '',
    'Validation loss, nats per token',
    ...columnsTable(columnsOf(results, style), results, style.width),
  ].join('\n')
}
