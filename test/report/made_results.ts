/** Results with numbers that a test knows. */
import type { ArrowResult, Interval } from '../../ts/arrow/types.js'

interface Made {
  name?: string
  cell?: ArrowResult['cell']
  fw?: number
  bw?: number
  interval?: [low: number, high: number] | null
  seeds?: number
  established?: boolean
  verdict?: string
  /** Losses of further directions. */
  others?: Record<string, number>
}

export function madeResult(made: Made = {}): ArrowResult {
  const { name = 'made', cell = {}, fw = 2, bw = 2.5, seeds = 1, established = false, others = {} } = made
  const { interval: [low, high] = [0.25, 0.75] } = { interval: made.interval ?? undefined }
  const interval: Interval | null =
    made.interval === null
      ? null
      : { low, high, level: 0.95, over: seeds > 1 ? 'seeds and windows' : 'windows', blocks: 6 }
  const difference = bw - fw
  const losses = { forward: fw, backward: bw, ...others }
  const directions = Object.keys(losses)
  return {
    format: 'arrows-of-time arrow 1',
    name,
    cell,
    finished: true,
    established,
    verdict: made.verdict ?? 'one seed: sign not established',
    fw,
    bw,
    difference,
    interval,
    ratio: bw / fw - 1,
    relative: difference / ((bw + fw) / 2),
    bits_per_byte: null,
    seeds: Array.from({ length: seeds }, (_, seed) => ({
      seed,
      losses,
      bits_per_byte: Object.fromEntries(directions.map((direction) => [direction, null])),
      difference,
      interval,
    })),
    seed_spread: seeds > 1 ? 0 : null,
    directions,
    losses,
    others: Object.fromEntries(
      Object.entries(others).map(([direction, loss]) => [
        direction,
        {
          difference: loss - fw,
          interval: null,
          ratio: loss / fw - 1,
          relative: (loss - fw) / ((loss + fw) / 2),
          bits_per_byte: null,
          seed_spread: null,
        },
      ]),
    ),
    by_position: Object.fromEntries(directions.map((direction) => [direction, [3, 2, 1]])),
    curves: Object.entries(losses).map(([direction, loss]) => ({
      direction,
      seed: 0,
      train: [
        [10, loss + 1],
        [20, loss],
      ],
      valid: [
        [10, loss + 1],
        [20, loss],
      ],
    })),
    training: [10, 20].map((step) => ({ step, fw, bw, difference, ratio: bw / fw - 1, interval })),
    sources: null,
    known: null,
    model: { kind: 'gpt', parameters: 1000, attn_length: 3 },
    data: { path: 'text.h5', tokens: 5000, windows: 24 },
    version: '0.1.0',
    runs: [],
  }
}
