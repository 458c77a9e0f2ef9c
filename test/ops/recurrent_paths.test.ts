/**
 * The two ways in which a GPU goes through a recurrent layer in bf16, forced by AOT_RECURRENCE: token by token, and
 * blocks that stay for the whole window. Each against the reference, and its root-mean-square error against that of
 * plain loops that round what a bf16 implementation stores. The emulated device runs both under every order of threads.
 */
import test from 'ava'
import type { NativeOpOptions, NativeOpShape } from '../../ts/native.js'
import { devices, gpus } from '../devices.js'
import { assertClose, bf16, findOp, makeInputs, type Outputs, rms, runEmulated, runOp } from './harness.js'
import { afterForward, type Cell, cells, largeCases, persistentCases } from './recurrent.js'

const paths = ['steps', 'persistent']

function withPath<T>(path: string, body: () => T): T {
  const before = process.env.AOT_RECURRENCE
  process.env.AOT_RECURRENCE = path
  try {
    return body()
  } finally {
    if (before === undefined) delete process.env.AOT_RECURRENCE
    else process.env.AOT_RECURRENCE = before
  }
}

/** On `emulated` as a device of so many multiprocessors. */
function runOn(
  path: string,
  device: string,
  multiprocessors: number | undefined,
  op: string,
  shape: NativeOpShape,
  inputs: Float32Array[],
  options: NativeOpOptions = {},
): Outputs {
  return withPath(path, () =>
    device === 'emulated'
      ? runEmulated(multiprocessors === undefined ? {} : { multiprocessors }, 'bf16', op, shape, inputs, options)
      : runOp(device, 'bf16', op, shape, inputs, options),
  )
}

const f = Math.fround
const sigmoid = (x: number) => f(1 / f(1 + f(Math.exp(-x))))
const at = <T>(values: { [i: number]: T } | undefined, i: number) => (values as { [i: number]: T })[i] as T

/** A layer from zero with every sum in fp32 and every tensor of act rounded when it is stored. */
function plainForward(cell: Cell, shape: Required<Pick<NativeOpShape, 'batch' | 'window' | 'width'>>, given: Outputs) {
  const { batch, window, width } = shape
  const { gates: count } = cell
  const rows = batch * window
  const gates = new Float32Array(rows * count * width)
  const [kept, out, previous] = [0, 1, 2].map(() => new Float32Array(rows * width)) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ]
  for (let sequence = 0; sequence < batch; sequence++) {
    const h = new Float32Array(width)
    const c = new Float32Array(width)
    for (let row = sequence * window; row < (sequence + 1) * window; row++) {
      const rounded = h.map(bf16)
      previous.set(rounded, row * width)
      for (let u = 0; u < width; u++) {
        const hidden = Array.from({ length: count }, (_, g) => {
          let sum = 0
          for (let k = 0; k < width; k++) {
            sum = f(sum + f(at(rounded, k) * at(given.weight_hh, (g * width + u) * width + k)))
          }
          return f(sum + at(given.bias_hh, g * width + u))
        })
        const x = (g: number) => at(given.gates, row * count * width + g * width + u)
        const sum = (g: number) => f(x(g) + (hidden[g] as number))
        let values: number[]
        if (cell.name === 'gru') {
          const [r, z, q] = [sigmoid(sum(0)), sigmoid(sum(1)), hidden[2] as number]
          const n = f(Math.tanh(f(x(2) + f(r * q))))
          h[u] = f(f(f(1 - z) * n) + f(z * at(h, u)))
          kept[row * width + u] = bf16(q)
          values = [r, z, n]
        } else {
          const [i, forget, g, o] = [sigmoid(sum(0)), sigmoid(sum(1)), f(Math.tanh(sum(2))), sigmoid(sum(3))]
          c[u] = f(f(forget * at(c, u)) + f(i * g))
          h[u] = f(o * f(Math.tanh(at(c, u))))
          kept[row * width + u] = at(c, u)
          values = [i, forget, g, o]
        }
        for (const [g, value] of values.entries()) gates[row * count * width + g * width + u] = bf16(value)
        out[row * width + u] = cell.name === 'gru' ? bf16(at(h, u)) : at(h, u)
      }
    }
  }
  return { gates, previous, out, [cell.kept[0] as string]: kept }
}

