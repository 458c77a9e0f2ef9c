/** aot-bench tokenize: training a tokenizer on a folder's text and encoding it, beside what others need for the same. */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { TokenStore } from '../data/token_store.js'
import { AotError } from '../errors.js'
import { native } from '../native.js'
import { newControl } from '../tokenize/job.js'
import { loadTokenizer } from '../tokenize/tokenizers.js'
import { measureInChild } from './child.js'
import { type BenchCorpus, cleanCopies, openBenchCorpus, ownTextNames, writeOwnText } from './corpus.js'
import type { PeerAnswers, Peers } from './peers.js'
import { type Row, timeOf } from './record.js'
import { ourselves } from './row_text.js'
import { digestOfIds } from './token_ids.js'

export interface TokenizeOptions {
  /** null: texts that are the same everywhere, one after the other. */
  folder: string | null
  /** Bytes: no more of a text is encoded. */
  bytes: number
  /** Bytes: of no more of it a tokenizer is trained, and peers are slow enough to get no more. */
  peerBytes: number
  /** Folder of a tokenizer to encode with; null: one is trained, and its training measured. */
  tokenizer: string | null
  vocabSize: number
  /** Each number of threads is measured. */
  threads: readonly number[]
  /** How long each work of ours is repeated, at least twice and at most 100 times; a peer's is done twice. */
  seconds: number
  peers: Peers | null
  signal: AbortSignal
  onRow: (row: Row) => void
  onLine: (line: string) => void
}

type Work = 'train' | 'encode'

/** What tokenize_child does. */
export type TokenizeRequest = { /** Folder. */ corpus: string; threads: number; seconds: number } & (
  | { work: 'train'; vocabSize: number /** Where the tokenizer is saved. */; folder: string }
  | { work: 'encode' /** Folder. */; tokenizer: string /** Token file. */; out: string }
)
const measurement = z.strictObject({
  /** Seconds. */
  samples: z.array(z.number()),
  /** Bytes beyond what the process had before. */
  peak_memory: z.number(),
})
export type TokenizeMeasurement = z.infer<typeof measurement>

/** What a work gave, for others to be held against. */
interface Result {
  tokens: number
  sha256: string
}

const repeatsOfPeers = 2

/**
 * Measures with reading and writing, on files that were read before.
 * @throws AotError as aot-tokenize for a folder or a tokenizer that cannot be read
 */
export async function benchTokenize(options: TokenizeOptions): Promise<void> {
  const { folder, bytes, signal } = options
  const place = mkdtempSync(join(tmpdir(), 'aot-bench-'))
  const remove = () => rmSync(place, { recursive: true, force: true })
  process.once('exit', remove)
  try {
    for (const name of folder === null ? ownTextNames : [null]) {
      if (signal.aborted) return
      const own = join(place, name ?? '')
      if (name !== null) writeOwnText(name, join(own, name), bytes)
      await new TokenizeBench(options, name === null ? resolve(folder as string) : join(own, name), own).run()
      if (name !== null) rmSync(own, { recursive: true })
    }
  } finally {
    process.off('exit', remove)
    remove()
  }
}

class TokenizeBench {
  readonly #options: TokenizeOptions
  /** What is encoded, and what a tokenizer is trained on and peers get. */
  readonly #whole: BenchCorpus
  readonly #part: BenchCorpus
  readonly #place: string

  constructor(options: TokenizeOptions, folder: string, place: string) {
    this.#options = options
    this.#whole = openBenchCorpus(folder, options.bytes, join(place, 'whole'))
    this.#part = openBenchCorpus(folder, Math.min(options.bytes, options.peerBytes), join(place, 'part'))
    this.#place = place
  }

