/** What a synthetic language is. */

/** Writes the next example into `ids`, which has its length. */
export type NextExample = (ids: Int32Array) => void

export type Part = 'train' | 'valid'

export interface Counts {
  train: number
  valid: number
}

export interface Language {
  /** Texts of the ids 1, 2, ..., by code point; the id 0 is `<|endoftext|>`. */
  characters: readonly string[]
  /** Tokens. */
  exampleLength: number
  /** Examples that can be drawn in all, where none is drawn twice; null: each is a draw of its own. */
  available: number | null
  /** Nats per token of an example, whatever the order in which its tokens are predicted: its entropy over its tokens. */
  floor: number
  /** Lines for people. */
  facts(counts: Counts): string[]
  /** The examples of a part, always the same ones. */
  start(part: Part, counts: Counts): NextExample
}

/** Ids of characters, which are given by code point. */
export function idsOf(characters: readonly string[]): ReadonlyMap<string, number> {
  return new Map(characters.map((character, i) => [character, i + 1]))
}

/** The first letters. */
export function letters(count: number): string[] {
  return Array.from({ length: count }, (_, i) => String.fromCharCode(97 + i))
}

const numbers = new Intl.NumberFormat('en-GB')

/** 13,366 */
export function grouped(count: number): string {
  return numbers.format(count)
}

/** 1 prime, 2 primes */
export function counted(count: number, what: string): string {
  return `${grouped(count)} ${what}${count === 1 ? '' : 's'}`
}
