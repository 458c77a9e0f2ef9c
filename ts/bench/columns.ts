/** Tables that fit a terminal: columns without anything in them, and the least of those that are too many, are left out. */
import { stripVTControlCharacters, styleText } from 'node:util'
import Table from 'cli-table3'

export interface Column<Line> {
  /** Of one line or two. */
  title: string
  /** Empty where the line has nothing of it. */
  cell: (line: Line) => string
  align?: 'left' | 'right'
  /** The higher, the sooner the column is left out of a narrow terminal. Without it, it stays. */
  leave?: number
}

export interface TableStyle {
  /** Of the terminal, in characters. */
  width: number
  colours: boolean
}

/** Of the terminal that the command writes to; 100 columns without colours when it is none. */
export function terminalStyle(stream: { isTTY?: boolean; columns?: number }): TableStyle {
  const isTerminal = stream.isTTY === true
  return { width: (isTerminal && stream.columns) || 100, colours: isTerminal && (process.env.NO_COLOR ?? '') === '' }
}

type Paint = Parameters<typeof styleText>[0]

/** The text in colours; as it is where there are none. */
export function paint(how: Paint, text: string, { colours }: TableStyle): string {
  return colours && text !== '' ? styleText(how, text, { validateStream: false }) : text
}

const noLines = Object.fromEntries(
  ['top', 'bottom', 'mid', 'left', 'right'].flatMap((side) =>
    ['', '-mid', '-left', '-right'].map((end) => [side + end, '']),
  ),
)

function render<Line>(columns: Column<Line>[], lines: readonly Line[]): string[] {
  const table = new Table({
    colAligns: columns.map(({ align }) => align ?? 'right'),
    chars: { ...noLines, middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  table.push(columns.map(({ title }) => ({ content: title, vAlign: 'bottom' as const })))
  table.push(...lines.map((line) => columns.map(({ cell }) => cell(line))))
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
}

const widest = (lines: string[]) => Math.max(...lines.map((line) => [...stripVTControlCharacters(line)].length))

/** Wider than the terminal only when the columns that must stay are. */
export function columnsTable<Line>(columns: Column<Line>[], lines: readonly Line[], width: number): string[] {
  let kept = columns.filter(({ cell }) => lines.some((line) => cell(line) !== ''))
  for (;;) {
    const rendered = render(kept, lines)
    const leave = Math.max(...kept.map(({ leave }) => leave ?? 0))
    if (leave === 0 || widest(rendered) <= width) return rendered
    kept = kept.filter((column) => column.leave !== leave)
  }
}
