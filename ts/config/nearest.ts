import { closest } from 'fastest-levenshtein'

const plain = (text: string) => text.toLowerCase().replaceAll('-', '_')

/**
 * The one of `names` that `name` was most likely meant to be. Case, dashes and underscores count for nothing, and a name
 * that is only cut short (warmup for warmup_steps) is nearer than one with the same letters.
 */
export function nearest(name: string, names: readonly string[]): string {
  const wanted = plain(name)
  const longer = names.filter((known) => wanted.length > 2 && plain(known).includes(wanted))
  const candidates = longer.length > 0 ? longer : names
  const found = closest(wanted, candidates.map(plain))
  return candidates.find((known) => plain(known) === found) as string
}
