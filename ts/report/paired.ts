/** The comparison of two directions over the same validation windows. */
import { AotError } from '../errors.js'

export interface PairedDifference {
  /** Mean losses over the windows, nats per token. */
  forward: number
  backward: number
  /** backward - forward, nats per token. */
  difference: number
  /** The paper's two ratios (arXiv 2401.17505): backward/forward - 1, and the difference over the mean of both. */
  ratio: number
  relative: number
  /** Standard error of `difference`, nats: of the mean of the windows' own differences. */
  standardError: number
  windows: number
}

/**
 * Compares two runs window by window: both predict the same tokens of each, so that most of the spread between windows
 * cancels in the difference. Windows that share text are not independent; the standard error takes them as if they were.
 *
 * @param forward mean loss of each validation window, nats per token
 * @param backward the same windows in the same order
 */
export function pairedDifference(forward: ArrayLike<number>, backward: ArrayLike<number>): PairedDifference {
  const windows = forward.length
  if (windows !== backward.length || windows < 2) {
    throw new AotError(
      'AOT_CONFIG',
      `a paired comparison needs the same validation windows on both sides, at least 2: got ${windows} and ${backward.length}`,
    )
  }
  const mean = (value: (window: number) => number): number => {
    let sum = 0
    for (let window = 0; window < windows; window++) sum += value(window)
    return sum / windows
  }
  const fw = mean((window) => forward[window] as number)
  const bw = mean((window) => backward[window] as number)
  const difference = bw - fw
  const squares = mean((window) => ((backward[window] as number) - (forward[window] as number) - difference) ** 2)
  return {
    forward: fw,
    backward: bw,
    difference,
    ratio: bw / fw - 1,
    relative: difference / ((bw + fw) / 2),
    standardError: Math.sqrt(squares / (windows - 1)),
    windows,
  }
}
