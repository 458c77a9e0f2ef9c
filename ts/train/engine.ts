/** The public class `Engine`. */
import { z } from 'zod'
import { makeFolder } from '../checkpoints/durable.js'
import { oneOf, path } from '../config/fields.js'
import { isObject, type JsonObject } from '../config/jsonc.js'
import { keysOf, keysOfOthers, notOfModel } from '../config/keys.js'
import { modernize } from '../config/legacy.js'
import { nearest } from '../config/nearest.js'
import type { Problem } from '../config/problems.js'
import { type Model, models } from '../config/schema.js'
import { AotError } from '../errors.js'
import { formatBytes } from '../logging/amounts.js'
import { type NativeEngine, type NativeTensor, nativeFor } from '../native.js'

const param = z.number({ error: 'a number' })
const device = z.string({ error: 'a device in quotes, as "cpu"' })
const threads = z.int({ error: 'a whole number from 0 to 1024' }).optional()
const seedError = 'a whole number from 0 to 2^64 - 1'
const seed = z.union([z.int({ error: seedError }).min(0, { error: seedError }), z.bigint()], { error: seedError })

/** Kinds only: the engine checks the ranges, and that what has no default is there. */
function createOptions(model: Model) {
  const keys = keysOf(model).filter(({ section }) => section === 'model_params')
  const shape: Record<string, z.ZodType<number | null | undefined>> = {}
  for (const { name, schema } of keys) {
    shape[name] = (schema.safeParse(null).success ? param.nullable() : param).optional()
  }
  const needed = keys.flatMap(({ name, schema }) => (schema.safeParse(undefined).success ? [] : [name]))
  return z.strictObject(
    {
      model: oneOf(models).default(models[0]),
      modelParams: z.strictObject(shape, { error: `an object { ${needed.join(', ')}, ... }` }),
      device: device.default('cpu'),
      precision: oneOf(['fp32', 'bf16']).optional(),
      seed: seed.default(0),
      weights: path().optional(),
      threads,
    },
    { error: 'an object { modelParams, ... }' },
  )
}
const loadOptions = z.strictObject(
  { device: device.default('cpu'), threads },
  { error: 'an object { device, threads }' },
)
const accumulateOptions = z.strictObject(
  { scale: param.default(1), last: z.boolean({ error: 'true or false' }).default(false) },
  { error: 'an object { scale, last }' },
)
const optimizerStepOptions = z.strictObject({ lr: param, clip: param.default(1) }, { error: 'an object { lr, clip }' })
const generateOptions = z.strictObject(
  {
    tokens: param,
    temperature: param.default(0),
    topK: param.default(0),
    seed: seed.default(0),
    bos: z.int({ error: 'a token id' }).default(0),
  },
  { error: 'an object { tokens, ... }' },
)

/** As in the config files: keys of `model_params`. */
export interface RnnParams {
  vocab_size: number
  /** Default 1. */
  n_layers?: number | undefined
  /** Width of the embeddings and of the hidden state. */
  embed_dim: number
  /** Tokens of the largest window. */
  attn_length: number
  /** Between the layers. Default 0.1. */
  dropout?: number | undefined
  /** Of the embeddings; null, the default: as dropout. */
  embd_dropout?: number | null | undefined
}

export interface GptParams extends RnnParams {
  n_layers: number
  /** Divides embed_dim. */
  n_heads: number
  /** The MLP's hidden width is int(mlp_ratio * embed_dim). Default 4. */
  mlp_ratio?: number | undefined
}

export type EngineOptions = EngineModel & EnginePlace

/** The kind of model and its shape. */
export type EngineModel =
  | { model?: 'gpt' | undefined; modelParams: GptParams }
  | { model: 'gru' | 'lstm'; modelParams: RnnParams }

export interface EnginePlace {
  /**
   * `cpu` (default); `cuda:N`; `reference`, plain loops, and `emulated`, the CUDA kernels on the host, to compare with.
   * Several with commas: a replica of the model on each, which take their shares of every batch and step alike.
   */
  device?: string | undefined
  /** Default: fp32, on cuda bf16. */
  precision?: 'fp32' | 'bf16' | undefined
  /** Of the initial weights and of dropout; up to 64 bits. Default 0. */
  seed?: number | bigint | undefined
  /** A safetensors file with all parameters, named as in native/models/gpt.h; F32, F16 or BF16. */
  weights?: string | undefined
  /** Of each cpu device. Default: all processors this process may use, shared among them. */
  threads?: number | undefined
}

