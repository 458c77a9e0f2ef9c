/** Compares two files of runs: what changed beyond noise. */
import type { BenchFile, Row, Run } from './record.js'
import { timeOf } from './record.js'
import { withoutVersion, workKey } from './row_text.js'

/** One row's work as a whole file has it. */
export interface Side {
  /** Seconds: of its runs' medians the median, of their p20 the smallest, of their p80 the largest. */
  median: number
  low: number
  high: number
  /** How many rows of the file these are. */
  rows: number
  /** Bytes: the median of its rows'; null when none tells. */
  peakMemory: number | null
}

export interface Pair {
  /** A row of the later file: its names and sizes. */
  row: Row
  before: Side
  after: Side
  /** Of the medians, after by before: above 1 it became slower. */
  ratio: number
  change: 'faster' | 'slower' | null
  /** Peak memory after by before when that changed, else null. */
  memoryRatio: number | null
}

export interface Comparison {
  /** Slower ones first, those that changed most first; the others in the order of the file. */
  pairs: Pair[]
  onlyBefore: Row[]
  onlyAfter: Row[]
  /** Where the runs are not all of one machine: nothing can be concluded about the code then. */
  machines: Difference[]
  /** Peers whose version is not the same in both. */
  versions: Difference[]
}

export interface Difference {
  what: string
  before: string[]
  after: string[]
}

/** More than this part must lie between two medians, or two peaks of memory, to be called a change. */
const leastChange = { time: 0.02, memory: 0.05 }

/** A peer's newer version is compared with its older one. */
const keyOf = (row: Row) => JSON.stringify([workKey(row), withoutVersion(row.by)])

function byKey({ runs }: BenchFile): Map<string, Row[]> {
  const found = new Map<string, Row[]>()
  for (const row of runs.flatMap(({ rows }) => rows)) {
    const rows = found.get(keyOf(row))
    if (rows === undefined) found.set(keyOf(row), [row])
    else rows.push(row)
  }
  return found
}

const medianOf = (values: number[]) => timeOf(values).median

function sideOf(rows: Row[]): Side {
  const peaks = rows.map(({ figures }) => figures.peak_memory).filter((bytes) => bytes !== undefined)
  return {
    median: medianOf(rows.map(({ time }) => time.median)),
    low: Math.min(...rows.map(({ time }) => time.p20)),
    high: Math.max(...rows.map(({ time }) => time.p80)),
    rows: rows.length,
    peakMemory: peaks.length === 0 ? null : medianOf(peaks),
  }
}

/** The same for a change and its opposite. */
const exceeds = (ratio: number, part: number) => Math.max(ratio, 1 / ratio) > 1 + part

function pairOf(row: Row, before: Side, after: Side): Pair {
  const ratio = after.median / before.median
  const apart = before.high < after.low || after.high < before.low
  const changed = apart && exceeds(ratio, leastChange.time)
  const memory = before.peakMemory === null || after.peakMemory === null ? 1 : after.peakMemory / before.peakMemory
  return {
    row,
    before,
    after,
    ratio,
    change: !changed ? null : ratio > 1 ? 'slower' : 'faster',
    memoryRatio: exceeds(memory, leastChange.memory) ? memory : null,
  }
}

const distinct = (values: string[]) => [...new Set(values)].sort()

/** What the runs of both files together do not agree on. */
function machineDifferences(before: Run[], after: Run[]): Difference[] {
  const facts: [string, (run: Run) => string][] = [
    ['processor', ({ machine }) => machine.processor],
    ['cores', ({ machine }) => String(machine.cores)],
    ['devices', ({ machine }) => machine.devices.join('; ') || 'none'],
    ['node', ({ machine }) => machine.node],
  ]
  return facts
    .map(([what, fact]) => ({ what, before: distinct(before.map(fact)), after: distinct(after.map(fact)) }))
    .filter((fact) => distinct([...fact.before, ...fact.after]).length > 1)
}

function versionDifferences(before: BenchFile, after: BenchFile): Difference[] {
  const names = ({ runs }: BenchFile) => distinct(runs.flatMap(({ rows }) => rows.map(({ by }) => by)))
  const [namesBefore, namesAfter] = [names(before), names(after)]
  return distinct(namesBefore.map(withoutVersion))
    .map((what) => ({
      what,
      before: namesBefore.filter((by) => withoutVersion(by) === what),
      after: namesAfter.filter((by) => withoutVersion(by) === what),
    }))
    .filter(({ before, after }) => after.length > 0 && before.join() !== after.join())
}

const order = { slower: 0, faster: 1 }

/**
 * Rows of the same work (bench, name, device, precision, sizes) by the same, whatever its version, are set side by side.
 *
 * The noise: a file gathers runs, so a row's interval is from the smallest p20 to the largest p80 of all rows of its key in
 * the file, which holds what differs from run to run as well as within one. `change` is said when the intervals of the two
 * sides do not meet and the medians are more than 2 % apart; all else is within the noise. A file of one run knows nothing
 * of what differs between runs: gather some. Peak memory is said when it is more than 5 % apart.
 */
export function compare(before: BenchFile, after: BenchFile): Comparison {
  const [rowsBefore, rowsAfter] = [byKey(before), byKey(after)]
  const pairs: Pair[] = []
  const onlyAfter: Row[] = []
  for (const [key, rows] of rowsAfter) {
    const earlier = rowsBefore.get(key)
    const row = rows[0] as Row
    if (earlier === undefined) onlyAfter.push(row)
    else pairs.push(pairOf(row, sideOf(earlier), sideOf(rows)))
  }
  const place = ({ change }: Pair) => (change === null ? 2 : order[change])
  const amount = ({ change, ratio }: Pair) => (change === null ? 0 : Math.abs(Math.log(ratio)))
  return {
    pairs: pairs.sort((a, b) => place(a) - place(b) || amount(b) - amount(a)),
    onlyBefore: [...rowsBefore].filter(([key]) => !rowsAfter.has(key)).map(([, [row]]) => row as Row),
    onlyAfter,
    machines: machineDifferences(before.runs, after.runs),
    versions: versionDifferences(before, after),
  }
}
