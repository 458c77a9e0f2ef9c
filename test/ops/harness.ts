/** What the tests of single ops share: values, the comparison of a device with the reference, finite differences. */
import type { ExecutionContext } from 'ava'
import {
  type NativeEmulation,
  type NativeOp,
  type NativeOpOptions,
  type NativeOpShape,
  native,
  nativeFor,
} from '../../ts/native.js'
import { devices } from '../devices.js'

export type Precision = 'fp32' | 'bf16'
export type Outputs = Record<string, Float32Array>
export const precisions: Precision[] = ['fp32', 'bf16']
const ops = new Map(native.listOps().map((op) => [op.name, op]))

export function findOp(name: string): NativeOp {
  const op = ops.get(name)
  if (op === undefined) throw new Error(`no op ${name}`)
  return op
}

/** One way to run an op: an instruction set of the cpu, the emulated device, a GPU. */
export interface Runner {
  name: string
  run(
    precision: Precision,
    op: string,
    shape: NativeOpShape,
    inputs: Float32Array[],
    options?: NativeOpOptions,
  ): Outputs
}

/** Runs an op on any device: `reference`, `cpu`, `emulated`, `cuda:0`. */
export function runOp(device: string, ...call: Parameters<Runner['run']>): Outputs {
  return nativeFor(device).runOp(device, ...call)
}

const emulations = [0, 1, 7].flatMap((order) => [false, true].map((copyAtOnce) => ({ order, copyAtOnce })))

/** Under every order of threads and both kinds of copies, which must give the same bits. */
export function runEmulated(device: NativeEmulation, ...call: Parameters<Runner['run']>): Outputs {
  const { setEmulation } = nativeFor('emulated')
  let first: Outputs | undefined
  try {
    for (const emulation of emulations) {
      setEmulation({ ...device, ...emulation })
      const outputs = runOp('emulated', ...call)
      first ??= outputs
      for (const [name, values] of Object.entries(outputs)) {
        const want = new Uint32Array((first[name] as Float32Array).buffer)
        const at = new Uint32Array(values.buffer).findIndex((bits, i) => bits !== want[i])
        if (at >= 0) {
          throw new Error(
            `emulated: ${call[1]} ${call[0]} ${JSON.stringify(call[2])}: ${name}[${at}] is ${values[at]} under ` +
              `${JSON.stringify(emulation)}, ${first[name]?.[at]} under ${JSON.stringify(emulations[0])}`,
          )
        }
      }
    }
  } finally {
    setEmulation({})
  }
  return first as Outputs
}

export const reference: Runner = { name: 'reference', run: (...call) => runOp('reference', ...call) }

/** Every other way to run an op. */
export const runners: Runner[] = [
  ...native.availableIsas().map((isa): Runner => {
    return {
      name: isa,
      run: (p, op, shape, inputs, options) => runOp('cpu', p, op, shape, inputs, { ...options, isa }),
    }
  }),
  ...devices
    .filter((device) => device !== 'reference' && device !== 'cpu')
    .map(
      (name): Runner => ({
        name,
        run: (...call) => (name === 'emulated' ? runEmulated({}, ...call) : runOp(name, ...call)),
      }),
    ),
]

/** Reproducible random numbers: mulberry32. */
export function random(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** `size` normal numbers. */
export function normal(size: number, seed: number, scale = 1): Float32Array {
  const next = random(seed)
  return Float32Array.from(
    { length: size },
    () => scale * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  )
}

export function tokens(size: number, vocabulary: number, seed: number): Float32Array {
  const next = random(seed)
  return Float32Array.from({ length: size }, () => Math.floor(next() * vocabulary))
}

/** The value of a product of sizes such as `3C`. */
export function evaluate(dimension: string, shape: NativeOpShape): number {
  const { batch = 1, window = 1, width = 1, out = 1, heads = 1, vocabulary = 1 } = shape
  const sizes: Record<string, number> = {
    B: batch,
    T: window,
    n: batch * window,
    C: width,
    O: out,
    H: heads,
    V: vocabulary,
  }
  return [...dimension].reduce((product, c) => product * (sizes[c] ?? Number(c)), 1)
}

/** Random inputs of an op; those in `given` by name instead. */
export function makeInputs(name: string, shape: NativeOpShape, given: Outputs = {}, seed = 1): Float32Array[] {
  return findOp(name).inputs.map((tensor, i) => {
    const values = given[tensor.name]
    if (values !== undefined) return values
    const size = evaluate(tensor.rows, shape) * evaluate(tensor.cols, shape)
    if (tensor.role === 'inputs' || tensor.role === 'targets') return tokens(size, shape.vocabulary ?? 1, seed + i)
    // Weights as wide layers start, so that outputs are of the order of 1.
    return normal(size, seed + i, tensor.role === 'weight' ? 1 / Math.sqrt(evaluate(tensor.cols, shape)) : 1)
  })
}

const scratch = new DataView(new ArrayBuffer(4))

/** Rounds to bf16, ties to even. */
export function bf16(x: number): number {
  scratch.setFloat32(0, x)
  const bits = scratch.getUint32(0)
  scratch.setUint32(0, ((bits + 0x7fff + ((bits >>> 16) & 1)) & 0xffff0000) >>> 0)
  return scratch.getFloat32(0)
}

export function rms(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length)
}

