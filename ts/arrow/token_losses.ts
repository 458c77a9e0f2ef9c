/** The loss of every token of the validation windows, forwards and backwards, side by side in reading order. */
import { readCheckpoint } from '../checkpoints/store.js'
import { AotError } from '../errors.js'
import { type NativeEngine, nativeFor } from '../native.js'
import { type Dataset, openDataset } from '../train/dataset.js'
import { resumeEngine } from '../train/start.js'
import { checkDataset, parseState } from '../train/state.js'
import { toReadingOrder } from '../train/text.js'
import type { SeedPair } from './losses.js'
import type { RunRecord } from './read_run.js'
import { lookAtState } from './run_state.js'

/**
 * What is looked at of a large validation set: every k-th window in its order, so that at most so many windows and tokens
 * are left. Shares and means over a million tokens do not change with more of them, and memory stays below 100 MB.
 */
const mostWindows = 4096
const mostTokens = 1 << 21

export interface TokenLosses {
  attnLength: number
  /** Number of each window in the text. */
  windows: Float64Array
  /** Reading order: [windows, attnLength]. Token ids, and their mean nats over the seeds. */
  ids: Int32Array
  fw: Float64Array
  bw: Float64Array
}

export interface EvaluateOptions {
  device: string
  threads?: number | undefined
  signal?: AbortSignal | undefined
  /** Windows evaluated so far, and in all. */
  told?: ((done: number, total: number) => void) | undefined
}

/** Windows that are kept of so many: every `every`-th. */
export function thinned(windows: number, attnLength: number): { every: number; kept: number } {
  const most = Math.max(1, Math.min(mostWindows, Math.floor(mostTokens / attnLength)))
  const every = Math.ceil(windows / most)
  return { every, kept: Math.ceil(windows / every) }
}

/** Some windows in the order of training. */
interface Rows {
  windows: number[]
  inputs: Int32Array
  targets: Int32Array
}

/** The kept windows, in batches of at most the loader's. */
function* keptRows({ valid, validBatches }: Dataset, every: number): Generator<Rows> {
  const { batchSize, attnLength } = valid
  const size = batchSize * attnLength
  const empty = (): Rows => ({ windows: [], inputs: new Int32Array(size), targets: new Int32Array(size) })
  let rows = empty()
  valid.seek(0)
  for (let batch = 0; batch < validBatches; batch++) {
    const { inputs, targets, windows } = valid.next()
    for (let row = 0; row < batchSize; row++) {
      if ((batch * batchSize + row) % every !== 0) continue
      const at = rows.windows.length * attnLength
      rows.inputs.set(inputs.subarray(row * attnLength, (row + 1) * attnLength), at)
      rows.targets.set(targets.subarray(row * attnLength, (row + 1) * attnLength), at)
      rows.windows.push(windows[row] as number)
      if (rows.windows.length < batchSize) continue
      yield rows
      rows = empty()
    }
  }
  if (rows.windows.length === 0) return
  const filled = rows.windows.length * attnLength
  yield { ...rows, inputs: rows.inputs.slice(0, filled), targets: rows.targets.slice(0, filled) }
}

/** Evaluates the models of all pairs, one after the other: one engine is open at a time. */
export async function evaluateTokens(pairs: readonly SeedPair[], options: EvaluateOptions): Promise<TokenLosses> {
  const states = await Promise.all(pairs.flatMap(({ first, second }) => [first, second]).map(stateOf))
  const [one] = states
  const other = states.find(({ checkpoint }) => checkpoint.step !== one?.checkpoint.step)
  if (one === undefined || other !== undefined) {
    throw new AotError(
      'AOT_CONFIG',
      `the saved states are not of one step: ${one?.checkpoint.folder} and ${other?.checkpoint.folder}; train both runs to the same step`,
    )
  }
  const sums = new TokenSums(pairs.length)
  let done = 0
  for (const state of states) {
    await evaluateRun(state, sums, options, (windows, kept) => {
      done += windows
      options.told?.(done, kept * states.length)
    })
  }
  return sums.means()
}

