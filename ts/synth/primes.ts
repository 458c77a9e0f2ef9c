/**
 * Primes p < q and their product, `011×013=341000`: all numbers padded with 0, the product with its last digit first, so
 * that it can be computed on the way forwards. On the way backwards the product comes first, and is to be factored.
 * A pair is drawn once: those of validation do not occur in training.
 */
import type { SectionOf } from '../config/synth.js'
import { AotError } from '../errors.js'
import { type Counts, counted, grouped, type Language, type NextExample, type Part } from './language.js'
import { Random } from './random.js'

/** In order of code points: a digit d has the id d + 1. */
const characters = [...'0123456789=×']
const equals = 11
const times = 12

/** The draws are kept in a Map, which holds no more than 2^24. */
const mostExamples = 2 ** 23

export function primesLanguage({ seed, min_digits, max_digits }: SectionOf<'primes'>): Language {
  if (min_digits > max_digits) {
    throw new AotError('AOT_CONFIG', `min_digits ${min_digits} is above max_digits ${max_digits}: lower it`)
  }
  const primes = primesBetween(10 ** (min_digits - 1), 10 ** max_digits - 1)
  const pairs = (primes.length * (primes.length - 1)) / 2
  const width = max_digits
  const exampleLength = 4 * width + 2

  function write([p, q]: readonly [number, number], ids: Int32Array): void {
    let [left, right, product] = [p, q, p * q]
    for (let i = width - 1; i >= 0; i--) {
      ids[i] = (left % 10) + 1
      ids[width + 1 + i] = (right % 10) + 1
      left = Math.floor(left / 10)
      right = Math.floor(right / 10)
    }
    ids[width] = times
    ids[2 * width + 1] = equals
    for (let i = 2 * width + 2; i < exampleLength; i++) {
      ids[i] = (product % 10) + 1
      product = Math.floor(product / 10)
    }
  }

  return {
    characters,
    exampleLength,
    available: Math.min(pairs, mostExamples),
    floor: Math.log(pairs) / exampleLength,
    facts: ({ train, valid }: Counts) => [
      `${counted(primes.length, 'prime')} of ${min_digits === max_digits ? '' : `${min_digits} to `}${counted(max_digits, 'digit')}, ${counted(pairs, 'pair')} p < q`,
      `${counted(train, 'pair')} for training, ${grouped(valid)} others for validation`,
      `a model that knows the language but no pair of it reaches ln ${grouped(pairs)} / ${exampleLength}; one that remembers all training pairs, ${(Math.log(pairs - train) / exampleLength).toFixed(4)}`,
    ],
    start(part: Part, { valid }: Counts): NextExample {
      const draw = drawWithoutRepeat(pairs, new Random(seed, 'train'))
      // Those of validation first: they stay the same whatever the number of the others.
      if (part === 'train') for (let i = 0; i < valid; i++) draw()
      return (ids) => {
        const [i, j] = pairOf(draw())
        write([primes[i] as number, primes[j] as number], ids)
      }
    },
  }
}

/** The sieve of Eratosthenes, both ends included. */
export function primesBetween(from: number, to: number): number[] {
  const composite = new Uint8Array(to + 1)
  for (let i = 2; i * i <= to; i++) {
    if (composite[i] === 1) continue
    for (let multiple = i * i; multiple <= to; multiple += i) composite[multiple] = 1
  }
  const primes: number[] = []
  for (let i = Math.max(2, from); i <= to; i++) if (composite[i] === 0) primes.push(i)
  return primes
}

/** The pair i < j with the number j (j - 1) / 2 + i, below 2^48: the root is then far enough from the next whole number. */
export function pairOf(index: number): [number, number] {
  const j = Math.floor((1 + Math.sqrt(1 + 8 * index)) / 2)
  return [index - (j * (j - 1)) / 2, j]
}

/** Numbers below `count` in a random order: a shuffle that keeps only what is not in its place. */
function drawWithoutRepeat(count: number, random: Random): () => number {
  const moved = new Map<number, number>()
  let at = 0
  return () => {
    const chosen = at + random.below(count - at)
    const value = moved.get(chosen) ?? chosen
    moved.set(chosen, moved.get(at) ?? at)
    moved.delete(at)
    at++
    return value
  }
}
