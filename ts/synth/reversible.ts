/**
 * A control: a Markov chain in its stationary state with detailed balance, pi(i) P(i, j) = pi(j) P(j, i). A sequence is
 * as probable as its reverse, so that backwards it is the same language: no arrow. The weights w(i, j) = w(j, i) of its
 * steps are whole numbers, and so is all arithmetic of the draws: P(i, j) = w(i, j) / w(i), pi(i) = w(i) / w with
 * w(i) = sum of w(i, j) over j.
 */
import type { SectionOf } from '../config/synth.js'
import { counted, type Language, letters } from './language.js'
import { Random } from './random.js'

export interface Chain {
  /** [symbols][symbols], symmetric. */
  weights: number[][]
  /** [symbols]: of each row. */
  sums: number[]
  total: number
}

/** Weights are cubes, so that a few steps are much more probable than the others: 1 to 1000. */
const largestRoot = 10

export function makeChain({ seed, symbols }: Pick<SectionOf<'reversible'>, 'seed' | 'symbols'>): Chain {
  const random = new Random(seed, 'language')
  const weights = Array.from({ length: symbols }, () => new Array<number>(symbols).fill(0))
  for (const [i, row] of weights.entries()) {
    for (let j = i; j < symbols; j++) {
      const weight = (1 + random.below(largestRoot)) ** 3
      row[j] = weight
      ;(weights[j] as number[])[i] = weight
    }
  }
  const sums = weights.map(sum)
  return { weights, sums, total: sum(sums) }
}

export function reversibleLanguage({ seed, symbols, length }: SectionOf<'reversible'>): Language {
  const chain = makeChain({ seed, symbols })
  const { first, step } = entropies(chain)
  return {
    characters: letters(symbols),
    exampleLength: length,
    available: null,
    floor: (first + (length - 1) * step) / length,
    facts: ({ train, valid }) => [
      `a chain of ${counted(symbols, 'state')} with detailed balance: ${first.toFixed(4)} nats for the first state, ${step.toFixed(4)} for each step`,
      `${counted(train, 'example')} for training, ${counted(valid, 'example')} for validation, of ${counted(length, 'state')}`,
    ],
    start(part) {
      const random = new Random(seed, part)
      return (ids) => {
        let state = choose(chain.sums, random.below(chain.total))
        ids[0] = state + 1
        for (let i = 1; i < length; i++) {
          state = choose(chain.weights[state] as number[], random.below(chain.sums[state] as number))
          ids[i] = state + 1
        }
      }
    },
  }
}

/** Nats of the stationary distribution, and of a step from it. */
export function entropies({ weights, sums, total }: Chain): { first: number; step: number } {
  const first = entropy(sums, total)
  const step = sum(weights.map((row, i) => ((sums[i] as number) / total) * entropy(row, sums[i] as number)))
  return { first, step }
}

function entropy(weights: readonly number[], total: number): number {
  return -sum(weights.map((weight) => (weight / total) * Math.log(weight / total)))
}

/** The index whose weight the number falls into. */
function choose(weights: readonly number[], number: number): number {
  let [i, left] = [0, number]
  while (left >= (weights[i] as number)) left -= weights[i++] as number
  return i
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