  async run(): Promise<void> {
    const { threads, signal, peers } = this.#options
    const { folder, trained } = await this.#tokenizer()
    for (const count of threads) {
      if (signal.aborted) return
      await this.#encode(folder, count)
    }
    if (peers === null || signal.aborted) return
    const ours = new Map<Work, Result>([['encode', await this.#idsOfPart(folder)]])
    if (trained !== null) ours.set('train', trained)
    await this.#askPeers(peers, folder, ours)
  }

  /** The one given, or one that is trained, once for each number of threads and repeat. */
  async #tokenizer(): Promise<{ folder: string; trained: Result | null }> {
    const { tokenizer: given, threads, vocabSize, seconds, signal } = this.#options
    if (given !== null) return { folder: resolve(given), trained: null }
    const folder = join(this.#place, 'tokenizer')
    for (const count of threads) {
      const request: TokenizeRequest = {
        work: 'train',
        corpus: this.#part.path,
        threads: count,
        seconds,
        vocabSize,
        folder,
      }
      const { samples, peak_memory } = await measureInChild('tokenize_child', request, measurement, signal)
      this.#row('train', ourselves, count, this.#part, samples, { peak_memory })
    }
    return { folder, trained: { tokens: loadTokenizer(folder).vocabSize, sha256: digestOfMerges(folder) } }
  }

  async #encode(tokenizer: string, threads: number): Promise<void> {
    const { seconds, signal } = this.#options
    const out = join(this.#place, 'tokens.h5')
    const request: TokenizeRequest = { work: 'encode', corpus: this.#whole.path, threads, seconds, tokenizer, out }
    const { samples, peak_memory } = await measureInChild('tokenize_child', request, measurement, signal)
    const store = TokenStore.open(out)
    const tokens_per_s = store.length / timeOf(samples).median
    store.close()
    this.#row('encode', ourselves, threads, this.#whole, samples, { tokens_per_s, peak_memory })
  }

  /** What peers are held against. */
  async #idsOfPart(tokenizer: string): Promise<Result> {
    const out = join(this.#place, 'part.h5')
    const options = { threads: native.availableCores(), dtype: 'auto' } as const
    await native.encodeFiles(loadTokenizer(tokenizer), this.#part.files, out, options, newControl())
    const store = TokenStore.open(out)
    try {
      return digestOfIds(pieces(store))
    } finally {
      store.close()
    }
  }

  /** Each peer's rows, and a line for one that made something else of the text. */
  async #askPeers(peers: Peers, folder: string, ours: ReadonlyMap<Work, Result>): Promise<void> {
    const { threads, vocabSize, onLine } = this.#options
    const base = {
      repeats: repeatsOfPeers,
      tokenizer: folder,
      files: cleanCopies(this.#part, join(this.#place, 'clean')),
      train_vocab_size: vocabSize,
    }
    const answers: PeerAnswers['tokenize'][] = []
    // A process for each work, since its peak memory is that of the process.
    for (const work of ours.keys()) {
      for (const count of threads) answers.push(...(await peers.python('tokenize', { ...base, work, threads: count })))
    }
    const libraries = ['tokenizers', 'kitoken']
    answers.push(...(await peers.node({ ...base, work: 'encode', threads: 1, libraries })))
    for (const { by, work, threads: count, samples, tokens, sha256, peak_memory } of answers) {
      const rate = work === 'encode' ? { tokens_per_s: tokens / timeOf(samples).median } : {}
      this.#row(work, by, count, this.#part, samples, { ...rate, peak_memory })
      const result = ours.get(work)
      if (result === undefined || result.sha256 === sha256) continue
      const what = work === 'encode' ? `other ids (${tokens}, ours ${result.tokens})` : 'other merges'
      onLine(`${by}: ${what}, so that its speed is of another work`)
    }
  }

  #row(name: Work, by: string, threads: number, corpus: BenchCorpus, samples: number[], more: Row['figures']): void {
    const { tokenizer, vocabSize, onRow } = this.#options
    const time = timeOf(samples)
    const vocabulary = tokenizer === null ? vocabSize : loadTokenizer(tokenizer).vocabSize
    const shape = { text: this.#whole.text, vocabulary, threads }
    const figures = { text_bytes: corpus.bytes, mbytes_per_s: corpus.bytes / time.median / 1e6, ...more }
    onRow({ bench: 'tokenize', name, by, device: 'cpu', precision: null, shape, time, figures })
  }
}

function* pieces(store: TokenStore): Generator<Int32Array> {
  const most = 1 << 22
  for (let at = 0; at < store.length; at += most) yield store.read(at, Math.min(most, store.length - at))
}

/** Of the lines of merges.txt that are merges, each with its line end. */
function digestOfMerges(folder: string): string {
  const file = join(folder, 'merges.txt')
  const text = readFileSync(file, 'utf8')
  const end = text.indexOf('\n')
  if (!text.startsWith('#version')) throw new AotError('AOT_INTERNAL', `${file} does not begin with its version`)
  return createHash('sha256')
    .update(text.slice(end + 1))
    .digest('hex')
}
