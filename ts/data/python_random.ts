/** Python's `random` module as far as it is needed: seed() with a whole number, sample() of a whole range. */

const stateLength = 624
const middle = 397

/** The Mersenne Twister MT19937 (Matsumoto and Nishimura), seeded by an array of 32-bit words. */
export class MersenneTwister {
  private readonly state = new Uint32Array(stateLength)
  private index = stateLength

  constructor(key: readonly number[]) {
    const { state } = this
    state[0] = 19650218
    for (let i = 1; i < stateLength; i++) state[i] = Math.imul(1812433253, this.folded(i - 1)) + i
    let i = 1
    const next = (): void => {
      i++
      if (i === stateLength) {
        state[0] = state[stateLength - 1] as number
        i = 1
      }
    }
    for (let k = 0; k < Math.max(stateLength, key.length); k++) {
      const j = k % key.length
      state[i] = ((state[i] as number) ^ Math.imul(this.folded(i - 1), 1664525)) + (key[j] as number) + j
      next()
    }
    for (let k = 1; k < stateLength; k++) {
      state[i] = ((state[i] as number) ^ Math.imul(this.folded(i - 1), 1566083941)) - i
      next()
    }
    state[0] = 0x80000000
  }

  private folded(i: number): number {
    const word = this.state[i] as number
    return word ^ (word >>> 30)
  }

  private twist(): void {
    const { state } = this
    for (let i = 0; i < stateLength; i++) {
      const word = ((state[i] as number) & 0x80000000) | ((state[(i + 1) % stateLength] as number) & 0x7fffffff)
      state[i] = (state[(i + middle) % stateLength] as number) ^ (word >>> 1) ^ (word & 1 ? 0x9908b0df : 0)
    }
    this.index = 0
  }

  /** 32 random bits. */
  next32(): number {
    if (this.index === stateLength) this.twist()
    let word = this.state[this.index++] as number
    word ^= word >>> 11
    word ^= (word << 7) & 0x9d2c5680
    word ^= (word << 15) & 0xefc60000
    return (word ^ (word >>> 18)) >>> 0
  }

  /** Uniform in 0..bound-1, bound below 2^32: as many bits as bound has, numbers too large rejected. */
  below(bound: number): number {
    const shift = Math.clz32(bound)
    let value: number
    do value = this.next32() >>> shift
    while (value >= bound)
    return value
  }
}

/** `random.seed(seed); random.sample(range(length), length)` for a seed of 0 to 2^53 - 1. */
export function sampleRange(length: number, seed: number): number[] {
  const high = Math.floor(seed / 2 ** 32)
  const generator = new MersenneTwister(high === 0 ? [seed] : [seed % 2 ** 32, high])
  const pool = Array.from({ length }, (_, i) => i)
  return pool.map((_, i) => {
    const left = length - i
    const chosen = generator.below(left)
    const value = pool[chosen] as number
    pool[chosen] = pool[left - 1] as number
    return value
  })
}
