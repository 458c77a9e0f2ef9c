/**
 * How exact the cpu backend is, against what plain loops lose: its root-mean-square error, measured from the reference
 * (sums in double), may be at most twice that of naive loops in fp32, or in bf16 of naive loops that round what a bf16
 * implementation stores; plus half a unit in the last place of the output's dtype.
 */
import test from 'ava'
import { native } from '../../ts/native.js'
import { bf16, makeInputs, normal, type Precision, precisions, rms, runners } from './harness.js'

const f = Math.fround
const rounding = { fp32: f, bf16 }

/** a[m,k] b[n,k]^T with every product and sum rounded to fp32. */
function product(a: ArrayLike<number>, b: ArrayLike<number>, m: number, n: number, k: number): Float32Array {
  const c = new Float32Array(m * n)
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0
      for (let p = 0; p < k; p++) sum = f(sum + f((a[i * k + p] as number) * (b[j * k + p] as number)))
      c[i * n + j] = sum
    }
  }
  return c
}

function transposed(a: ArrayLike<number>, rows: number, cols: number): Float32Array {
  return Float32Array.from({ length: rows * cols }, (_, i) => a[(i % rows) * cols + Math.floor(i / rows)] as number)
}

/** One row of exponentials and their sum, as plain fp32 loops make them. */
function softmax(scores: number[]): { p: number[]; logSum: number } {
  const largest = Math.max(...scores)
  const e = scores.map((s) => f(Math.exp(f(s - largest))))
  const sum = e.reduce((total, x) => f(total + x), 0)
  return { p: e.map((x) => f(x / sum)), logSum: f(largest + f(Math.log(sum))) }
}

const size = { batch: 1, window: 60, width: 96, out: 40, heads: 2, vocabulary: 500 }
const { window: T, width: C, out: O, vocabulary: V } = size

function linear([x, weight, bias]: Float32Array[]): Float32Array {
  const products = product(x as Float32Array, weight as Float32Array, T, O, C)
  return products.map((v, i) => f(v + (bias?.[i % O] as number)))
}

/** The naive loops: outputs of an op from its inputs, which are already rounded to the precision. */
const naive: Record<string, (inputs: Float32Array[], precision: Precision) => Record<string, Float32Array>> = {
  linear_forward(inputs, precision) {
    return { y: linear(inputs).map(rounding[precision]) }
  },
  linear_forward_fp32(inputs) {
    return { y: linear(inputs) }
  },
  linear_backward_weight([dy, x]) {
    return { weight: product(transposed(dy as Float32Array, O, T), transposed(x as Float32Array, C, T), O, C, T) }
  },
  layernorm_forward([x, weight, bias], precision) {
    const y = new Float32Array(T * C)
    for (let r = 0; r < T; r++) {
      const row = (x as Float32Array).subarray(r * C, r * C + C)
      const mean = f(row.reduce((sum, v) => f(sum + v), 0) / C)
      const variance = f(row.reduce((sum, v) => f(sum + f(f(v - mean) * f(v - mean))), 0) / C)
      const scale = f(1 / f(Math.sqrt(f(variance + 1e-5))))
      for (let c = 0; c < C; c++) {
        const normalised = f(f((row[c] as number) - mean) * scale)
        y[r * C + c] = rounding[precision](f(f(normalised * (weight?.[c] as number)) + (bias?.[c] as number)))
      }
    }
    return { y }
  },
  attention_forward([qkv], precision) {
    const D = C / size.heads
    const round = rounding[precision]
    const out = new Float32Array(T * C)
    const at = (row: number, part: number, h: number) =>
      (qkv as Float32Array).subarray(row * 3 * C + part * C + h * D, row * 3 * C + part * C + h * D + D)
    for (let h = 0; h < size.heads; h++) {
      for (let r = 0; r < T; r++) {
        const scores = Array.from({ length: r + 1 }, (_, c) =>
          f((product(at(r, 0, h), at(c, 1, h), 1, 1, D)[0] as number) * f(1 / Math.sqrt(D))),
        )
        const p = softmax(scores).p.map(round)
        for (let d = 0; d < D; d++) {
          out[r * C + h * D + d] = round(p.reduce((sum, w, c) => f(sum + f(w * (at(c, 2, h)[d] as number))), 0))
        }
      }
    }
    return { out }
  },
  lm_head_loss_backward([y, weight, targets], precision) {
    const logits = product(y as Float32Array, weight as Float32Array, T, V, C)
    const losses = new Float32Array(T)
    const dlogits = new Float32Array(T * V)
    for (let r = 0; r < T; r++) {
      const row = [...logits.subarray(r * V, r * V + V)]
      const target = targets?.[r] as number
      const { p, logSum } = softmax(row)
      losses[r] = f(logSum - (row[target] as number))
      for (let v = 0; v < V; v++) {
        dlogits[r * V + v] = rounding[precision](f(f((p[v] as number) - (v === target ? 1 : 0)) / T))
      }
    }
    return {
      losses,
      dy: product(dlogits, transposed(weight as Float32Array, C, V), T, C, V),
      weight: product(transposed(dlogits, V, T), transposed(y as Float32Array, C, T), V, C, T),
    }
  },
}

function error(got: Float32Array, want: Float32Array): number {
  return rms(got.map((x, i) => x - (want[i] as number)))
}

for (const [name, loops] of Object.entries(naive)) {
  test(`${name} is at most twice as far from the truth as naive loops`, (t) => {
    for (const precision of precisions) {
      // Values that the precision holds exactly, so that all three start from the same numbers.
      const inputs = makeInputs(name, size).map((values) => values.map(rounding[precision]))
      if (name === 'lm_head_loss_backward') inputs[2] = Float32Array.from({ length: T }, (_, i) => (i * 37) % V)
      if (name === 'layernorm_forward') inputs[0] = normal(T * C, 9).map((x) => f(x + 3))
      const truth = native.runOp('reference', precision, name, size, inputs)
      for (const [output, values] of Object.entries(loops(inputs, precision))) {
        const want = truth[output] as Float32Array
        const allowed =
          2 * error(values, want) +
          (precision === 'bf16' && output === 'y' && name !== 'linear_forward_fp32' ? 2 ** -10 : 2 ** -25) * rms(want)
        t.true(allowed > 0)
        for (const { name: runner, run } of runners) {
          const got = run(precision, name, size, inputs)[output] as Float32Array
          const off = error(got, want)
          t.true(off <= allowed, `${runner} ${precision} ${output}: error ${off}, allowed ${allowed}`)
        }
      }
    }
  })
}
