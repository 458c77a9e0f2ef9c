/** Text that the model writes from nothing: one window, put back into reading order. */
import type { Direction } from '../config/types.js'
import type { NativeEngine } from '../native.js'
import { toReadingOrder } from './text.js'

export interface Sample {
  /** Of FW+BW mode; null where a run has one direction. */
  direction: 'forward' | 'backward' | null
  /** In reading order. */
  ids: Int32Array
}

/** The id that every window of the original begins with. */
const beginning = 0

/** Draws from the model's own distribution (temperature 1); the same weights and seed give the same text. */
export async function generateSamples(
  engine: NativeEngine,
  direction: Direction,
  attnLength: number,
  seed: number,
): Promise<Sample[]> {
  const starts: { first: number; direction: Sample['direction']; backward: boolean }[] =
    direction.kind === 'fwbw'
      ? [
          { first: direction.forward, direction: 'forward', backward: false },
          { first: direction.backward, direction: 'backward', backward: true },
        ]
      : [{ first: beginning, direction: null, backward: direction.kind === 'backward' }]
  const samples: Sample[] = []
  for (const start of starts) {
    const options = { tokens: attnLength, temperature: 1, topK: 0, seed }
    const { tokens } = await engine.generate(Int32Array.of(start.first), options)
    samples.push({ direction: start.direction, ids: toReadingOrder(tokens, direction, start.backward) })
  }
  return samples
}
