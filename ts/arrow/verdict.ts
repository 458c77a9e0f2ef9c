/** What a comparison says of the sign, in one line for people. */
import { signed } from './text.js'
import type { Interval } from './types.js'

/** Fewer say too little of the noise of training: two seeds are one number for its size. */
export const seedsForSign = 3

export interface Judged {
  seeds: number
  /** bw - fw, nats per token. */
  difference: number
  interval: Interval | null
  /** null when the runs are at their end, else the step that all have reached. */
  soFar: number | null
}

export function excludesZero({ low, high }: Interval): boolean {
  return low > 0 || high < 0
}

/**
 * The runs are at their end, and the interval over at least three seeds excludes zero. One who looks at every validation,
 * or after every seed, until it does will see it sooner or later where there is nothing to see.
 */
export function isEstablished({ seeds, interval, soFar }: Omit<Judged, 'difference'>): boolean {
  return soFar === null && seeds >= seedsForSign && interval !== null && excludesZero(interval)
}

function shown({ low, high, level }: Interval): string {
  return `${level * 100} % interval ${signed(low, 4)} to ${signed(high, 4)}`
}

function sentence({ seeds, difference, interval }: Judged): string {
  const found = `backward - forward ${signed(difference, 4)} nats per token`
  if (seeds < seedsForSign) {
    const rest = interval === null ? 'no interval' : `${shown(interval)} over ${interval.over}`
    const missing = seeds === 1 && interval !== null ? ', which training noise is not in' : ''
    return `${seeds === 1 ? 'one seed' : 'two seeds'}: sign not established (${found}, ${rest}${missing})`
  }
  if (interval === null) {
    return `sign not established: ${seeds} seeds give ${found}, but too few validation windows were kept for an interval`
  }
  if (!excludesZero(interval)) {
    return `sign not established: ${found}, and zero is in the ${shown(interval)} over ${seeds} seeds`
  }
  const harder = difference > 0 ? 'backward' : 'forward'
  return `${harder} is harder: ${found}, ${shown(interval)} over ${seeds} seeds`
}

export function verdictOf(judged: Judged): string {
  return judged.soFar === null ? sentence(judged) : `so far, at step ${judged.soFar}: ${sentence(judged)}`
}
