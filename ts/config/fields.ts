/** The kinds of value a config key may hold: a zod schema whose one message says what the value must be. */
import { z } from 'zod'

/** The largest whole number the native code takes for a count (int32). */
export const maxCount = 2 ** 31 - 1

/** A whole number from `min` to `max`. */
export function wholeNumber(min: number, max = maxCount) {
  const upTo = max === maxCount || max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  const error = `a whole number ${upTo}`
  return z.int({ error }).min(min, { error }).max(max, { error })
}

/** A finite number above 0, up to `max`. */
export function positiveNumber(max = Number.MAX_VALUE) {
  const error = max === Number.MAX_VALUE ? 'a number above 0' : `a number above 0, up to ${max}`
  const positive = z.number({ error }).positive({ error })
  return max === Number.MAX_VALUE ? positive : positive.max(max, { error })
}

/** A finite number of at least 0. */
export function nonNegativeNumber() {
  const error = 'a number of at least 0'
  return z.number({ error }).nonnegative({ error })
}

/** The share of something that is dropped: 1 itself would drop everything. */
export function rate() {
  const error = 'a number of at least 0 and below 1'
  return z.number({ error }).min(0, { error }).lt(1, { error })
}

/** A share of the whole, both ends included. */
export function fraction() {
  const error = 'a number from 0 to 1'
  return z.number({ error }).min(0, { error }).max(1, { error })
}

export function trueOrFalse() {
  return z.boolean({ error: 'true or false' })
}

/** A path of a file or folder, relative to the current folder. */
export function path() {
  const error = 'a path in quotes'
  return z.string({ error }).min(1, { error })
}

/** "a", "b" or "c": what the messages say of a choice. */
export function quoted(values: readonly string[]): string {
  return new Intl.ListFormat('en-GB', { type: 'disjunction' }).format(values.map((value) => `"${value}"`))
}

export function oneOf<const T extends readonly [string, ...string[]]>(values: T) {
  return z.enum(values, { error: quoted(values) })
}
