/**
 * The only file that loads the addon, and its typed contract: what native/addon exports, class by class.
 * Everything else goes through the public classes built on it (Engine, Tokenizer, TokenStore).
 */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import bindings from 'bindings'
import { AotError } from './errors.js'
import type { NativeTokenShards } from './native_shards.js'
import type { NativeTokenizeUnits } from './native_units.js'
import type { NativeWorlds } from './native_world.js'

/** Memory that native work and JavaScript share: the work adds to `done` (of `total`), and ends early on `stop`. */
export interface NativeControl {
  /**
   * Float64Array [bytes of input done, bytes in all, tokens made, words in them]; read it on a timer. Calls on units
   * add to what is there and leave the second alone.
   */
  progress: Float64Array
  /** Int32Array [stop]: set to 1 to make the work end with an AotError at its next safe place. */
  stop: Int32Array
}

// --- native/addon/tokenizer_addon.cpp ---------------------------------------------------------------------------

export interface NativeTokenizer {
  readonly kind: 'bpe' | 'char'
  readonly vocabSize: number
  /** By id. */
  readonly specialTokens: { token: string; id: number }[]
  /** Tokens as the files write them, those of BPE in GPT-2's byte alphabet. */
  tokenToId(token: string): number | undefined
  idToToken(id: number): string | undefined
  /** Another one, with these special tokens after the last id. */
  withSpecialTokens(tokens: readonly string[]): NativeTokenizer
  /** Ids of the text as it is. Added tokens inside the text (`<|endoftext|>`) become their ids. */
  encode(text: string): Int32Array
  /** Text of the ids; bytes that are not UTF-8 become U+FFFD. */
  decode(ids: Int32Array, skipSpecialTokens?: boolean): string
  /** Writes a Hugging Face folder (tokenizer.json, special_tokens_map.json, of BPE vocab.json, merges.txt, ...). */
  save(folder: string): Promise<void>
}

export interface NativeTokenizerClass {
  /** Reads a Hugging Face folder: byte-level BPE with both merge forms, or character-level. */
  load(folder: string): NativeTokenizer
}

/** The parts of the tokenizer one by one, for tests. */
export interface NativeTokenizerParts {
  /** Where the pieces of the pre-tokenizer start, in bytes of UTF-8; null when the processor lacks the instructions. */
  pretokenize(text: string, implementation: 'scalar' | 'avx2' | 'avx512'): Uint32Array | null
  /** Where the text that needs no cleaning ends, or up to 8 bytes before. */
  plainEnd(bytes: Uint8Array, implementation: 'scalar' | 'avx2' | 'avx512'): number | null
  /** The last place where the text may be cut without a change to the pieces; 0 when there is none. */
  lastSafeCut(utf8: Uint8Array): number
  /** Trains on texts, each a sequence, and on words with their counts. */
  train(texts: string[], words: string[], counts: number[], vocabSize: number): NativeTokenizer
  /** The words of texts, counted part by part and merged; `memory` in bytes. */
  countWords(parts: string[][]): { words: string[]; counts: number[]; memory: number }
  /** How many pieces (or characters), with added tokens, one encoder says that it has encoded. */
  encodedWords(tokenizer: NativeTokenizer, texts: string[]): number
  /** Ids of each piece, as the encoder gives them; null when the processor lacks the instructions. */
  encodePieces(
    tokenizer: NativeTokenizer,
    pieces: string[],
    implementation: 'scalar' | 'avx2' | 'avx512',
  ): Int32Array[] | null
  /** Ids of one piece by the definition of BPE: merge after merge. */
  mergePiece(tokenizer: NativeTokenizer, piece: string): Int32Array
}

// --- native/addon/tokenize_folder_addon.cpp -----------------------------------------------------------------------

/** What the reader of .txt files met. */
export interface TextReport {
  files: number
  bytes: number
  /** Bytes dropped because they were not valid UTF-8. */
  invalidBytes: number
  /** Pieces longer than 1 MiB, cut there. */
  cutPieces: number
}

export interface TrainFilesResult {
  tokenizer: NativeTokenizer
  text: TextReport
  /** Distinct pre-token words, or characters, and their occurrences. */
  words: number
  occurrences: number
}

export interface EncodeFilesResult {
  text: TextReport
  tokens: number
  dtype: 'int32' | 'uint16'
}

