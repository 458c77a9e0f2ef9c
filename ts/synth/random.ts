/** Random numbers of the synthetic languages: the same on every machine, for they are made of whole numbers alone. */
import { MersenneTwister } from '../data/python_random.js'

/** What the numbers are for: streams of one seed that have nothing to do with each other. */
const purposes = { language: 0, train: 1, valid: 2 } as const

export type Purpose = keyof typeof purposes

export class Random {
  readonly #twister: MersenneTwister

  /** `seed`: 0 to 2^53 - 1. */
  constructor(seed: number, purpose: Purpose) {
    this.#twister = new MersenneTwister([seed % 2 ** 32, Math.floor(seed / 2 ** 32), purposes[purpose]])
  }

  /** Uniform in 0 to bound - 1, bound up to 2^53. */
  below(bound: number): number {
    if (bound < 2 ** 32) return this.#twister.below(bound)
    const mask = 2 ** (32 - Math.clz32((bound - 1) / 2 ** 32)) - 1
    let value: number
    do value = (this.#twister.next32() & mask) * 2 ** 32 + this.#twister.next32()
    while (value >= bound)
    return value
  }
}