export interface GenerateOptions {
  /** How many to make. */
  tokens: number
  /** 0, the default: greedy, always the likeliest. */
  temperature?: number | undefined
  /** Draw from the k likeliest only. Default 0: from all. */
  topK?: number | undefined
  /** The same weights, prompt and seed give the same tokens. Default 0. */
  seed?: number | bigint | undefined
  /** The token that every window begins with. Default 0; a model of FW+BW mode has one for each direction. */
  bos?: number | undefined
}

export type Tensor = NativeTensor

/**
 * A language model on a device. Calls on one engine run one after the other, in the order in which they were made, off
 * the event loop; arrays that are handed over are copied at once. Every error is an AotError: AOT_CONFIG for options,
 * AOT_DATA for ids, shapes and files, AOT_MEMORY before memory runs out, AOT_NUMERIC for a loss or gradient that is not
 * finite.
 */
export class Engine {
  readonly #native: NativeEngine

  private constructor(engine: NativeEngine) {
    this.#native = engine
  }

  static async create(options: EngineOptions): Promise<Engine> {
    const given = checkCreate(options)
    const precision = given.precision ?? (given.device.startsWith('cuda') ? 'bf16' : 'fp32')
    const modelParams: Record<string, number | null> = {}
    for (const [key, value] of Object.entries(given.modelParams)) {
      if (value !== undefined) modelParams[key] = value
    }
    return new Engine(await nativeFor(given.device).Engine.create({ ...given, modelParams, precision }))
  }

  /** The exact state that save() wrote: to continue it on the same machine equals never having stopped, bit for bit. */
  static async load(
    folder: string,
    options: { device?: string | undefined; threads?: number | undefined } = {},
  ): Promise<Engine> {
    const given = check('Engine.load', loadOptions, options)
    return new Engine(await nativeFor(given.device).Engine.load(check('Engine.load', path(), folder), given))
  }

  /** The options it was made with, defaults filled in. */
  get options(): NativeEngine['options'] {
    return this.#native.options
  }
  /** One line for people: device, instruction set, threads. */
  get description(): string {
    return this.#native.description
  }
  get parameterCount(): number {
    return this.#native.parameterCount
  }
  /** Minibatches accumulated so far, over all starts: the number that keys dropout. */
  get minibatch(): number {
    return this.#native.minibatch
  }
  get optimizerSteps(): number {
    return this.#native.optimizerSteps
  }

  /** Logits of each token's successor, [batch, T, vocab_size]; dropout off. T = inputs.length / batch. */
  async forward(inputs: Int32Array, batch: number): Promise<{ logits: Float32Array; shape: number[] }> {
    const { vocab_size: vocabSize } = this.#native.options.modelParams
    const logits = newLogits((inputs?.length ?? 0) * (vocabSize as number))
    await this.#native.forward(inputs, batch, logits)
    return { logits, shape: [batch, inputs.length / batch, vocabSize as number] }
  }

  /** Nats of each token, [batch, T]; dropout off. */
  async evaluate(inputs: Int32Array, targets: Int32Array, batch: number): Promise<{ losses: Float32Array }> {
    return this.#native.evaluate(inputs, targets, batch)
  }

  /**
   * Adds scale * the gradient of the mean loss, dropout on; `loss` is that mean, nats per token, before scaling.
   * Rejects with AOT_NUMERIC when it is not finite: the gradients are spoilt then, until the next optimizerStep, which
   * clears them and rejects too. `last`: the next call is optimizerStep, so that the devices of an engine on several
   * exchange their gradients while they still compute.
   */
  async accumulate(
    inputs: Int32Array,
    targets: Int32Array,
    batch: number,
    options: { scale?: number | undefined; last?: boolean | undefined } = {},
  ): Promise<{ loss: number }> {
    const { scale, last } = check('accumulate', accumulateOptions, options)
    return this.#native.accumulate(inputs, targets, batch, scale, last)
  }

  /**
   * Clips to a global norm of `clip` (0: no clipping), AdamW, gradients to zero; `gradNorm` is before clipping. Rejects
   * with AOT_NUMERIC, weights and moments untouched, when it is not finite.
   */
  async optimizerStep(options: { lr: number; clip?: number | undefined }): Promise<{ gradNorm: number }> {
    return this.#native.optimizerStep(check('optimizerStep', optimizerStepOptions, options))
  }

