/** Tables of the report: on the page with the exact figures beside the rounded ones, as Markdown and as CSV. */
import papaparse from 'papaparse'
import { type Html, html } from './html.js'

export interface Cell {
  /** As people read it. */
  text: string
  /** Exact; null: not known. */
  value: string | number | null
}

export interface Column {
  title: string
  /** In CSV. */
  name: string
  numeric: boolean
}

export interface Table {
  columns: Column[]
  rows: Cell[][]
}

/** A column with how its cell is made of a row. */
export interface ColumnOf<Row> extends Column {
  cell(row: Row): Cell
}

export function tableOf<Row>(columns: readonly ColumnOf<Row>[], rows: readonly Row[]): Table {
  return {
    columns: columns.map(({ title, name, numeric }) => ({ title, name, numeric })),
    rows: rows.map((row) => columns.map((column) => column.cell(row))),
  }
}

/** A column of figures: `write` rounds them for people. */
export function figures<Row>(
  title: string,
  name: string,
  value: (row: Row) => number | null | undefined,
  write: (value: number | null) => string,
): ColumnOf<Row> {
  const cell = (row: Row) => {
    const exact = value(row) ?? null
    return { text: write(exact), value: exact !== null && Number.isFinite(exact) ? exact : null }
  }
  return { title, name, numeric: true, cell }
}

export function texts<Row>(title: string, name: string, value: (row: Row) => string | null): ColumnOf<Row> {
  return { title, name, numeric: false, cell: (row) => ({ text: value(row) ?? '–', value: value(row) }) }
}

/** RFC 4180: lines end in CR LF, cells with a comma, a quote or a line end are quoted. */
export function tableCsv({ columns, rows }: Table): string {
  const data = rows.map((row) => row.map(({ value }) => value))
  return `${papaparse.unparse({ fields: columns.map(({ name }) => name), data }, { newline: '\r\n' })}\r\n`
}

/** What ends a cell, or is markup, is escaped; a line end becomes <br>. */
const markdownCell = (text: string) =>
  text.replace(/[\\|`*_<>[\]~&]/g, (letter) => `\\${letter}`).replace(/\r\n|\r|\n/g, '<br>')

export function tableMarkdown({ columns, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`
  return [
    line(columns.map(({ title }) => markdownCell(title))),
    line(columns.map(({ numeric }) => (numeric ? '--:' : '---'))),
    ...rows.map((row) => line(row.map(({ text }) => markdownCell(text)))),
  ].join('')
}

/** The table alone, in a region of its own that scrolls. The first column names its rows. */
export function tableHtml({ columns, rows }: Table, { id, label }: { id: string; label: string }): Html {
  const side = (column: number) => (columns[column]?.numeric ? html` class="number"` : null)
  const cell = ({ text, value }: Cell, column: number) => {
    const exact = value === null ? null : html` data-value="${value}"`
    return column === 0
      ? html`<th scope="row"${side(column)}${exact}>${text}</th>`
      : html`<td${side(column)}${exact}>${text}</td>`
  }
  return html`<div class="scroll" role="region" tabindex="0" id="${id}" aria-label="${label}"><table>
<thead><tr>${columns.map(({ title }, column) => html`<th scope="col"${side(column)}>${title}</th>`)}</tr></thead>
<tbody>
${rows.map((row) => html`<tr>${row.map(cell)}</tr>\n`)}</tbody>
</table></div>\n`
}

function copyText(kind: string, text: string, id: string): Html {
  return html`<div class="copy"><button type="button" id="${id}-button" data-copy="${id}">Copy as ${kind}</button>
<details id="${id}-details"><summary id="${id}-summary">as ${kind}</summary><textarea id="${id}" readonly rows="6" wrap="off" spellcheck="false" aria-label="The table as ${kind}">
${text}</textarea></details></div>\n`
}

/** The table with what copies it. */
export function copiedTable(table: Table, { id, label }: { id: string; label: string }): Html {
  return html`${tableHtml(table, { id, label })}<div class="copies">${[
    copyText('Markdown', tableMarkdown(table), `${id}-markdown`),
    copyText('CSV', tableCsv(table), `${id}-csv`),
  ]}</div>\n`
}
