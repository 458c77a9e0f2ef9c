/** Random numbers for resampling: always the same from the same seed, on every machine. */

/** xoshiro128** (Blackman and Vigna, 2018). */
export class Random {
  #a: number
  #b: number
  #c: number
  #d: number

  /** The state is filled by SplitMix's 32-bit mixing, so that neighbouring seeds have nothing in common. */
  constructor(seed: number) {
    let word = seed >>> 0
    const next = (): number => {
      word = (word + 0x9e3779b9) >>> 0
      let mixed = word
      mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
      mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
      return (mixed ^ (mixed >>> 16)) >>> 0
    }
    this.#a = next()
    this.#b = next()
    this.#c = next()
    this.#d = next()
  }

  /** 32 random bits. */
  next32(): number {
    const turned = Math.imul(this.#b, 5)
    const result = Math.imul((turned << 7) | (turned >>> 25), 9) >>> 0
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = (this.#d << 11) | (this.#d >>> 21)
    return result
  }

  /** Uniform in 0..bound-1; a bound of some thousands leaves no bias that could be seen. */
  below(bound: number): number {
    return Math.floor((this.next32() * bound) / 2 ** 32)
  }
}
