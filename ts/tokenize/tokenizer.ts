/** The public class `Tokenizer`. */
import { AotError } from '../errors.js'
import { type NativeTokenizer, native } from '../native.js'

export interface TrainTokenizerOptions {
  /** Ids of the trained vocabulary: `<|endoftext|>`, the 256 bytes and one for each merge; at least 257. */
  vocabSize: number
  /** Default: all processors. */
  threads?: number | undefined
}

/** A byte-level BPE tokenizer, equal to Hugging Face's GPT-2 tokenizer in ids, merges and files. */
export class Tokenizer {
  readonly #native: NativeTokenizer

  private constructor(tokenizer: NativeTokenizer) {
    this.#native = tokenizer
  }

  /**
   * Reads a folder in Hugging Face's form: tokenizer.json, or vocab.json and merges.txt.
   * @throws AotError AOT_IO when a file is missing, AOT_DATA when one is damaged or not GPT-2's byte-level BPE.
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
    const control = { progress: new Float64Array(2), stop: new Int32Array(1) }
    const { tokenizer } = await native.trainFiles(files, { vocabSize, threads }, control)
    return new Tokenizer(tokenizer)
  }

  /** The number of ids; ids are 0 to vocabSize - 1. */
  get vocabSize(): number {
    return this.#native.vocabSize
  }

  /**
   * Ids of the text as it is: added tokens in it (`<|endoftext|>`) become their ids, lone surrogates U+FFFD. Cleaning of
   * line ends belongs to the file reader of aot-tokenize.
   */
  encode(text: string): Int32Array {
    return this.#native.encode(text)
  }

  /**
   * Text of the ids; bytes that are not UTF-8 become U+FFFD.
   * @throws AotError AOT_DATA for an id outside the vocabulary, AOT_CONFIG when `ids` is no list of whole numbers.
   */
  decode(ids: Int32Array | readonly number[]): string {
    if (ids instanceof Int32Array) return this.#native.decode(ids)
    if (!Array.isArray(ids)) throw new AotError('AOT_CONFIG', 'ids must be an Int32Array or an array of numbers')
    // The conversion would make another id of anything that is none.
    const place = ids.findIndex((id) => !Number.isInteger(id) || (id | 0) !== id)
    if (place >= 0) throw new AotError('AOT_CONFIG', `ids[${place}] must be an id, not ${String(ids[place])}`)
    return this.#native.decode(Int32Array.from(ids))
  }

  /** Writes a folder in Hugging Face's form, made if need be: tokenizer.json, vocab.json, merges.txt and two more. */
  async save(folder: string): Promise<void> {
    await this.#native.save(folder)
  }
}
