/** The loss on the validation windows. */
import type { Direction } from '../config/types.js'
import type { NativeBatchLoader, NativeEngine } from '../native.js'

export interface Validation {
  /** Mean nats per token. */
  loss: number
  /** Mean nats at each position of the window. */
  lossByPosition: Float64Array
  /** Mean nats per token of each window, and its number: the same windows in the same order in every run on the data. */
  windowLosses: Float64Array
  windows: Float64Array
  /** null without a tokenizer. */
  bitsPerByte: number | null
  /** In FW+BW mode. */
  lossByDirection: { forward: number; backward: number } | null
}

/**
 * Evaluates the first `batches` batches of the loader; sums run in their order, in doubles, so that they repeat exactly.
 * Null when it is to stop first, which is asked before each batch.
 */
export async function validate(
  engine: NativeEngine,
  loader: NativeBatchLoader,
  batches: number,
  direction: Direction,
  tokenBytes: Float64Array | null,
  stop: () => Promise<boolean> = async () => false,
): Promise<Validation | null> {
  const { batchSize, attnLength } = loader
  const lossByPosition = new Float64Array(attnLength)
  const windowLosses = new Float64Array(batches * batchSize)
  const windows = new Float64Array(batches * batchSize)
  const byDirection = { forward: { sum: 0, windows: 0 }, backward: { sum: 0, windows: 0 } }
  let bytes = 0
  loader.seek(0)
  for (let batch = 0; batch < batches; batch++) {
    if (await stop()) return null
    const { inputs, targets, windows: numbers } = loader.next()
    const { losses } = await engine.evaluate(inputs, targets, batchSize)
    if (tokenBytes !== null) for (const id of targets) bytes += tokenBytes[id] as number
    windows.set(numbers, batch * batchSize)
    for (let row = 0; row < batchSize; row++) {
      let sum = 0
      for (let position = 0; position < attnLength; position++) {
        const loss = losses[row * attnLength + position] as number
        sum += loss
        lossByPosition[position] = (lossByPosition[position] as number) + loss
      }
      windowLosses[batch * batchSize + row] = sum / attnLength
      if (direction.kind === 'fwbw') {
        const side = inputs[row * attnLength] === direction.forward ? byDirection.forward : byDirection.backward
        side.sum += sum
        side.windows += 1
      }
    }
  }
  const rows = batches * batchSize
  let sum = 0
  for (let position = 0; position < attnLength; position++) {
    sum += lossByPosition[position] as number
    lossByPosition[position] = (lossByPosition[position] as number) / rows
  }
  const mean = (side: { sum: number; windows: number }) => side.sum / (side.windows * attnLength)
  return {
    loss: sum / (rows * attnLength),
    lossByPosition,
    windowLosses,
    windows,
    bitsPerByte: bytes > 0 ? sum / Math.LN2 / bytes : null,
    lossByDirection:
      direction.kind === 'fwbw' ? { forward: mean(byDirection.forward), backward: mean(byDirection.backward) } : null,
  }
}