/** The backward pass, rounded in the same places. */
function plainBackward(cell: Cell, shape: Required<Pick<NativeOpShape, 'batch' | 'window' | 'width'>>, given: Outputs) {
  const { batch, window, width } = shape
  const { gates: count } = cell
  const gates = (given.gates as Float32Array).slice()
  const dhidden = new Float32Array(gates.length)
  for (let sequence = 0; sequence < batch; sequence++) {
    let through = new Float32Array(width)
    const carried = new Float32Array(width)
    for (let row = (sequence + 1) * window - 1; row >= sequence * window; row--) {
      for (let u = 0; u < width; u++) {
        const gate = (g: number) => at(gates, row * count * width + g * width + u)
        let d = f(at(given.dout, row * width + u) + at(through, u))
        let inputs: number[]
        let hidden: number[]
        if (cell.name === 'gru') {
          const [r, z, n] = [gate(0), gate(1), gate(2)]
          d = f(d + at(carried, u))
          const dn = f(f(d * f(1 - z)) * f(1 - f(n * n)))
          const dz = f(f(d * f(at(given.previous, row * width + u) - n)) * f(z * f(1 - z)))
          const dr = f(f(dn * at(given.candidate, row * width + u)) * f(r * f(1 - r)))
          carried[u] = f(d * z)
          inputs = [dr, dz, dn]
          hidden = [dr, dz, f(dn * r)]
        } else {
          const [i, forget, g, o] = [gate(0), gate(1), gate(2), gate(3)]
          const before = row > sequence * window ? at(given.cell, (row - 1) * width + u) : 0
          const saturated = f(Math.tanh(at(given.cell, row * width + u)))
          const dc = f(at(carried, u) + f(f(d * o) * f(1 - f(saturated * saturated))))
          carried[u] = f(dc * forget)
          inputs = [
            f(f(dc * g) * f(i * f(1 - i))),
            f(f(dc * before) * f(forget * f(1 - forget))),
            f(f(dc * i) * f(1 - f(g * g))),
            f(f(d * saturated) * f(o * f(1 - o))),
          ]
          hidden = inputs
        }
        for (let g = 0; g < count; g++) {
          gates[row * count * width + g * width + u] = bf16(inputs[g] as number)
          dhidden[row * count * width + g * width + u] = bf16(hidden[g] as number)
        }
      }
      through = Float32Array.from({ length: width }, (_, u) => {
        let sum = 0
        for (let j = 0; j < count * width; j++) {
          sum = f(sum + f(at(dhidden, row * count * width + j) * at(given.weight_hh, j * width + u)))
        }
        return sum
      })
    }
  }
  return cell.name === 'gru' ? { gates, dhidden } : { gates }
}

const error = (got: Float32Array, want: Float32Array) => rms(got.map((x, i) => x - at(want, i)))

for (const device of ['emulated', ...gpus].filter((name) => devices.includes(name))) {
  for (const cell of cells) {
    const forward = `${cell.name}_forward`
    const backward = `${cell.name}_backward`

    test(`${cell.name}: both ways agree with the reference: ${device}`, (t) => {
      const cases: { multiprocessors?: number; shape: NativeOpShape }[] =
        device === 'emulated' ? persistentCases : [...persistentCases, ...largeCases]
      for (const { multiprocessors, shape } of cases) {
        const compare = (op: string, inputs: Float32Array[], options?: NativeOpOptions) => {
          const want = runOp('reference', 'bf16', op, shape, inputs, options)
          for (const path of paths) {
            const got = runOn(path, device, multiprocessors, op, shape, inputs, options)
            assertClose(t, op, 'bf16', shape, got, want, `${device}, ${path}`)
          }
        }
        for (const accumulate of [false, true]) compare(forward, makeInputs(forward, shape), { accumulate })
        compare(backward, makeInputs(backward, shape, afterForward(cell, shape, 'bf16')))
      }
    })

    test(`${cell.name}: both ways are at most twice as far from the truth as plain loops: ${device}`, (t) => {
      const shape = { batch: 19, window: 5, width: 64 }
      // Values that bf16 holds exactly, so that all start from the same numbers.
      const named = (op: string, given: Outputs = {}) => {
        const inputs = makeInputs(op, shape, given).map((values) => values.map(bf16))
        return { inputs, given: Object.fromEntries(findOp(op).inputs.map(({ name }, i) => [name, at(inputs, i)])) }
      }
      const calls = [
        { op: forward, ...named(forward), plain: plainForward },
        { op: backward, ...named(backward, afterForward(cell, shape, 'bf16')), plain: plainBackward },
      ]
      for (const { op, inputs, given, plain } of calls) {
        const truth = runOp('reference', 'bf16', op, shape, inputs)
        for (const [output, values] of Object.entries(plain(cell, shape, given))) {
          const want = truth[output] as Float32Array
          const stored = output === 'cell' || (output === 'out' && cell.name === 'lstm') ? 2 ** -25 : 2 ** -10
          const allowed = 2 * error(values as Float32Array, want) + stored * rms(want)
          for (const path of paths) {
            const off = error(runOn(path, device, 16, op, shape, inputs)[output] as Float32Array, want)
            t.true(off <= allowed, `${device} ${path} ${op} ${output}: error ${off}, allowed ${allowed}`)
          }
        }
      }
    })
  }

  test(`what AOT_RECURRENCE asks for must be there: ${device}`, (t) => {
    const run = (path: string, shape: NativeOpShape, precision: 'fp32' | 'bf16' = 'bf16') =>
      withPath(path, () => runOp(device, precision, 'gru_forward', shape, makeInputs('gru_forward', shape)))
    t.throws(() => run('persistent', { batch: 2, window: 3, width: 38 }), {
      code: 'AOT_DEVICE',
      message:
        'AOT_RECURRENCE=persistent: a GRU of width 38 in bf16 and a batch of 2 do not allow it on this device: leave it unset',
    })
    t.throws(() => run('persistent', { batch: 2, window: 3, width: 64 }, 'fp32'), {
      code: 'AOT_DEVICE',
      message: /^AOT_RECURRENCE=persistent: a GRU of width 64 in fp32 and a batch of 2 do not allow it/,
    })
    t.throws(() => run('fast', { batch: 2, window: 3, width: 64 }), {
      code: 'AOT_DEVICE',
      message: 'AOT_RECURRENCE=fast is unknown: use steps or persistent, or leave it unset',
    })
  })
}

test('a cpu goes its own way, whatever AOT_RECURRENCE asks of a GPU', (t) => {
  const shape = { batch: 2, window: 3, width: 38 }
  const run = () => runOp('cpu', 'bf16', 'gru_forward', shape, makeInputs('gru_forward', shape))
  const usual = run()
  for (const path of paths) t.deepEqual(withPath(path, run), usual, path)
})
