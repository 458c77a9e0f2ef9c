/**
 * A small stand-in for the native classes, to test the loop's own logic: a "model" whose every number depends on all
 * windows trained on, in their order, and that saves real safetensors files.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AotError } from '../../ts/errors.js'
import {
  type NativeBatchLoader,
  type NativeBatchLoaderOptions,
  type NativeEngine,
  type NativeEngineOptions,
  type NativeTokenizer,
  type NativeTokenStore,
  native,
} from '../../ts/native.js'
import type { Surroundings } from '../../ts/train/run.js'

/** A safetensors file of fp32 tensors. */
export function writeSafetensors(path: string, tensors: Record<string, Float32Array>, metadata = {}): void {
  const header: Record<string, unknown> = { __metadata__: metadata }
  let offset = 0
  for (const [name, data] of Object.entries(tensors)) {
    header[name] = { dtype: 'F32', shape: [data.length], data_offsets: [offset, offset + data.byteLength] }
    offset += data.byteLength
  }
  const json = JSON.stringify(header)
  const text = Buffer.from(json.padEnd(Math.ceil(json.length / 8) * 8))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  const data = Object.values(tensors).map((tensor) => Buffer.from(tensor.buffer, tensor.byteOffset, tensor.byteLength))
  writeFileSync(path, Buffer.concat([length, text, ...data]))
}

export function readSafetensors(path: string): {
  tensors: Record<string, Float32Array>
  metadata: Record<string, string>
} {
  const content = readFileSync(path)
  const start = 8 + Number(content.readBigUInt64LE())
  const { __metadata__: metadata, ...entries } = JSON.parse(content.toString('utf8', 8, start))
  const tensors: Record<string, Float32Array> = {}
  for (const [name, { data_offsets: range }] of Object.entries(
    entries as Record<string, { data_offsets: [number, number] }>,
  )) {
    tensors[name] = new Float32Array(
      content.buffer.slice(content.byteOffset + start + range[0], content.byteOffset + start + range[1]),
    )
  }
  return { tensors, metadata }
}

/** Ids of a text file, one a byte. */
class FakeStore implements NativeTokenStore {
  private readonly ids: Int32Array
  readonly dtype = 'int32'
  constructor(path: string) {
    this.ids = Int32Array.from(readFileSync(path))
  }
  get length() {
    return this.ids.length
  }
  async maxId() {
    return this.ids.reduce((a, b) => Math.max(a, b), 0)
  }
  read(offset: number, count: number) {
    return this.ids.slice(offset, offset + count)
  }
  windows({
    attnLength,
    stride = (attnLength - 1) >> 1,
    backwards,
    permutation,
    fwbw,
  }: NativeBatchLoaderOptions['windows']) {
    const store = this
    const perWindow = Math.max(0, Math.floor((this.length - attnLength) / stride))
    return {
      length: fwbw ? 2 * perWindow : perWindow,
      get(index: number) {
        const place = fwbw ? index >> 1 : index
        const target = store.read(place * stride, attnLength)
        if (permutation) target.set(permutation.map((i) => store.ids[place * stride + i] as number))
        else if (backwards || (fwbw && index % 2 === 1)) target.reverse()
        const first = fwbw ? (index % 2 === 0 ? fwbw.forward : fwbw.backward) : 0
        return { input: Int32Array.from([first, ...target.slice(0, -1)]), target }
      },
      order: () => new Int32Array(0),
    }
  }
  close() {}
}

class FakeLoader implements NativeBatchLoader {
  position = 0
  private readonly numbers: number[]
  private readonly all
  readonly attnLength: number
  readonly batchSize: number
  constructor(store: NativeTokenStore, { windows, batchSize, part, validWindows }: NativeBatchLoaderOptions) {
    this.all = store.windows(windows)
    this.attnLength = windows.attnLength
    this.batchSize = batchSize
    const order = Array.from({ length: this.all.length }, (_, i) => i).sort(
      (a, b) => ((a * 7919) % 101) - ((b * 7919) % 101) || a - b,
    )
    this.numbers = part === 'train' ? order.slice(0, -validWindows) : order.slice(-validWindows)
  }
  get length() {
    return this.numbers.length
  }
  get batches() {
    return Math.floor(this.length / this.batchSize)
  }
  seek(batch: number) {
    this.position = batch
  }
  next() {
    const first = (this.position++ % this.batches) * this.batchSize
    const windows = Float64Array.from(this.numbers.slice(first, first + this.batchSize))
    const rows = Array.from(windows, (i) => this.all.get(i))
    return {
      windows,
      inputs: Int32Array.from(rows.flatMap(({ input }) => [...input])),
      targets: Int32Array.from(rows.flatMap(({ target }) => [...target])),
    }
  }
  close() {}
}

