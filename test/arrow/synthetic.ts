/** Made-up losses of validation windows whose true mean difference is known. */
import type { PairedWindows } from '../../ts/arrow/bootstrap.js'
import { Random } from '../../ts/arrow/random.js'

/** What windows and their noise are like. */
export interface Text {
  /** In the text; each is kept with the chance `kept`, as in a shuffled split. */
  windows: number
  kept?: number
  stride: number
  attnLength: number
  /** Documents of so many tokens on average, exponentially distributed, each with a difference of its own. */
  documents?: { tokens: number; deviation: number }
  /** Of the tokens' noise: 0 is normal, above 0 it is log-normal with this sigma. */
  skew?: number
}

export class Chance {
  readonly #random: Random
  #next: number | null = null

  constructor(seed: number) {
    this.#random = new Random(seed)
  }

  uniform(): number {
    return (this.#random.next32() + 0.5) / 2 ** 32
  }

  /** Box and Muller's two at a time. */
  normal(): number {
    if (this.#next !== null) {
      const next = this.#next
      this.#next = null
      return next
    }
    const radius = Math.sqrt(-2 * Math.log(this.uniform()))
    const angle = 2 * Math.PI * this.uniform()
    this.#next = radius * Math.sin(angle)
    return radius * Math.cos(angle)
  }
}

export const trueDifference = 0.3

/** Windows of a new text, whose tokens differ by trueDifference on average. */
export function drawText(text: Text, chance: Chance): PairedWindows & { second: number[] } {
  const { windows: count, kept = 1, stride, attnLength, documents, skew = 0 } = text
  const tokens = (count - 1) * stride + attnLength
  const sums = new Float64Array(tokens + 1)
  let [left, own] = [0, 0]
  for (let i = 0; i < tokens; i++) {
    if (documents !== undefined && left-- <= 0) {
      left = Math.floor(-Math.log(chance.uniform()) * documents.tokens)
      own = documents.deviation * chance.normal()
    }
    const normal = chance.normal()
    const noise = skew === 0 ? normal : Math.exp(skew * normal) - Math.exp(skew ** 2 / 2)
    sums[i + 1] = (sums[i] as number) + noise + own + trueDifference
  }
  const windows: number[] = []
  const second: number[] = []
  for (let window = 0; window < count; window++) {
    if (kept < 1 && chance.uniform() > kept) continue
    const at = window * stride
    windows.push(window)
    second.push(((sums[at + attnLength] as number) - (sums[at] as number)) / attnLength)
  }
  return { first: new Float64Array(second.length), second, windows, stride, attnLength }
}
