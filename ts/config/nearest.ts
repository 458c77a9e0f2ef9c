import { closest } from 'fastest-levenshtein'

/** The one of `names` that `name` was most likely meant to be: case, dashes and underscores count for nothing. */
export function nearest(name: string, names: readonly string[]): string {
  const plain = (text: string) => text.toLowerCase().replaceAll('-', '_')
  const found = closest(plain(name), names.map(plain))
  return names.find((known) => plain(known) === found) as string
}