const size = 256

/** What a test may plant. */
export interface Faults {
  /** The loss of this minibatch is NaN. */
  nanLossAt?: number
  /** The gradient norm of this optimizer step is not finite. */
  nanNormAt?: number
  /** save() fails at this minibatch. */
  failSaveAt?: number
  /** After this optimizer step a weight is infinite. */
  infiniteWeightAt?: number
  /** Called after each minibatch. */
  onMinibatch?: (minibatch: number) => void
  /** Called after each validation batch, counted over the process. */
  onEvaluate?: (batch: number) => void
  /** Called in each save, with its folder. */
  onSave?: (folder: string) => void
  /** Milliseconds a minibatch takes. */
  milliseconds?: number
  /** Milliseconds that a save rests after each of its files. */
  saveMilliseconds?: number
}

class FakeEngine implements NativeEngine {
  minibatch = 0
  optimizerSteps = 0
  readonly description = 'a stand-in'
  readonly parameterCount = size
  readonly gradient = new Float32Array(size)
  readonly moment = new Float32Array(size)
  constructor(
    readonly options: NativeEngine['options'],
    readonly weights: Float32Array,
    readonly faults: Faults,
  ) {}

  private losses(inputs: Int32Array, targets: Int32Array): Float32Array {
    return Float32Array.from(targets, (id, i) => {
      const [a, b] = [this.weights[id % size] as number, this.weights[(inputs[i] as number) % size] as number]
      return Math.abs(a - b) + 1
    })
  }
  async synchronise(): Promise<void> {}
  async forward(): Promise<never> {
    throw new Error('not part of the stand-in')
  }
  async accumulate(inputs: Int32Array, targets: Int32Array, _batch: number, scale: number) {
    if (this.faults.milliseconds) await new Promise((resolve) => setTimeout(resolve, this.faults.milliseconds))
    const losses = this.losses(inputs, targets)
    targets.forEach((id, i) => {
      // The minibatch's number enters as dropout's would.
      const step = ((losses[i] as number) * scale * (1 + ((this.minibatch * 31) % 7) / 7)) / targets.length
      this.gradient[id % size] = (this.gradient[id % size] as number) + step
    })
    this.minibatch++
    this.faults.onMinibatch?.(this.minibatch)
    if (this.faults.nanLossAt === this.minibatch) return { loss: Number.NaN }
    return { loss: losses.reduce((a, b) => a + b, 0) / losses.length }
  }
  accumulateFrom(loader: NativeBatchLoader, scale: number) {
    const { inputs, targets } = loader.next()
    return this.accumulate(inputs, targets, loader.batchSize, scale)
  }
  private evaluated = 0
  async evaluate(inputs: Int32Array, targets: Int32Array) {
    this.faults.onEvaluate?.(++this.evaluated)
    return { losses: this.losses(inputs, targets) }
  }
  evaluateFrom(loader: NativeBatchLoader) {
    const { inputs, targets } = loader.next()
    return this.evaluate(inputs, targets)
  }
  async optimizerStep({ lr }: { lr: number }) {
    if (this.faults.nanNormAt === this.optimizerSteps + 1) throw new AotError('AOT_NUMERIC', 'the gradient norm is nan')
    let square = 0
    for (let i = 0; i < size; i++) {
      const gradient = this.gradient[i] as number
      square += gradient * gradient
      this.moment[i] = 0.9 * (this.moment[i] as number) + 0.1 * gradient
      this.weights[i] = (this.weights[i] as number) - lr * (this.moment[i] as number)
    }
    this.gradient.fill(0)
    this.optimizerSteps++
    if (this.faults.infiniteWeightAt === this.optimizerSteps) this.weights[3] = Number.POSITIVE_INFINITY
    return { gradNorm: Math.sqrt(square) }
  }
  parameters() {
    return [['weights', { shape: [size], data: this.weights }]] as [string, { shape: number[]; data: Float32Array }][]
  }
  gradients() {
    return [['weights', { shape: [size], data: this.gradient }]] as [string, { shape: number[]; data: Float32Array }][]
  }
  async save(folder: string) {
    this.faults.onSave?.(folder)
    if (folder === '') return // of a process that keeps no files
    const rest = async () => {
      const { saveMilliseconds } = this.faults
      if (saveMilliseconds) await new Promise((resolve) => setTimeout(resolve, saveMilliseconds))
    }
    writeSafetensors(
      join(folder, 'model.safetensors'),
      { weights: this.weights },
      { options: JSON.stringify(this.options) },
    )
    await rest()
    if (this.faults.failSaveAt === this.minibatch) throw new AotError('AOT_IO', 'cannot write: No space left on device')
    const counts = { minibatch: String(this.minibatch), optimizerSteps: String(this.optimizerSteps) }
    const { moment, gradient } = this
    writeSafetensors(join(folder, 'optimizer.safetensors'), { moment, gradient }, counts)
    await rest()
  }
  async generate(prompt: Int32Array, { tokens, seed }: { tokens: number; seed: number | bigint }) {
    const first = prompt[0] as number
    return { tokens: Int32Array.from({ length: tokens }, (_, i) => 97 + ((first + Number(seed) + i) % 26)) }
  }
  async nextToken(sequence: Int32Array, index: number, { seed }: { seed: number | bigint }) {
    return 97 + (((sequence[0] as number) + Number(seed) + index) % 26)
  }
  readonly peakDeviceMemory = 0
  async profile() {
    return { seconds: 1, lanes: 1, ops: [] }
  }
  close() {}
}

