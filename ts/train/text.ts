/** Token ids as text for people, and the bytes of text that each id stands for. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Direction } from '../config/types.js'
import { AotError } from '../errors.js'
import type { NativeTokenizer, NativeTokenizerClass } from '../native.js'

/** A generated or stored window, in the order of training, put back into reading order. */
export function toReadingOrder(ids: Int32Array, direction: Direction, backward: boolean): Int32Array {
  if (direction.kind === 'permutation') {
    const text = new Int32Array(ids.length)
    direction.permutation.forEach((place, i) => {
      text[place] = ids[i] as number
    })
    return text
  }
  return backward ? ids.slice().reverse() : ids
}

/**
 * Bytes of text behind each id, from tokenizer.json or else vocab.json: an entry of the vocabulary has one character a
 * byte, an added token is itself.
 */
export function tokenBytes(folder: string, vocabSize: number): Float64Array {
  const whole = join(folder, 'tokenizer.json')
  const path = existsSync(whole) ? whole : join(folder, 'vocab.json')
  const bytes = new Float64Array(vocabSize)
  try {
    const json = JSON.parse(readFileSync(path, 'utf8'))
    const vocab: Record<string, number> = path === whole ? json.model.vocab : json
    for (const [token, id] of Object.entries(vocab)) bytes[id] = [...token].length
    for (const { id, content } of json.added_tokens ?? []) bytes[id] = Buffer.byteLength(content)
  } catch (error) {
    throw new AotError('AOT_DATA', `${path} could not be read: ${(error as Error).message}`)
  }
  return bytes
}

/** Shows ids: decoded and quoted with a tokenizer, as numbers without. */
export class TokenText {
  private constructor(
    private readonly tokenizer: NativeTokenizer | null,
    private readonly direction: Direction,
    /** Bytes of text of each id; null without a tokenizer. */
    readonly bytes: Float64Array | null,
  ) {}

  /** AOT_IO when the folder is not there, AOT_CONFIG when its vocabulary is not the config's. */
  static load(loader: NativeTokenizerClass, folder: string | null, vocabSize: number, direction: Direction): TokenText {
    if (folder === null) return new TokenText(null, direction, null)
    if (!existsSync(folder)) {
      throw new AotError(
        'AOT_IO',
        `the tokenizer ${folder} (training_params.tokenizer_path) does not exist: make it with aot-tokenize, or set tokenizer_path to null`,
      )
    }
    const tokenizer = loader.load(folder)
    if (tokenizer.vocabSize !== vocabSize) {
      throw new AotError(
        'AOT_CONFIG',
        `model_params.vocab_size is ${vocabSize}, but the tokenizer ${folder} has ${tokenizer.vocabSize} tokens: set vocab_size to ${tokenizer.vocabSize}, or name the tokenizer that made the dataset`,
      )
    }
    return new TokenText(tokenizer, direction, tokenBytes(folder, vocabSize))
  }

  /** The ids in the order given. On one line when quoted. */
  decode(ids: Int32Array): string {
    const tokenizer = this.tokenizer
    if (tokenizer === null) return `[${ids.join(' ')}]`
    if (this.direction.kind !== 'fwbw') return tokenizer.decode(ids)
    // The two first tokens of FW+BW mode lie past the tokenizer's own.
    const { forward, backward } = this.direction
    const names = new Map([
      [forward, '<|forward|>'],
      [backward, '<|backward|>'],
    ])
    const pieces: string[] = []
    for (let begin = 0, i = 0; i <= ids.length; i++) {
      const name = i < ids.length ? names.get(ids[i] as number) : ''
      if (name === undefined) continue
      pieces.push(tokenizer.decode(ids.slice(begin, i)), name)
      begin = i + 1
    }
    return pieces.join('')
  }

  quoted(ids: Int32Array): string {
    return this.tokenizer === null ? this.decode(ids) : JSON.stringify(this.decode(ids))
  }
}
