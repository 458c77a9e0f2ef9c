/** How names of files are written for people: on one line, whatever is in them. */
import { relative } from 'node:path'

/** Control characters, line and paragraph separators, and marks that turn the direction of the text. */
const unprintable = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** As it is; in quotes with escapes when it holds characters that would break the line or hide others. */
export function shownName(name: string): string {
  if (name.search(unprintable) < 0 && name.trim() === name) return name
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  return JSON.stringify(name).replaceAll(unprintable, escaped)
}

/** Relative to the current folder, if it is in it. */
export function shownPath(path: string): string {
  const near = relative('', path)
  return shownName(near === '' || near.startsWith('..') ? path : near)
}

/** A word of a command line for a shell. */
export function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