/** decode() gives one character an id. */
class FakeTokenizer implements NativeTokenizer {
  readonly kind = 'bpe'
  readonly specialTokens
  readonly vocabSize: number
  constructor(
    private readonly own: number,
    added: readonly string[] = [],
  ) {
    this.vocabSize = own + added.length
    this.specialTokens = added.map((token, i) => ({ token, id: own + i }))
  }
  tokenToId(token: string) {
    return this.specialTokens.find((special) => special.token === token)?.id
  }
  idToToken(id: number) {
    return this.specialTokens.find((special) => special.id === id)?.token
  }
  withSpecialTokens(tokens: readonly string[]) {
    return new FakeTokenizer(this.own, [...this.specialTokens.map(({ token }) => token), ...tokens])
  }
  encode(text: string) {
    return Int32Array.from(Buffer.from(text))
  }
  decode(ids: Int32Array) {
    return Array.from(ids, (id) => this.idToToken(id) ?? String.fromCharCode(id)).join('')
  }
  async save() {}
}

/** Surroundings for trainRun whose lines are kept in `lines`. */
export function fakeSurroundings(faults: Faults = {}): Surroundings & { lines: string[] } {
  const lines: string[] = []
  return {
    lines,
    print: (line) => lines.push(line),
    terminal: null,
    native: {
      FileLock: native.FileLock,
      TokenStore: { open: (path: string) => new FakeStore(path) },
      BatchLoader: FakeLoader,
      Tokenizer: {
        load: (folder: string) =>
          new FakeTokenizer(
            Object.keys(JSON.parse(readFileSync(join(folder, 'tokenizer.json'), 'utf8')).model.vocab).length,
          ),
      },
      Engine: {
        async create({ weights, model, modelParams, device, precision, seed }: NativeEngineOptions) {
          const options = { model, modelParams, device, precision, seed }
          const fresh = Float32Array.from({ length: size }, (_, i) => Math.sin(i + Number(seed)))
          const given = weights === undefined ? fresh : readSafetensors(weights).tensors.weights
          return new FakeEngine(options, given as Float32Array, faults)
        },
        async load(folder: string) {
          const model = readSafetensors(join(folder, 'model.safetensors'))
          const optimizer = readSafetensors(join(folder, 'optimizer.safetensors'))
          const options = JSON.parse(model.metadata.options as string)
          const engine = new FakeEngine(options, model.tensors.weights as Float32Array, faults)
          engine.moment.set(optimizer.tensors.moment as Float32Array)
          engine.gradient.set(optimizer.tensors.gradient as Float32Array)
          engine.minibatch = Number(optimizer.metadata.minibatch)
          engine.optimizerSteps = Number(optimizer.metadata.optimizerSteps)
          return engine
        },
      },
    },
  }
}

export function exists(...path: string[]): boolean {
  return existsSync(join(...path))
}
