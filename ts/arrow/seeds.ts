/**
 * The interval of the mean difference over several seeds. Two things vary in it: the training (another seed gives another
 * model) and the text (other validation windows). The windows are the same for all seeds, so more seeds take away the
 * noise of training alone, and more windows that of the text alone:
 *
 *     SE^2 = s^2 / S + SE_windows^2
 *
 * where s is the standard deviation of the S seeds' differences, and SE_windows the standard error over blocks of windows
 * of the differences averaged over the seeds. The interval is difference +- t SE, with Cochran's t (1964): the mean of the
 * two terms' own, of S - 1 and of blocks - 1 degrees of freedom, weighted by the terms. With three seeds whose noise
 * outweighs that of the text it is t = 4.3, as it must be: three numbers say little of their own spread.
 *
 * It errs on the wide side: intervals of 95 % over three seeds hold 95 to 98 % of the time, the more the more alike
 * the two noises are.
 * The degrees of freedom of Welch and Satterthwaite give shorter ones, which hold 92.7 % of the time over three seeds and
 * 88 % over two when training noise prevails, the very case in which a sign would be called established and is not. Wide
 * too: how the training noise falls on single windows, 1 / (S windows) of its variance, is in both terms.
 */
import { level, type PairedWindows, pairedError, pairedInterval } from './bootstrap.js'
import { tQuantile } from './student_t.js'
import type { Interval } from './types.js'

export interface SeedWindows extends Pick<PairedWindows, 'windows' | 'stride' | 'attnLength'> {
  /** For each seed, the mean loss of each window: nats per token, of the first and of the second direction. */
  first: readonly ArrayLike<number>[]
  second: readonly ArrayLike<number>[]
}

/** The windows of several runs as one: their mean losses. */
function meanOverSeeds(losses: readonly ArrayLike<number>[]): Float64Array {
  const mean = new Float64Array(losses[0]?.length ?? 0)
  for (const one of losses) for (let i = 0; i < mean.length; i++) mean[i] = (mean[i] as number) + (one[i] as number)
  return mean.map((sum) => sum / losses.length)
}

function meanDifference(first: ArrayLike<number>, second: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < first.length; i++) sum += (second[i] as number) - (first[i] as number)
  return sum / first.length
}

/** Standard deviation with S - 1; null for one value. */
export function spread(values: readonly number[]): number | null {
  if (values.length < 2) return null
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1))
}

/** Over the windows alone for one seed, over seeds and windows for more. null where the windows give none. */
export function seedsInterval({ first, second, ...place }: SeedWindows): Interval | null {
  const seeds = first.length
  const mean = { first: meanOverSeeds(first), second: meanOverSeeds(second), ...place }
  const deviation = spread(first.map((losses, seed) => meanDifference(losses, second[seed] as ArrayLike<number>)))
  if (deviation === null) return pairedInterval(mean).interval
  const { difference, standardError, blocks } = pairedError(mean)
  if (standardError === null) return null
  const ofSeeds = deviation ** 2 / seeds
  const ofWindows = standardError ** 2
  const variance = ofSeeds + ofWindows
  const t = (degrees: number) => tQuantile((1 + level) / 2, degrees)
  // Where nothing varies at all, nothing weighs either.
  const half =
    variance === 0 ? 0 : ((t(seeds - 1) * ofSeeds + t(blocks - 1) * ofWindows) / variance) * Math.sqrt(variance)
  return { low: difference - half, high: difference + half, level, over: 'seeds and windows', blocks }
}
