/** Files of rows in CSV, for spreadsheets and scripts: one line a row, the run's facts on each. */
import papaparse from 'papaparse'
import { AotError } from '../errors.js'
import { checkRun } from './file.js'
import { type Figures, figures, type Row, type Run } from './record.js'
import { changeFile, checkChange } from './whole_file.js'

type Cell = string | number | null | undefined

/** `batch=16 window=256`, by name. */
export function flatShape(shape: Row['shape']): string {
  return Object.entries(shape)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join(' ')
}

const figureNames = Object.keys(figures.shape) as (keyof Figures)[]

const columns: [string, (run: Run, row: Row) => Cell][] = [
  ['date', (run) => run.date],
  ['version', (run) => run.version],
  ['commit', (run) => run.commit],
  ['command', (run) => run.command],
  ['processor', ({ machine }) => machine.processor],
  ['cores', ({ machine }) => machine.cores],
  ['memory', ({ machine }) => machine.memory],
  ['system', ({ machine }) => machine.system],
  ['node', ({ machine }) => machine.node],
  ['devices', ({ machine }) => machine.devices.join('; ')],
  ['steal', ({ noise }) => noise.steal],
  ['others', ({ noise }) => noise.others],
  ['bench', (_, row) => row.bench],
  ['name', (_, row) => row.name],
  ['by', (_, row) => row.by],
  ['device', (_, row) => row.device],
  ['precision', (_, row) => row.precision],
  ['shape', (_, row) => flatShape(row.shape)],
  ['median_s', (_, { time }) => time.median],
  ['p20_s', (_, { time }) => time.p20],
  ['p80_s', (_, { time }) => time.p80],
  ['repeats', (_, { time }) => time.repeats],
  ...figureNames.map((name): [string, (run: Run, row: Row) => Cell] => [name, (_, row) => row.figures[name]]),
]

const header = columns.map(([name]) => name).join(',')

const cure = 'name another file; this one was left as it is'

/** Throws AOT_DATA unless the text is whole lines under our header. */
function checkText(path: string, text: string): void {
  const end = text.indexOf('\n')
  if ((end < 0 ? text : text.slice(0, end)) !== header) {
    throw new AotError('AOT_DATA', `${path} does not begin with the columns that --csv of this version writes: ${cure}`)
  }
  if (!text.endsWith('\n')) {
    throw new AotError('AOT_DATA', `${path} ends in the midst of a line: take that line out, or ${cure}`)
  }
  const { data, errors } = papaparse.parse<string[]>(text.slice(0, -1), { delimiter: ',', newline: '\n' })
  const short = data.findIndex((cells) => cells.length !== columns.length)
  if (errors[0] !== undefined || short >= 0) {
    const what =
      short >= 0 ? `has ${data[short]?.length} cells, not ${columns.length}` : 'has a quote without its other'
    const record = short >= 0 ? short : (errors[0]?.row ?? 0)
    throw new AotError('AOT_DATA', `${path} is damaged (row ${record + 1} ${what}): take that row out, or ${cure}`)
  }
}

/** Whether appendCsv() can add to the file, to know it before the benchmark; rejects as that does. */
export function checkCsv(path: string): Promise<void> {
  return checkChange(path, (text) => {
    if (text !== null && text !== '') checkText(path, text)
  })
}

/**
 * Adds the rows of a run to the file, under a header when it is new or empty; what the file has stays, byte for byte. The
 * new file takes the place of the old one at once, so that a process killed on the way leaves whole lines, and processes
 * that add to one file wait for each other. A file with another header, half a last line (some other program's: it cannot
 * be told whether its last number is whole) or damaged rows is refused, not repaired: AOT_DATA. AOT_IO as changeFile().
 */
export async function appendCsv(path: string, run: Run): Promise<void> {
  checkRun(run)
  const rows = run.rows.map((row) => columns.map(([, cell]) => cell(run, row)))
  const lines = rows.length === 0 ? '' : `${papaparse.unparse(rows, { newline: '\n' })}\n`
  await changeFile(path, (text) => {
    if (text === null || text === '') return `${header}\n${lines}`
    checkText(path, text)
    return text + lines
  })
}
