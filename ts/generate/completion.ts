/** A text in the making: which tokens of it are known, in reading order, while the model makes one after the other. */
import type { Direction } from '../config/types.js'
import { AotError } from '../errors.js'
import type { Engine } from '../train/engine.js'

/** One way in which a model completes a text. */
export type Way = { bos: number } & (
  | { kind: 'forward' }
  | { kind: 'backward' }
  /** Token i of the trained sequence stands at place permutation[i] of the window. */
  | { kind: 'permutation'; permutation: readonly number[] }
)

/** The id that every window of the original begins with. */
const beginning = 0

/** A model of FW+BW mode has two. */
export function waysOf(direction: Direction): Way[] {
  switch (direction.kind) {
    case 'fwbw':
      return [
        { kind: 'forward', bos: direction.forward },
        { kind: 'backward', bos: direction.backward },
      ]
    case 'permutation':
      return [{ kind: 'permutation', bos: beginning, permutation: direction.permutation }]
    default:
      return [{ kind: direction.kind, bos: beginning }]
  }
}

/** A place whose token is not known yet. */
export const unknown = -1

export interface SamplingOptions {
  temperature: number
  topK: number
  seed: number
}

/** The prompt is the text's beginning, its ending, or what stands at the first places of the permutation. */
export class Completion {
  private readonly made: number[] = []
  private readonly sequence: Int32Array

  /** `prompt`: ids in reading order. */
  constructor(
    private readonly engine: Pick<Engine, 'stream'>,
    readonly way: Way,
    private readonly prompt: Int32Array,
  ) {
    if (way.kind !== 'permutation') {
      this.sequence = way.kind === 'forward' ? prompt : prompt.slice().reverse()
      return
    }
    const { permutation } = way
    if (prompt.length > permutation.length) {
      throw new AotError(
        'AOT_CONFIG',
        `the prompt has ${prompt.length} tokens, but a window of this run has ${permutation.length}: shorten it`,
      )
    }
    const window = this.window()
    this.sequence = Int32Array.from({ length: prompt.length }, (_, i) => window[permutation[i] as number] as number)
  }

  /** Ids in reading order; `unknown` where there is none yet. */
  get ids(): Int32Array {
    const { way, prompt, made } = this
    if (way.kind === 'forward') return Int32Array.of(...prompt, ...made)
    if (way.kind === 'backward') return Int32Array.of(...made.toReversed(), ...prompt)
    const { permutation } = way
    const window = this.window()
    made.forEach((id, i) => {
      window[permutation[prompt.length + i] as number] = id
    })
    return window
  }

  /** Those that the model made, in the order in which it made them. */
  get tokens(): readonly number[] {
    return this.made
  }

  /** Yields after each token. A permuted window ends when it is full. */
  async *run(tokens: number, sampling: SamplingOptions, signal?: AbortSignal): AsyncGenerator<void, void, undefined> {
    const { way } = this
    const places = way.kind === 'permutation' ? way.permutation.length - this.prompt.length : tokens
    const options = { ...sampling, tokens: Math.min(tokens, places), bos: way.bos }
    if (signal?.aborted) return
    for await (const token of this.engine.stream(this.sequence, options)) {
      this.made.push(token)
      yield
      if (signal?.aborted) return
    }
  }

  /** A window with the prompt at the first places of the permutation, in reading order. */
  private window(): Int32Array {
    const { way, prompt } = this
    const permutation = way.kind === 'permutation' ? way.permutation : []
    const window = new Int32Array(permutation.length).fill(unknown)
    const places = permutation.slice(0, prompt.length).toSorted((a, b) => a - b)
    places.forEach((place, i) => {
      window[place] = prompt[i] as number
    })
    return window
  }
}
