/** The public class `Tokenizer`. */
import { AotError } from '../errors.js'
import { type NativeTokenizer, native } from '../native.js'
import { newControl } from './job.js'

export interface TrainTokenizerOptions {
  /** Ids of the trained vocabulary: `<|endoftext|>`, the 256 bytes and one for each merge; at least 257. */
  vocabSize: number
  /** Default: all processors. */
  threads?: number | undefined
}

export interface TrainCharTokenizerOptions {
  /** Whether it has `<|unk|>` (id 1), the token of characters that the texts do not have. Default false. */
  unknown?: boolean | undefined
  /** Default: all processors. */
  threads?: number | undefined
}

export interface SpecialToken {
  token: string
  id: number
}

/**
 * A tokenizer, equal to Hugging Face's in ids and files: byte-level BPE as GPT-2's, or character-level, where each code
 * point is a token. Immutable.
 */
export class Tokenizer {
  readonly #native: NativeTokenizer

  private constructor(tokenizer: NativeTokenizer) {
    this.#native = tokenizer
  }

  /**
   * Reads a folder in Hugging Face's form: tokenizer.json, or vocab.json and merges.txt.
   * @throws AotError AOT_IO when a file is missing, AOT_DATA when one is damaged or of another kind of tokenizer.
   */
  static load(folder: string): Tokenizer {
    return new Tokenizer(native.Tokenizer.load(folder))
  }

  /**
   * Trains on the texts of files: `<|endoftext|>` = 0, the bytes 1 to 256, then the merges. Fewer ids than vocabSize come
   * out when the text has no more pairs to merge.
   */
  static async train(files: string[], options: TrainTokenizerOptions): Promise<Tokenizer> {
    if (typeof options !== 'object' || options === null) {
      throw new AotError('AOT_CONFIG', 'options must be an object with vocabSize')
    }
    const { vocabSize, threads = native.availableCores() } = options
    if (!Number.isInteger(vocabSize) || vocabSize < 257) {
      throw new AotError('AOT_CONFIG', `vocabSize must be a whole number of at least 257, not ${String(vocabSize)}`)
    }
    const { tokenizer } = await native.trainFiles(files, { vocabSize, threads }, newControl())
    return new Tokenizer(tokenizer)
  }

  /** A character-level tokenizer of the texts of files: `<|endoftext|>` = 0, then the characters by code point. */
  static async trainChar(files: string[], options: TrainCharTokenizerOptions = {}): Promise<Tokenizer> {
    const { unknown = false, threads = native.availableCores() } = options
    const { tokenizer } = await native.trainCharFiles(files, { unknown, threads }, newControl())
    return new Tokenizer(tokenizer)
  }

  get kind(): 'bpe' | 'char' {
    return this.#native.kind
  }

  /** The number of ids; ids are 0 to vocabSize - 1. */
  get vocabSize(): number {
    return this.#native.vocabSize
  }

  /** By id: `<|endoftext|>` and those that were added. */
  get specialTokens(): SpecialToken[] {
    return this.#native.specialTokens
  }

  /**
   * The id of a token, undefined when there is none. Tokens are written as in the vocabulary: those of BPE in GPT-2's
   * byte alphabet, where a space is `Ġ`.
   */
  tokenToId(token: string): number | undefined {
    return this.#native.tokenToId(token)
  }

  /** The token of an id as in the vocabulary (decode() gives its text), undefined when there is none. */
  idToToken(id: number): string | undefined {
    return this.#native.idToToken(id)
  }

  /**
   * The same tokenizer with these special tokens too; their ids follow the last one in their order.
   * @throws AotError AOT_CONFIG for a token that it has already.
   */
  withSpecialTokens(tokens: readonly string[]): Tokenizer {
    return new Tokenizer(this.#native.withSpecialTokens(tokens))
  }

  /**
   * Ids of the text as it is: added tokens in it (`<|endoftext|>`) become their ids, lone surrogates U+FFFD. Cleaning of
   * line ends belongs to the file reader of aot-tokenize.
   * @throws AotError AOT_DATA for a character that a character-level tokenizer does not have.
   */
  encode(text: string): Int32Array {
    return this.#native.encode(text)
  }

  /**
   * Text of the ids, with special tokens as they are written unless skipSpecialTokens; bytes that are not UTF-8 become
   * U+FFFD.
   * @throws AotError AOT_DATA for an id outside the vocabulary, AOT_CONFIG when `ids` is no list of whole numbers.
   */
  decode(ids: Int32Array | readonly number[], options: { skipSpecialTokens?: boolean | undefined } = {}): string {
    const { skipSpecialTokens = false } = options
    if (ids instanceof Int32Array) return this.#native.decode(ids, skipSpecialTokens)
    if (!Array.isArray(ids)) throw new AotError('AOT_CONFIG', 'ids must be an Int32Array or an array of numbers')
    // The conversion would make another id of anything that is none.
    const place = ids.findIndex((id) => !Number.isInteger(id) || (id | 0) !== id)
    if (place >= 0) throw new AotError('AOT_CONFIG', `ids[${place}] must be an id, not ${String(ids[place])}`)
    return this.#native.decode(Int32Array.from(ids), skipSpecialTokens)
  }

  /** Writes a folder in Hugging Face's form, made if need be: tokenizer.json and the files that go with it. */
  async save(folder: string): Promise<void> {
    await this.#native.save(folder)
  }
}
