/** aot-bench tokenize: training a tokenizer on a folder's text and encoding it, beside what others need for the same. */
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { TokenStore } from '../data/token_store.js'
import { AotError } from '../errors.js'
import { type NativeTokenizer, native } from '../native.js'
import { newControl } from '../tokenize/job.js'
import { loadTokenizer } from '../tokenize/tokenizers.js'
import { type BenchCorpus, cleanCopies, openBenchCorpus } from './corpus.js'
import type { PeerAnswers, Peers } from './peers.js'
import { type Row, timeOf } from './record.js'
import { digestOfIds } from './token_ids.js'

export interface TokenizeOptions {
  /** null: texts that are the same everywhere. */
  folder: string | null
  /** Bytes: no more of the folder's text is taken. */
  bytes: number
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
  const { threads, signal } = options
  const place = mkdtempSync(join(tmpdir(), 'aot-bench-'))
  const remove = () => rmSync(place, { recursive: true, force: true })
  process.once('exit', remove)
  try {
    const corpus = openBenchCorpus(options.folder === null ? null : resolve(options.folder), options.bytes, place)
    const bench = new TokenizeBench(options, corpus, place)
    const { tokenizer, folder, trained } = await bench.tokenizer()
    const encoded = new Map<Work, Result>(trained === null ? [] : [['train', trained]])
    for (const count of threads) {
      if (signal.aborted) return
      encoded.set('encode', await bench.encode(tokenizer, count))
    }
    await bench.askPeers(folder, encoded)
  } finally {
    process.off('exit', remove)
    remove()
  }
}

class TokenizeBench {
  readonly #options: TokenizeOptions
  readonly #corpus: BenchCorpus
  readonly #place: string

  constructor(options: TokenizeOptions, corpus: BenchCorpus, place: string) {
    this.#options = options
    this.#corpus = corpus
    this.#place = place
  }

  /** The one given, or one that is trained, once for each number of threads and repeat. */
  async tokenizer(): Promise<{ tokenizer: NativeTokenizer; folder: string; trained: Result | null }> {
    const { tokenizer: given, threads, vocabSize, signal } = this.#options
    if (given !== null) {
      const folder = resolve(given)
      return { tokenizer: loadTokenizer(folder), folder, trained: null }
    }
    const { files } = this.#corpus
    let tokenizer: NativeTokenizer | undefined
    for (const count of threads) {
      if (signal.aborted) break
      const samples = await this.#repeat(async () => {
        const trained = await native.trainFiles(files, { vocabSize, threads: count }, newControl())
        tokenizer = trained.tokenizer
      })
      this.#row('train', 'arrows-of-time', count, samples, {})
    }
    tokenizer ??= (await native.trainFiles(files, { vocabSize, threads: native.availableCores() }, newControl()))
      .tokenizer
    const folder = join(this.#place, 'tokenizer')
    mkdirSync(folder)
    await tokenizer.save(folder)
    return { tokenizer, folder, trained: { tokens: tokenizer.vocabSize, sha256: digestOfMerges(folder) } }
  }

  /** Into a file, which is read again for its ids. */
  async encode(tokenizer: NativeTokenizer, threads: number): Promise<Result> {
    const out = join(this.#place, 'tokens.h5')
    const samples = await this.#repeat(async () => {
      rmSync(out, { force: true })
      await native.encodeFiles(tokenizer, this.#corpus.files, out, { threads, dtype: 'auto' }, newControl())
    })
    const store = TokenStore.open(out)
    try {
      const result = digestOfIds(pieces(store))
      this.#row('encode', 'arrows-of-time', threads, samples, { tokens_per_s: result.tokens / timeOf(samples).median })
      return result
    } finally {
      store.close()
    }
  }

  /** Each peer's rows, and a line for one that made something else of the text. */
  async askPeers(folder: string, ours: ReadonlyMap<Work, Result>): Promise<void> {
    const { peers, threads, vocabSize, signal, onLine } = this.#options
    if (peers === null || signal.aborted) return
    const base = {
      repeats: repeatsOfPeers,
      tokenizer: folder,
      files: cleanCopies(this.#corpus, join(this.#place, 'clean')),
      train_vocab_size: ours.has('train') ? vocabSize : null,
    }
    const answers: PeerAnswers['tokenize'][] = []
    for (const count of threads) answers.push(...(await peers.python('tokenize', { ...base, threads: count })))
    answers.push(...(await peers.node({ ...base, threads: 1, libraries: ['tokenizers', 'kitoken'] })))
    for (const { by, work, threads: count, samples, tokens, sha256 } of answers) {
      const rate = work === 'encode' ? { tokens_per_s: tokens / timeOf(samples).median } : {}
      this.#row(work, by, count, samples, rate)
      const result = ours.get(work)
      if (result === undefined || result.sha256 === sha256) continue
      const what = work === 'encode' ? `other ids (${tokens}, ours ${result.tokens})` : 'other merges'
      onLine(`${by}: ${what}, so that its speed is of another work`)
    }
  }

  /** Seconds of each repeat, after one that only brings the files into memory. */
  async #repeat(work: () => Promise<void>): Promise<number[]> {
    const { seconds, signal } = this.#options
    const started = performance.now()
    await work()
    const once = (performance.now() - started) / 1000
    const repeats = Math.min(100, Math.max(2, Math.floor(seconds / once)))
    const samples: number[] = []
    while (samples.length < repeats && !(signal.aborted && samples.length > 0)) {
      const begun = performance.now()
      await work()
      samples.push((performance.now() - begun) / 1000)
    }
    return samples
  }

  #row(name: Work, by: string, threads: number, samples: number[], more: Row['figures']): void {
    const { bytes, text, files } = this.#corpus
    const { tokenizer, vocabSize, onRow } = this.#options
    const time = timeOf(samples)
    const vocabulary = tokenizer === null ? vocabSize : loadTokenizer(tokenizer).vocabSize
    const shape = { text, files: files.length, bytes, vocabulary, threads }
    const figures = { mbytes_per_s: bytes / time.median / 1e6, ...more }
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