  /** Copies of the weights, by name; waits for the calls made before. */
  parameters(): Map<string, Tensor> {
    return new Map(this.#native.parameters())
  }

  /** Copies of the accumulated gradients, by name; waits for the calls made before. */
  gradients(): Map<string, Tensor> {
    return new Map(this.#native.gradients())
  }

  /** Writes model.safetensors and optimizer.safetensors, each whole or not at all; makes the folder when needed. */
  async save(folder: string): Promise<void> {
    check('save', path(), folder)
    try {
      await makeFolder(folder)
    } catch (error) {
      throw new AotError('AOT_IO', `cannot make the folder ${folder}: ${(error as Error).message}`)
    }
    await this.#native.save(folder)
  }

  /**
   * Continues a prompt and gives the new tokens. `bos` is put before the prompt unless that begins with it. Past
   * attn_length tokens the oldest, BOS included, fall out of the model's sight.
   */
  async generate(prompt: Int32Array, options: GenerateOptions): Promise<{ tokens: Int32Array }> {
    const { bos, ...given } = check('generate', generateOptions, options)
    if (!(prompt instanceof Int32Array)) throw new AotError('AOT_CONFIG', 'prompt must be an Int32Array')
    return this.#native.generate(prompt[0] === bos ? prompt : Int32Array.of(bos, ...prompt), given)
  }

  /**
   * The tokens of generate() one by one, each made when it is asked for; leave the loop to stop. Other calls may be made
   * in between.
   */
  async *stream(prompt: Int32Array, options: GenerateOptions): AsyncGenerator<number, void, undefined> {
    const { bos, tokens, ...given } = check('stream', generateOptions, options)
    if (!(prompt instanceof Int32Array)) throw new AotError('AOT_CONFIG', 'prompt must be an Int32Array')
    const sequence = prompt[0] === bos ? [...prompt] : [bos, ...prompt]
    for (let i = 0; i < tokens; i++) {
      const token = await this.#native.nextToken(Int32Array.from(sequence), i, given)
      sequence.push(token)
      yield token
    }
  }

  /** Gives the memory back when the calls made before are done; later calls are an error. */
  close(): void {
    this.#native.close()
  }
}

/** Made before anything is computed: the engine writes into it. */
function newLogits(length: number): Float32Array {
  try {
    return new Float32Array(length)
  } catch {
    const size = formatBytes(length * Float32Array.BYTES_PER_ELEMENT)
    throw new AotError(
      'AOT_MEMORY',
      `the logits of this batch are ${size}, too much for one array: use a smaller batch`,
    )
  }
}

/** The value as the schema reads it. @throws AotError AOT_CONFIG naming the key, and the nearest one to an unknown. */
function check<Schema extends z.ZodType>(call: string, schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues.find(({ code }) => code === 'unrecognized_keys') ?? parsed.error.issues[0]
  throw new AotError('AOT_CONFIG', `${call}: ${describe(issue as z.core.$ZodIssue, schema)}`)
}

function checkCreate(options: unknown) {
  const call = 'Engine.create'
  const model = models.find((one) => isObject(options) && one === options.model) ?? models[0]
  const schema = createOptions(model)
  if (!isObject(options) || !isObject(options.modelParams)) return check(call, schema, options)
  const problems: Problem[] = []
  const { model_params } = modernize({ model_params: options.modelParams }, [], problems)
  const modelParams = model_params as JsonObject
  const others = keysOfOthers(model, Object.keys(modelParams))
  if (others.length > 0)
    problems.push({ path: ['modelParams', others[0] as string], message: notOfModel(model, others) })
  const [problem] = problems
  if (problem !== undefined) {
    throw new AotError('AOT_CONFIG', `${call}: modelParams.${problem.path[1]}: ${problem.message}`)
  }
  return check(call, schema, { ...options, modelParams })
}

function describe(issue: z.core.$ZodIssue, schema: z.ZodType): string {
  const at = issue.path.join('.')
  if (issue.code === 'unrecognized_keys') {
    const inner = issue.path.reduce<z.ZodType>((outer, key) => shapeOf(outer)[key as string] as z.ZodType, schema)
    const key = issue.keys[0] as string
    return `${[...issue.path, key].join('.')} is no key there is; did you mean ${nearest(key, Object.keys(shapeOf(inner)))}?`
  }
  return at === '' ? `${issue.message} is needed` : `${at} must be ${issue.message}`
}

function shapeOf(schema: z.ZodType): Record<string, z.ZodType> {
  return (schema as z.ZodObject).shape as Record<string, z.ZodType>
}
