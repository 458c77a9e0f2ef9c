/** Token ids as text for people, and the bytes of text that each id stands for. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Direction } from '../config/types.js'
import { AotError } from '../errors.js'
import type { NativeTokenizer, NativeTokenizerClass } from '../native.js'
import { loadRunTokenizer } from './run_tokenizer.js'

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
 * Bytes of text behind each id, from tokenizer.json or else vocab.json: an entry of a BPE vocabulary has one character a
 * byte, a character or an added token is itself.
 */
export function tokenBytes(folder: string, vocabSize: number): Float64Array {
  const whole = join(folder, 'tokenizer.json')
  const path = existsSync(whole) ? whole : join(folder, 'vocab.json')
  const bytes = new Float64Array(vocabSize)
  try {
    const json = JSON.parse(readFileSync(path, 'utf8'))
    const vocab: Record<string, number> = path === whole ? json.model.vocab : json
    const characterLevel = json.model?.type === 'WordLevel'
    for (const [token, id] of Object.entries(vocab)) {
      bytes[id] = characterLevel ? Buffer.byteLength(token) : [...token].length
    }
    for (const { id, content } of json.added_tokens ?? []) bytes[id] = Buffer.byteLength(content)
  } catch (error) {
    throw new AotError('AOT_DATA', `${path} could not be read: ${(error as Error).message}`)
  }
  return bytes
}

/** Shows ids: decoded and quoted with a tokenizer, as numbers without. */
export class TokenText {
  private constructor(
    readonly tokenizer: NativeTokenizer | null,
    /** Bytes of text of each id; null without a tokenizer. */
    readonly bytes: Float64Array | null,
  ) {}

  /** As loadRunTokenizer(). */
  static load(loader: NativeTokenizerClass, folder: string | null, vocabSize: number, direction: Direction): TokenText {
    if (folder === null) return new TokenText(null, null)
    const tokenizer = loadRunTokenizer(loader, folder, vocabSize, direction)
    return new TokenText(tokenizer, tokenBytes(folder, tokenizer.vocabSize))
  }

  /** The ids in the order given. On one line when quoted. */
  decode(ids: Int32Array): string {
    return this.tokenizer === null ? `[${ids.join(' ')}]` : this.tokenizer.decode(ids)
  }

  quoted(ids: Int32Array): string {
    return this.tokenizer === null ? this.decode(ids) : JSON.stringify(this.decode(ids))
  }
}