/** `chunkBytes` and `blockBytes` say how much text is taken at a time: for tests, no result depends on them. */
export interface NativeTokenizeFolder {
  trainFiles(
    files: string[],
    options: { vocabSize: number; threads: number; chunkBytes?: number | undefined },
    control: NativeControl,
  ): Promise<TrainFilesResult>
  /** A character-level tokenizer; with `unknown` it has a token for characters that the files do not have. */
  trainCharFiles(
    files: string[],
    options: { unknown: boolean; threads: number; chunkBytes?: number | undefined },
    control: NativeControl,
  ): Promise<TrainFilesResult>
  /** Writes `out` (HDF5, dataset `tokens`, 1-D, contiguous) from the files in the given order. */
  encodeFiles(
    tokenizer: NativeTokenizer,
    files: string[],
    out: string,
    options: { threads: number; dtype: 'auto' | 'int32' | 'uint16'; chunkBytes?: number | undefined },
    control: NativeControl,
  ): Promise<EncodeFilesResult>
  /** Writes the text of `file` reversed by code point to `out`. */
  reverseFile(file: string, out: string, control: NativeControl, blockBytes?: number): Promise<TextReport>
}

// --- native/addon/token_store_addon.cpp -----------------------------------------------------------------------------

export interface NativeWindowOptions {
  attnLength: number
  /** Default (attnLength - 1) // 2. */
  stride?: number | undefined
  backwards?: boolean | undefined
  /** Position i of the trained sequence holds token permutation[i] of the text; overrides `backwards`. */
  permutation?: number[] | undefined
  /** FW+BW mode: even windows forward, odd ones backward, with these first tokens. */
  fwbw?: { forward: number; backward: number } | undefined
}

export interface NativeWindows {
  readonly length: number
  get(index: number): { input: Int32Array; target: Int32Array }
  /** NumPy's default_rng(seed).shuffle(arange(length)). */
  order(seed: number): Int32Array | Float64Array
}

export interface NativeTokenStore {
  readonly length: number
  /** 'int32' or 'uint16', as stored. */
  readonly dtype: string
  /** The largest id in the file: read once, by a full pass, the first time it is asked for. */
  maxId(): Promise<number>
  read(offset: number, count: number): Int32Array
  windows(options: NativeWindowOptions): NativeWindows
  close(): void
}

export interface NativeTokenStoreClass {
  open(path: string): NativeTokenStore
}

/** Writes a token file of a length that is known only at the end. The file appears whole, at commit(), or not at all. */
export interface NativeTokenWriter {
  /** Tokens so far. */
  readonly length: number
  append(ids: Int32Array): void
  /** Completes, checks and names the file; the writer is closed then. Gives the number of tokens. */
  commit(): Promise<number>
  /** Gives up: nothing is left behind. May be called twice. */
  close(): void
}

export interface NativeTokenWriterClass {
  new (path: string, dtype: 'int32' | 'uint16'): NativeTokenWriter
}

export interface NativeBatchLoaderOptions {
  windows: NativeWindowOptions
  batchSize: number
  /** Which part of the windows: the last `validWindows` of the order are validation, the rest training. */
  part: 'train' | 'valid'
  validWindows: number
  split: 'shuffled' | 'contiguous'
  /** Of the order; 42 in the original. */
  seed: number
  fastScrambling: boolean
}

/** Assembles batches and fetches the next ones ahead on its own thread. Epochs repeat the same order. */
export interface NativeBatchLoader {
  /** Windows in the part. */
  readonly length: number
  /** Whole batches in one epoch: length // batchSize. */
  readonly batches: number
  readonly attnLength: number
  readonly batchSize: number
  /** Number of the batch that next() will give, counted from the first of the run. */
  readonly position: number
  seek(batch: number): void
  /** A copy of the next batch, [batchSize, attnLength] each, and the window number of each row. */
  next(): { inputs: Int32Array; targets: Int32Array; windows: Float64Array }
  close(): void
}

export interface NativeBatchLoaderClass {
  new (store: NativeTokenStore, options: NativeBatchLoaderOptions): NativeBatchLoader
}

// --- native/addon/engine_addon.cpp ----------------------------------------------------------------------------------

/** Where an engine works. */
export interface NativeEnginePlace {
  /** Several with commas: a replica of the model on each. */
  device: string
  /** Of each replica on a cpu. */
  threads?: number | undefined
  /** How many gradients replicas exchange at a time. Default: what suits the device. */
  bucketElements?: number | undefined
  /** How long a replica waits for another. Default 600. */
  stallSeconds?: number | undefined
}

export interface NativeEngineOptions extends NativeEnginePlace {
  model: 'gpt' | 'gru' | 'lstm'
  /** Keys as in the config files: vocab_size, n_layers, n_heads, embed_dim, attn_length, mlp_ratio, dropout, ... */
  modelParams: Record<string, number | null>
  precision: 'fp32' | 'bf16'
  /** Up to 64 bits: a bigint where a number is not exact. */
  seed: number | bigint
  /** A safetensors file with all parameters. */
  weights?: string | undefined
}

