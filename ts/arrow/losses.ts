/** Losses of two directions side by side, at one step, from what their runs wrote. */
import type { RunRecord, ValidRecord } from './read_run.js'
import { type SeedWindows, seedsInterval } from './seeds.js'
import type { Interval } from './types.js'

/** Two runs of one seed: the first direction and the second. */
export interface SeedPair {
  seed: number
  first: RunRecord
  second: RunRecord
}

export function validAt({ valid }: RunRecord, step: number): ValidRecord | undefined {
  return valid.find((record) => record.step === step)
}

function windowLossesAt({ windows }: RunRecord, step: number): Float32Array | undefined {
  return windows?.validations.find((validation) => validation.step === step)?.losses
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** null where one of the runs did not keep the losses of its windows at that step. */
export function intervalAt(pairs: readonly SeedPair[], step: number): Interval | null {
  const of = (side: 'first' | 'second') => pairs.flatMap((pair) => windowLossesAt(pair[side], step) ?? [])
  const losses: Pick<SeedWindows, 'first' | 'second'> = { first: of('first'), second: of('second') }
  const [pair] = pairs
  const windows = pair?.first.windows?.windows
  if (pair === undefined || windows === undefined) return null
  if (losses.first.length < pairs.length || losses.second.length < pairs.length) return null
  const { stride, attnLength } = pair.first.run.windows
  return seedsInterval({ ...losses, windows, stride, attnLength })
}
