/**
 * The named orders in which a window may be trained. A permutation p of a window of T tokens: position i of the trained
 * sequence holds token p[i] of the text.
 */
import { AotError } from '../errors.js'
import { sampleRange } from './python_random.js'

const range = (length: number): number[] => Array.from({ length }, (_, i) => i)

const middleOut = (length: number): number[] =>
  range(length).map((i) => Math.floor(length / 2) + (i % 2 === 0 ? 1 : -1) * Math.floor((i + 1) / 2))

const endIn = (length: number): number[] => range(length).map((i) => (i % 2 === 0 ? i / 2 : length - 1 - (i - 1) / 2))

const evens = (length: number): number[] => range(length).filter((i) => i % 2 === 0)
const odds = (length: number): number[] => range(length).filter((i) => i % 2 === 1)

/** `half` on each half of the window: one after the other, or alternating. */
function quarter(half: (length: number) => number[], interleave: boolean) {
  return (length: number): number[] => {
    const first = half(length / 2)
    const second = first.map((place) => place + length / 2)
    return interleave ? first.flatMap((place, i) => [place, second[i] as number]) : [...first, ...second]
  }
}

/** Name of each order without a seed: its definition, and what the window's length must be a multiple of. */
const orders = {
  forward: { multiple: 1, make: range },
  backward: { multiple: 1, make: (length) => range(length).reverse() },
  even_odd: { multiple: 1, make: (length) => [...evens(length), ...odds(length)] },
  odd_even: { multiple: 1, make: (length) => [...odds(length), ...evens(length)] },
  middle_out: { multiple: 1, make: middleOut },
  end_in: { multiple: 1, make: endIn },
  half_back_forward: {
    multiple: 2,
    make: (length) => [...range(length / 2).reverse(), ...range(length / 2).map((i) => i + length / 2)],
  },
  half_forward_back: {
    multiple: 2,
    make: (length) => [...range(length / 2), ...range(length / 2).map((i) => length - 1 - i)],
  },
  quarter_middle_out_interleave: { multiple: 4, make: quarter(middleOut, true) },
  quarter_middle_out_concat: { multiple: 4, make: quarter(middleOut, false) },
  quarter_end_in_interleave: { multiple: 4, make: quarter(endIn, true) },
  quarter_end_in_concat: { multiple: 4, make: quarter(endIn, false) },
} as const satisfies Record<string, { multiple: number; make: (length: number) => number[] }>

/** Orders drawn by chance: from a seed, and for random_chunk from the size of a chunk too. */
const randomOrders = ['uniform_random', 'random_chunk'] as const

export type PermutationName = keyof typeof orders | (typeof randomOrders)[number]

/** Every name that namedPermutation() takes. */
export const permutationNames: readonly PermutationName[] = [
  ...(Object.keys(orders) as (keyof typeof orders)[]),
  ...randomOrders,
]

export interface PermutationOptions {
  /** Of uniform_random and random_chunk: what Python's random.seed() gets. */
  seed?: number | undefined
  /** Of random_chunk: tokens in a chunk, which stay in the order of the text. Default 8. */
  size?: number | undefined
}

function requireMultiple(name: string, length: number, multiple: number): void {
  if (length % multiple !== 0) {
    throw new AotError(
      'AOT_CONFIG',
      `permutation ${name} needs an attn_length that is a multiple of ${multiple}: ${length} is not`,
    )
  }
}

function requireWhole(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new AotError('AOT_CONFIG', `${name} must be a whole number of at least ${least}`)
  }
}

/**
 * The permutation of that name for windows of attnLength tokens, as a list.
 * @throws AotError AOT_CONFIG for an unknown name, or a length that the order does not allow.
 */
export function namedPermutation(name: string, attnLength: number, options: PermutationOptions = {}): number[] {
  if (typeof name !== 'string') throw new AotError('AOT_CONFIG', 'the name of a permutation must be a string')
  if (typeof options !== 'object' || options === null) {
    throw new AotError('AOT_CONFIG', `options of permutation ${name} must be an object`)
  }
  requireWhole('attnLength', attnLength, 1)
  if (Object.hasOwn(orders, name)) {
    const { multiple, make } = orders[name as keyof typeof orders]
    requireMultiple(name, attnLength, multiple)
    return make(attnLength)
  }
  if (name !== 'uniform_random' && name !== 'random_chunk') {
    throw new AotError('AOT_CONFIG', `there is no permutation '${name}': the names are ${permutationNames.join(', ')}`)
  }
  const { seed, size = 8 } = options
  if (seed === undefined) throw new AotError('AOT_CONFIG', `permutation ${name} needs a seed`)
  requireWhole('seed', seed, 0)
  if (name === 'uniform_random') return sampleRange(attnLength, seed)
  requireWhole('size', size, 1)
  requireMultiple(name, attnLength, size)
  return sampleRange(attnLength / size, seed).flatMap((chunk) => range(size).map((i) => chunk * size + i))
}
