/** What came of a queue: a table, and the exit status. */
import { type Column, columnsTable, paint, type TableStyle } from '../bench/columns.js'
import { formatDuration, formatWhole } from '../logging/amounts.js'
import type { QueueRun } from './state.js'

function stateCell({ state }: QueueRun, style: TableStyle): string {
  switch (state.kind) {
    case 'done':
      return paint('green', state.devices === null ? 'done before' : 'done', style)
    case 'failed':
      return paint('red', 'failed', style)
    case 'stopped':
      return paint('yellow', state.step === null ? 'not begun' : 'stopped', style)
    default:
      return state.kind
  }
}

export function summaryTable(runs: readonly QueueRun[], style: TableStyle): string {
  const past = (cell: (state: Exclude<QueueRun['state'], { kind: 'waiting' | 'running' }>) => string) => {
    return ({ state }: QueueRun) => (state.kind === 'waiting' || state.kind === 'running' ? '' : cell(state))
  }
  const columns: Column<QueueRun>[] = [
    { title: 'run', align: 'left', cell: ({ name }) => name },
    { title: 'device', align: 'left', cell: past(({ devices }) => devices ?? ''), leave: 3 },
    { title: 'steps', cell: past(({ step }) => (step === null ? '' : formatWhole(step))), leave: 2 },
    { title: 'validation\nloss', cell: past(({ validLoss }) => validLoss?.toFixed(4) ?? '') },
    { title: 'time', cell: past(({ seconds }) => (seconds === null ? '' : formatDuration(seconds))), leave: 4 },
    { title: 'state', align: 'left', cell: (run) => stateCell(run, style) },
  ]
  const failures = runs.flatMap(({ name, state }) => (state.kind === 'failed' ? [`${name}: ${state.line}`] : []))
  return [...columnsTable(columns, runs, style.width), ...(failures.length > 0 ? ['', ...failures] : [])].join('\n')
}

/** 0 when all are done, 2 when some failed by the user's mistakes, 1 when one failed by ours. */
export function queueStatus(runs: readonly QueueRun[]): 0 | 1 | 2 {
  const failed = runs.flatMap(({ state }) => (state.kind === 'failed' ? [state] : []))
  return failed.some(({ isOurs }) => isOurs) ? 1 : failed.length > 0 ? 2 : 0
}
