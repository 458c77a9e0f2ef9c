/** What others make, measured beside the engine where it is installed: through python3 (bench/peers) and Node's packages. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { packageRoot } from '../native.js'
import { askProcess } from './peer_process.js'

/** A call of an op; the shape is the op table's. */
export interface PeerCall {
  /** What its answers are found by. */
  id: number
  op: string
  precision: 'fp32' | 'bf16'
  /** Of dropout. */
  rate: number
  shape: { batch: number; window: number; width: number; out: number; heads: number; vocabulary: number }
}

interface OnDevice {
  /** `cpu` or `cuda:N`. */
  device: string
  /** Of the processor. */
  threads: number
  /** Whether fp32 products on a GPU may be of TF32. */
  tf32: boolean
}

export interface PeerRequests {
  ops: OnDevice & { calls: PeerCall[] /** That the repeats of one peer of one call take. */; seconds: number }
  /** One process each, since the peak memory is that of the process. */
  train: OnDevice & {
    model: 'gpt' | 'gru' | 'lstm'
    precision: 'fp32' | 'bf16'
    shape: {
      vocab_size: number
      n_layers: number
      n_heads?: number | undefined
      embed_dim: number
      attn_length: number
      mlp_ratio?: number | undefined
      dropout: number
      batch: number
    }
    steps: number
    compile: boolean
  }
  /** A product of two square matrices. */
  matmul: OnDevice & { size: number; precision: 'fp32' | 'bf16'; seconds: number }
  copy: OnDevice & { bytes: number; seconds: number }
  /** One process each, as for `train`. */
  tokenize: {
    work: 'encode' | 'train'
    threads: number
    repeats: number
    /** Folder with tokenizer.json. */
    tokenizer: string
    /** UTF-8, with nothing to be cleaned. */
    files: string[]
    train_vocab_size: number
  }
}

const measured = { by: z.string().min(1), samples: z.array(z.number().positive()).min(1) }
const answers = {
  ops: z.object({ ...measured, id: z.int(), settings: z.string() }),
  train: z.object({ ...measured, peak_memory: z.number().positive(), settings: z.string() }),
  matmul: z.object({ ...measured, flops: z.number().positive(), settings: z.string() }),
  copy: z.object({ ...measured, bytes: z.number().positive() }),
  tokenize: z.object({
    ...measured,
    work: z.enum(['encode', 'train']),
    /** Bytes beyond what the process had before. */
    peak_memory: z.number(),
    threads: z.int().positive(),
    /** Number of ids, or size of the vocabulary. */
    tokens: z.int(),
    /** SHA-256 of the ids as little-endian int32, file after file; or of the merges, a line each. */
    sha256: z.string(),
  }),
}
export type PeerAnswers = { [Bench in keyof typeof answers]: z.infer<(typeof answers)[Bench]> }

const absent = z.object({ absent: z.string(), why: z.string() })
const failed = z.object({
  failed: z.literal(true),
  by: z.string(),
  why: z.string(),
  id: z.int().optional(),
  work: z.string().optional(),
})

export interface PeersOptions {
  /** Takes what is absent or failed, a line each, each said once. */
  onLine: (line: string) => void
  /** Aborted: what runs is killed, and ask() throws its reason. */
  signal?: AbortSignal | undefined
  /** Default: what AOT_PYTHON names, or `python3`. */
  python?: string | undefined
  /** Seconds that one peer of one call may take; default 300, with compiling. */
  limit?: number | undefined
  /** Seconds beyond `limit` until a process that says nothing is killed; default 30. */
  grace?: number | undefined
}

/** Asks peers. What is not there is a line and no error: then there is nothing to compare with. */
export class Peers {
  readonly #options: PeersOptions
  readonly #python: string
  readonly #limit: number
  readonly #said = new Set<string>()

  constructor(options: PeersOptions) {
    this.#options = options
    this.#python = options.python ?? (process.env.AOT_PYTHON || 'python3')
    this.#limit = options.limit ?? 300
  }

  /** Of PyTorch, or of Python's tokenizers. */
  async python<Bench extends keyof PeerRequests>(
    bench: Bench,
    request: PeerRequests[Bench],
  ): Promise<PeerAnswers[Bench][]> {
    const script = join(packageRoot, 'bench/peers/peers.py')
    return this.#ask(this.#python, [this.#python, script], bench, request)
  }

  /** Of Node's tokenizers. */
  async node(request: PeerRequests['tokenize'] & { libraries: string[] }): Promise<PeerAnswers['tokenize'][]> {
    const script = fileURLToPath(new URL('node_tokenizers.js', import.meta.url))
    return this.#ask('node', [process.execPath, script], 'tokenize', request)
  }

  /** Says a line, once. */
  say(line: string): void {
    if (this.#said.has(line)) return
    this.#said.add(line)
    this.#options.onLine(line)
  }

  async #ask<Bench extends keyof PeerRequests>(
    name: string,
    command: [string, ...string[]],
    bench: Bench,
    request: PeerRequests[Bench],
  ): Promise<PeerAnswers[Bench][]> {
    const found: PeerAnswers[Bench][] = []
    const onAnswer = (line: string) => {
      const answer = this.#read(name, bench, request, line)
      if (answer) found.push(answer)
    }
    const silence = this.#limit + (this.#options.grace ?? 30)
    const asked = { bench, limit: this.#limit, ...request }
    const end = await askProcess(command, asked, { silence, signal: this.#options.signal, onAnswer })
    if (end === null) return found
    if ('absent' in end) this.say(`${name}: absent (${end.absent}; AOT_PYTHON names another)`)
    else this.say(`${name}: failed (${end.failed})`)
    return found
  }

  #read<Bench extends keyof PeerRequests>(
    name: string,
    bench: Bench,
    request: PeerRequests[Bench],
    line: string,
  ): PeerAnswers[Bench] | undefined {
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch {
      value = undefined
    }
    const result = answers[bench].safeParse(value)
    if (result.success) return result.data as PeerAnswers[Bench]
    const missing = absent.safeParse(value)
    const broken = failed.safeParse(value)
    if (missing.success) this.say(`${missing.data.absent}: absent (${missing.data.why})`)
    else if (broken.success) {
      const { by, why, id, work } = broken.data
      const op = 'calls' in request ? request.calls.find((call) => call.id === id)?.op : undefined
      this.say(`${[by, op ?? work].filter((part) => part !== undefined).join(', ')}: failed (${why})`)
    } else this.say(`${name}: what it said is no answer: ${JSON.stringify(line.slice(0, 100))}`)
    return undefined
  }
}