/**
 * Fails unless `actual` is within the op's tolerance (native/backend/op_table.h) of the reference's outputs.
 * `allowance`: how much more plain fp32 loops lose on these inputs than on inputs of the order of 1.
 */
export function assertClose(
  t: ExecutionContext,
  name: string,
  precision: Precision,
  shape: NativeOpShape,
  actual: Outputs,
  reference: Outputs,
  label: string,
  allowance = 1,
): void {
  const op = findOp(name)
  const unit = 2 ** -24
  const noise = allowance * unit * (8 + 4 * Math.sqrt(evaluate(op.reduction, shape)))
  for (const tensor of op.outputs) {
    const got = actual[tensor.name] as Float32Array
    const want = reference[tensor.name] as Float32Array
    const scale = rms(want) + 1e-6
    const low = precision === 'bf16'
    const relative = 4 * unit + (low && (tensor.role === 'activation' || op.roundsInside) ? 2 ** -7 : 0)
    const absolute = (noise + (low && op.roundsInside ? 3 * 2 ** -7 : 0)) * scale
    let worst = 0
    let at = 0
    for (let i = 0; i < want.length; i++) {
      const excess =
        Math.abs((got[i] as number) - (want[i] as number)) / (relative * Math.abs(want[i] as number) + absolute)
      if (excess <= worst) continue
      worst = excess
      at = i
      if (Number.isNaN(excess)) break
    }
    t.true(
      worst <= 1,
      `${name} ${label} ${precision} ${JSON.stringify(shape)}: ${tensor.name}[${at}] is ${got[at]}, not ${want[at]}: ` +
        `${worst.toFixed(2)} times the tolerance`,
    )
  }
}

/** Compares every runner in both precisions with the reference. */
export function compareWithReference(
  t: ExecutionContext,
  name: string,
  shapes: NativeOpShape[],
  options: NativeOpOptions = {},
  given: (shape: NativeOpShape, precision: Precision) => Outputs = () => ({}),
): void {
  for (const shape of shapes) {
    for (const precision of precisions) {
      const inputs = makeInputs(name, shape, given(shape, precision))
      const reference = native.runOp('reference', precision, name, shape, inputs, options)
      for (const runner of runners) {
        const actual = runner.run(precision, name, shape, inputs, options)
        assertClose(t, name, precision, shape, actual, reference, runner.name)
      }
    }
  }
}

export function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, x, i) => sum + x * (b[i] as number), 0)
}

/**
 * Checks a gradient along a random direction against central differences of `loss`.
 * `loss` takes the values of one input, `gradient` is what the backward pass says of it.
 */
export function assertGradient(
  t: ExecutionContext,
  label: string,
  values: Float32Array,
  gradient: Float32Array,
  loss: (values: Float32Array) => number,
  step = 1e-2,
): void {
  const direction = normal(values.length, 99, 1 / Math.sqrt(values.length))
  // Half along the gradient itself, so that the derivative is not small by chance.
  const length = Math.sqrt(dot(gradient, gradient)) + 1e-30
  const along = direction.map((x, i) => x * 0.5 + (gradient[i] as number) / length)
  const moved = (factor: number) => loss(values.map((x, i) => x + factor * (along[i] as number)))
  const numeric = (moved(step) - moved(-step)) / (2 * step)
  const analytic = dot(gradient, along)
  t.true(
    Math.abs(numeric - analytic) <= 2e-3 * Math.abs(analytic) + 2e-4,
    `${label}: the backward pass says ${analytic}, finite differences ${numeric}`,
  )
}