export interface NativeTensor {
  shape: number[]
  data: Float32Array
}

export interface NativeProfile {
  /** Of the whole step. */
  seconds: number
  /** That worked at the same time: the ops' seconds are those of all of them. */
  lanes: number
  /** FLOPs and bytes as the table of ops counts them. */
  ops: { name: string; calls: number; seconds: number; flops: number; bytes: number }[]
}

/** Calls on one engine run one after the other, in the order in which they were made. */
export interface NativeEngine {
  /** The options it was made with, resolved. */
  readonly options: Pick<NativeEngineOptions, 'model' | 'modelParams' | 'device' | 'precision' | 'seed'>
  /** One line for people: device, instruction set, threads. */
  readonly description: string
  readonly parameterCount: number
  /** Minibatches accumulated so far: the number that keys dropout. */
  readonly minibatch: number
  /** Optimizer steps so far. */
  readonly optimizerSteps: number
  /** Writes the logits [batch, T, vocab_size]; dropout off. */
  forward(inputs: Int32Array, batch: number, logits: Float32Array): Promise<void>
  /** `last`: the next call is optimizerStep, so that replicas may exchange their gradients while they still compute. */
  accumulate(
    inputs: Int32Array,
    targets: Int32Array,
    batch: number,
    scale: number,
    last?: boolean,
  ): Promise<{ loss: number }>
  /** The same on the loader's next batch. */
  accumulateFrom(loader: NativeBatchLoader, scale: number, last?: boolean): Promise<{ loss: number }>
  /** Nats of each token, [batch, T], dropout off. */
  evaluate(inputs: Int32Array, targets: Int32Array, batch: number): Promise<{ losses: Float32Array }>
  evaluateFrom(loader: NativeBatchLoader): Promise<{ losses: Float32Array }>
  /** Rejects with AOT_NUMERIC, weights untouched, when the norm is not finite. */
  optimizerStep(options: { lr: number; clip: number }): Promise<{ gradNorm: number }>
  /** A minibatch and an optimizer step with lr 0, op by op. */
  profile(inputs: Int32Array, targets: Int32Array, batch: number): Promise<NativeProfile>
  /** Bytes that were allocated on the device at a time; 0 where it works in the process's own memory. */
  readonly peakDeviceMemory: number
  parameters(): [string, NativeTensor][]
  gradients(): [string, NativeTensor][]
  /** The state of the first process of the world for the others, before anything else; they all make the call. */
  synchronise(): Promise<void>
  /** Writes model.safetensors and optimizer.safetensors into an existing folder; only the first process does. */
  save(folder: string): Promise<void>
  /** The prompt as it is: it begins with BOS, or with what stands in its place. */
  generate(
    prompt: Int32Array,
    options: { tokens: number; temperature: number; topK: number; seed: number | bigint },
  ): Promise<{ tokens: Int32Array }>
  /** What generate() puts after the sequence as its token number `index`, from 0. */
  nextToken(
    sequence: Int32Array,
    index: number,
    options: { temperature: number; topK: number; seed: number | bigint },
  ): Promise<number>
  close(): void
}

export interface NativeEngineClass {
  create(options: NativeEngineOptions): Promise<NativeEngine>
  load(folder: string, options: NativeEnginePlace): Promise<NativeEngine>
}

// --- native/addon/file_lock_addon.cpp -------------------------------------------------------------------------------

/** Held until release(), the end of the process, or its death: the operating system drops it. */
export interface NativeFileLock {
  release(): void
}

export interface NativeFileLockClass {
  /**
   * Throws AOT_CONFIG with the line `busy`, where `{holder}` becomes the number of the process that has it, when the
   * lock is taken. Shared: together with others that share it.
   */
  new (path: string, options: { busy: string; shared?: boolean | undefined }): NativeFileLock
}

// --- native/addon/memory_addon.cpp ----------------------------------------------------------------------------------

export interface NativeMemory {
  /**
   * Bytes that training takes of the device's memory (that of a cpu is the machine's) with batches of `batch` windows, and
   * `validBatch` at validation: by the engine, and by the process or the driver beside it. The device need not be there.
   */
  planMemory(options: NativeEngineOptions, batch: number, validBatch: number): { engine: number; process: number }
  /** Bytes that can be allocated on the device now. AOT_DEVICE when it is not there. */
  freeMemory(device: string): number
}

// --- native/addon/ops_addon.cpp -------------------------------------------------------------------------------------

/** Sizes of an op's call; in the shapes of its tensors B, T, C, O, H, V, and n = B*T. */
export interface NativeOpShape {
  batch?: number
  window?: number
  width?: number
  out?: number
  heads?: number
  vocabulary?: number
}

