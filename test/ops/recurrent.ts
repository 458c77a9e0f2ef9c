/** What the tests of gru and lstm share. */
import type { ExecutionContext } from 'ava'
import type { NativeOpShape } from '../../ts/native.js'
import { assertGradient, compareWithReference, dot, makeInputs, normal, type Precision, runOp } from './harness.js'

export interface Cell {
  name: 'gru' | 'lstm'
  /** Gates a unit. */
  gates: number
  /** What the forward pass keeps for the backward pass beside the gates. */
  kept: string[]
  /** What holds the gradients of the hidden state's share of the gates. */
  hidden: string
}

export const shapes: NativeOpShape[] = [
  { batch: 1, window: 1, width: 1 },
  { batch: 3, window: 5, width: 7 },
  { batch: 2, window: 12, width: 16 },
  { batch: 5, window: 4, width: 38 },
  { batch: 9, window: 3, width: 64 },
  { batch: 21, window: 2, width: 24 },
]

export const cells: Cell[] = [
  { name: 'gru', gates: 3, kept: ['candidate', 'previous'], hidden: 'dhidden' },
  { name: 'lstm', gates: 4, kept: ['cell'], hidden: 'gates' },
]

/**
 * Layers in bf16 and the multiprocessors of an emulated device, together such that every way in which
 * cuda/recurrent_plan.cpp divides a layer into blocks is met: test/cuda/recurrent_plan.test.ts checks that.
 */
export const persistentCases = [
  { multiprocessors: 40, shape: { batch: 1, window: 9, width: 64 } },
  { multiprocessors: 16, shape: { batch: 17, window: 4, width: 64 } },
  { multiprocessors: 8, shape: { batch: 40, window: 3, width: 64 } },
  { multiprocessors: 4, shape: { batch: 130, window: 2, width: 32 } },
  { multiprocessors: 8, shape: { batch: 17, window: 3, width: 128 } },
  { multiprocessors: 16, shape: { batch: 40, window: 2, width: 256 } },
  { multiprocessors: 2, shape: { batch: 5, window: 3, width: 128 } },
  { multiprocessors: 1, shape: { batch: 130, window: 2, width: 64 } },
  { multiprocessors: 8, shape: { batch: 5, window: 1, width: 96 } },
]

/** Layers as they are trained: a GPU divides them in other ways than the small ones. */
export const largeCases = [
  { shape: { batch: 16, window: 3, width: 768 } },
  { shape: { batch: 64, window: 2, width: 512 } },
  { shape: { batch: 128, window: 2, width: 512 } },
  { shape: { batch: 250, window: 2, width: 512 } },
]

/** How many sequences the cpu takes together makes no difference but in rounding. */
const options = [{ sliceSequences: 1 }, { sliceSequences: 2 }, { sliceSequences: 32 }]

export function compareForward(t: ExecutionContext, cell: Cell): void {
  for (const accumulate of [false, true]) {
    for (const option of options) compareWithReference(t, `${cell.name}_forward`, shapes, { ...option, accumulate })
  }
}

/** The inputs of the backward pass that a forward pass from zero leaves. */
export function afterForward(cell: Cell, shape: NativeOpShape, precision: Precision) {
  const forward = runOp(
    'reference',
    precision,
    `${cell.name}_forward`,
    shape,
    makeInputs(`${cell.name}_forward`, shape),
  )
  return Object.fromEntries(['gates', ...cell.kept].map((name) => [name, forward[name] as Float32Array]))
}

export function compareBackward(t: ExecutionContext, cell: Cell): void {
  for (const option of options) {
    compareWithReference(t, `${cell.name}_backward`, shapes, option, (shape, precision) =>
      afterForward(cell, shape, precision),
    )
  }
}

/** Gradients of the input's share, the hidden weights and their bias, over several tokens of several sequences. */
export function checkGradients(t: ExecutionContext, cell: Cell, device: string): void {
  const shape = { batch: 2, window: 4, width: 5 }
  const { gates, name } = cell
  const out = gates * shape.width
  const [weight, bias, state, input] = makeInputs(`${name}_forward`, shape) as Float32Array[] as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ]
  const dout = normal(shape.batch * shape.window * shape.width, 70)
  const forward = (w: Float32Array, b: Float32Array, x: Float32Array) =>
    runOp(device, 'fp32', `${name}_forward`, shape, [w, b, state, x])
  const loss = (w: Float32Array, b: Float32Array, x: Float32Array) => dot(forward(w, b, x).out as Float32Array, dout)
  const kept = forward(weight, bias, input)
  const backward = runOp(
    device,
    'fp32',
    `${name}_backward`,
    shape,
    makeInputs(`${name}_backward`, shape, { weight_hh: weight, dout, ...kept }),
  )
  const parameters = runOp(device, 'fp32', 'linear_backward_weight', { ...shape, out }, [
    backward[cell.hidden] as Float32Array,
    kept.previous as Float32Array,
    weight,
    bias,
  ])
  assertGradient(t, 'input', input, backward.gates as Float32Array, (v) => loss(weight, bias, v))
  assertGradient(t, 'weight_hh', weight, parameters.weight as Float32Array, (v) => loss(v, bias, input))
  assertGradient(t, 'bias_hh', bias, parameters.bias as Float32Array, (v) => loss(weight, v, input))
}

/** A window in one call, and in parts that carry the state: the same numbers. */
export function checkState(t: ExecutionContext, cell: Cell, device: string): void {
  const whole = { batch: 1, window: 7, width: 6 }
  const [weight, bias, state, input] = makeInputs(`${cell.name}_forward`, whole) as Float32Array[]
  const row = cell.gates * whole.width
  const run = (from: number, to: number, carried: Float32Array, accumulate: boolean) =>
    runOp(
      device,
      'fp32',
      `${cell.name}_forward`,
      { ...whole, window: to - from },
      [weight, bias, carried, (input as Float32Array).slice(from * row, to * row)] as Float32Array[],
      { accumulate },
    )
  const once = run(0, 7, state as Float32Array, false)
  const first = run(0, 3, state as Float32Array, false)
  const second = run(3, 7, first.state as Float32Array, true)
  t.deepEqual(once.out, Float32Array.of(...(first.out as Float32Array), ...(second.out as Float32Array)))
  t.deepEqual(once.state, second.state)
}