type SavedRun = Awaited<ReturnType<typeof stateOf>>

/** The newest state of a run, verified. */
async function stateOf(record: RunRecord) {
  const found = lookAtState(record.folder)
  if (found === null) {
    throw new AotError('AOT_DATA', `${record.folder} has no saved state: start the run again until it saves one`)
  }
  const checkpoint = await readCheckpoint(found.folder)
  return { record, checkpoint, state: parseState(checkpoint.folder, checkpoint.state) }
}

async function evaluateRun(
  { record, checkpoint, state }: SavedRun,
  sums: TokenSums,
  { device, threads, signal }: EvaluateOptions,
  told: (windows: number, kept: number) => void,
): Promise<void> {
  const native = nativeFor(device)
  const run = { ...record.run, device, threads }
  const dataset = await openDataset(run, native, state.dataset)
  let engine: NativeEngine | undefined
  try {
    checkDataset(record.folder, dataset.path, state.dataset, dataset.identity)
    engine = await resumeEngine(native.Engine, run, checkpoint, state.optimizer_steps)
    const { batchSize, attnLength } = dataset.valid
    const { every, kept } = thinned(dataset.validBatches * batchSize, attnLength)
    sums.begin(record, kept, attnLength)
    for (const { windows, inputs, targets } of keptRows(dataset, every)) {
      signal?.throwIfAborted()
      const { losses } = await engine.evaluate(inputs, targets, windows.length)
      for (const [row, window] of windows.entries()) {
        const part = [row * attnLength, (row + 1) * attnLength] as const
        sums.add(window, targets.subarray(...part), losses.subarray(...part))
      }
      told(windows.length, kept)
    }
  } finally {
    engine?.close()
    dataset.close()
  }
}

/** Adds up runs, and sees to it that all have the same windows of the same text. */
class TokenSums {
  #losses: TokenLosses | null = null
  #record: RunRecord | null = null
  #isFirst = true
  #row = 0

  constructor(private readonly seeds: number) {}

  /** What is added from now on is of this run. */
  begin(record: RunRecord, windows: number, attnLength: number): void {
    const tokens = windows * attnLength
    this.#isFirst = this.#losses === null
    this.#losses ??= {
      attnLength,
      windows: new Float64Array(windows),
      ids: new Int32Array(tokens),
      fw: new Float64Array(tokens),
      bw: new Float64Array(tokens),
    }
    if (this.#losses.ids.length !== tokens) throw this.#otherWindows(record)
    this.#record = record
    this.#row = 0
  }

  /** The next window, in the order of training: [attnLength] each. */
  add(window: number, targets: Int32Array, losses: Float32Array): void {
    const [all, record] = [this.#losses as TokenLosses, this.#record as RunRecord]
    const { attnLength } = all
    const { direction } = record.run
    const isBackward = direction.kind === 'backward'
    const ids = toReadingOrder(targets, direction, isBackward)
    const begin = this.#row * attnLength
    if (this.#isFirst) {
      all.windows[this.#row] = window
      all.ids.set(ids, begin)
    }
    const isSame = all.windows[this.#row] === window && ids.every((id, place) => id === all.ids[begin + place])
    if (!isSame) throw this.#otherWindows(record)
    const sums = isBackward ? all.bw : all.fw
    for (let position = 0; position < attnLength; position++) {
      const at = begin + (isBackward ? attnLength - 1 - position : position)
      sums[at] = (sums[at] as number) + (losses[position] as number) / this.seeds
    }
    this.#row++
  }

  means(): TokenLosses {
    return this.#losses as TokenLosses
  }

  #otherWindows({ folder }: RunRecord): AotError {
    return new AotError(
      'AOT_CONFIG',
      `the validation windows of ${folder} are not those of the other runs: leave it out, or train it on the same data`,
    )
  }
}
