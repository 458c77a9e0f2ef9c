/** aot-bench ops: every op of the table alone, on the shapes that models give it. */
import { AotError } from '../errors.js'
import { type NativeOp, native, nativeFor } from '../native.js'
import type { Ceilings } from './ceilings.js'
import { opFigures } from './figures.js'
import { type Row, timeOf } from './record.js'
import { type ModelShape, type OpCall, opCalls } from './shapes.js'

export interface OpsRequest {
  device: string
  precisions: readonly ('fp32' | 'bf16')[]
  threads: number
  models: readonly ModelShape[]
  /** Parts of names; empty: all. */
  ops: readonly string[]
  /** For each call. */
  seconds: number
  /** Aborted: no further call is made. */
  signal: AbortSignal
}

/** Sequences that the cpu device takes together of a recurrent model (native/models/rnn.h). */
export const recurrentSlice = 32

/** Ops that have dropout in them are timed with the paper's rate. */
const dropoutRate = 0.1

/**
 * The calls of all models, each once, and those whose names hold one of `ops`.
 * @throws AotError AOT_CONFIG when there is no op of that name.
 */
export function selectCalls(models: readonly ModelShape[], ops: readonly string[]): OpCall[] {
  const names = native.listOps().map(({ name }) => name)
  for (const wanted of ops) {
    if (!names.some((name) => name.includes(wanted))) {
      throw new AotError('AOT_CONFIG', `--op: no op has "${wanted}" in its name; there are ${names.join(', ')}`)
    }
  }
  const calls = new Map<string, OpCall>()
  for (const call of models.flatMap(opCalls)) {
    if (ops.length > 0 && !ops.some((wanted) => call.op.includes(wanted))) continue
    const key = JSON.stringify([call.op, call.shape, call.model === 'gpt'])
    if (!calls.has(key)) calls.set(key, call)
  }
  if (calls.size === 0) {
    throw new AotError(
      'AOT_CONFIG',
      `--op: none of these models' steps has ${ops.join(' or ')}; choose others by --model`,
    )
  }
  // Calls of one op together, the ops in the order of a step.
  const order = [...new Set([...calls.values()].map(({ op }) => op))]
  return [...calls.values()].sort((a, b) => order.indexOf(a.op) - order.indexOf(b.op))
}

/** Times the calls one after the other. `onRow` hears of each as it is done. */
export async function benchOps(request: OpsRequest, ceilings: Ceilings, onRow: (row: Row) => void): Promise<Row[]> {
  const { device, precisions, threads, models, ops, seconds, signal } = request
  const addon = nativeFor(device)
  const table = new Map(native.listOps().map((op): [string, NativeOp] => [op.name, op]))
  const rows: Row[] = []
  for (const { op, shape, model } of selectCalls(models, ops)) {
    for (const precision of precisionsOf(table.get(op) as NativeOp, precisions)) {
      if (signal.aborted) return rows
      const rate = hasDropout(op) ? dropoutRate : 0
      const { samples } = await addon.timeOp(device, precision, op, shape, seconds, {
        threads,
        rate,
        sliceSequences: model === 'gpt' ? 1 : recurrentSlice,
      })
      const time = timeOf(samples)
      const cost = native.opCost(op, shape, precision)
      const figures = await opFigures(time, cost, precision, ceilings)
      const row: Row = {
        bench: 'ops',
        name: op,
        by: 'arrows-of-time',
        device,
        precision,
        shape: { batch: 1, ...shape, ...(rate > 0 ? { rate } : {}) },
        time,
        figures,
      }
      rows.push(row)
      onRow(row)
    }
  }
  return rows
}

/** An op of fp32 values alone is the same in both. */
function precisionsOf({ inputs, outputs }: NativeOp, precisions: OpsRequest['precisions']): OpsRequest['precisions'] {
  const depends = [...inputs, ...outputs].some(({ role }) => role === 'activation' || role === 'weight')
  return depends ? precisions : precisions.slice(0, 1)
}

function hasDropout(op: string): boolean {
  return /dropout|attention_(forward|backward)|embedding|linear_residual/.test(op)
}