export interface NativeOpTensor {
  name: string
  role: 'activation' | 'fp32' | 'host' | 'weight' | 'vector' | 'inputs' | 'targets' | 'losses'
  /** Products of sizes, such as `3C` or `BH`. */
  rows: string
  cols: string
}

export interface NativeOp {
  name: string
  inputs: NativeOpTensor[]
  outputs: NativeOpTensor[]
  /** Length of the longest sum, as a product of sizes: native/backend/op_table.h has the tolerance that follows. */
  reduction: string
  roundsInside: boolean
}

export interface NativeOpOptions {
  /** Of dropout; the pass trains when it is above 0. */
  rate?: number
  site?: number
  seed?: number
  minibatch?: number
  firstRow?: number
  lossScale?: number
  accumulate?: boolean
  lr?: number
  clip?: number
  weightDecay?: number
  step?: number
  threads?: number
  /** Most sequences in a slice of the cpu device. Default 1. */
  sliceSequences?: number
  /** Instruction set of the cpu device: one of availableIsas(). */
  isa?: string
}

export interface NativeEmulation {
  /** In which order threads that are ready go on: 0 first come, first served; 1 last come first; others a seed. */
  order?: number
  /** Whether asynchronous copies are done when issued instead of when waited for. */
  copyAtOnce?: boolean
  /** Bytes of device memory; 0: what the host has. */
  memoryLimit?: number
  /** For engines made from now on: how many blocks of a cooperative launch fit depends on it. Default 2. */
  multiprocessors?: number
}

/** Single ops on any device, for tests and benchmarks. */
export interface NativeOps {
  listOps(): NativeOp[]
  opCost(op: string, shape: NativeOpShape, precision: 'fp32' | 'bf16'): { flops: number; bytes: number }
  runOp(
    device: string,
    precision: 'fp32' | 'bf16',
    op: string,
    shape: NativeOpShape,
    inputs: Float32Array[],
    options?: NativeOpOptions,
  ): Record<string, Float32Array>
  /**
   * Seconds of each repeat of an op on values of its own making, for about `seconds`, as the device's clock has them:
   * native/backend/op_run.h says what is repeated.
   */
  timeOp(
    device: string,
    precision: 'fp32' | 'bf16',
    op: string,
    shape: NativeOpShape,
    seconds: number,
    options?: NativeOpOptions,
  ): Promise<{ samples: Float64Array; device: string }>
  /** Best first. */
  availableIsas(): string[]
  /** How the emulated device runs kernels from now on: only in its own addon (nativeFor). */
  setEmulation(settings: NativeEmulation): void
}

// --------------------------------------------------------------------------------------------------------------------

export interface NativeAddon
  extends NativeTokenizeFolder,
    NativeTokenizeUnits,
    NativeTokenShards,
    NativeOps,
    NativeMemory,
    NativeWorlds {
  setErrorClass(errorClass: typeof AotError): void
  /** Processors this process may use. */
  availableCores(): number
  Tokenizer: NativeTokenizerClass
  tokenizerParts: NativeTokenizerParts
  TokenStore: NativeTokenStoreClass
  TokenWriter: NativeTokenWriterClass
  BatchLoader: NativeBatchLoaderClass
  Engine: NativeEngineClass
  FileLock: NativeFileLockClass
}

/** The package's folder, from dist/ts/native.js. */
export const packageRoot = fileURLToPath(new URL('../..', import.meta.url))

/** `name`: the addon's file in build/Release. `built`: another file to load instead. */
function load(name: string, built: string | undefined): NativeAddon {
  try {
    if (built !== undefined && !existsSync(built)) throw new Error(`AOT_ADDON names no file: ${built}`)
    const addon = (
      built === undefined
        ? bindings({ bindings: name, module_root: packageRoot })
        : createRequire(import.meta.url)(resolve(built))
    ) as NativeAddon
    addon.setErrorClass(AotError)
    return addon
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0]
    throw new AotError(
      'AOT_DEVICE',
      `the native engine could not be loaded (${reason}): run bin/setup in ${packageRoot} to build it`,
    )
  }
}

export const native: NativeAddon = load('aot', process.env.AOT_ADDON)

let emulated: NativeAddon | undefined

/**
 * The addon that has the device. `emulated` lives in one of its own, which is built for development only and loaded
 * when the device is named; where it is absent, the ordinary addon says so. Objects of two addons do not mix.
 */
export function nativeFor(device: string): NativeAddon {
  if (!device.split(',').includes('emulated')) return native
  const beside = process.env.AOT_ADDON?.replace(/aot\.node$/, 'aot_emulated.node')
  const file = beside ?? resolve(packageRoot, 'build/Release/aot_emulated.node')
  if (!existsSync(file)) return native
  emulated ??= load('aot_emulated', beside)
  return emulated
}
