/** The two ways a GPU goes through a recurrent layer: blocks that stay for the whole window, and token by token. */
import test from 'ava'
import { nativeFor } from '../../ts/native.js'
import { devices } from '../devices.js'
import { assertClose, makeInputs, type Outputs, runOp } from './harness.js'

const shapes = [
  { batch: 1, window: 5, width: 64 },
  { batch: 17, window: 4, width: 64 },
  { batch: 70, window: 3, width: 64 },
  { batch: 5, window: 3, width: 192 },
  { batch: 3, window: 2, width: 256 },
]

/** 8 blocks: several units a block and one tile of sequences, or two tiles that do not all fit; 0: token by token. */
const coresidentBlocks = [64, 8, 0]

if (devices.includes('emulated')) {
  for (const name of ['gru', 'lstm']) {
    test(`${name}: every way agrees with the reference`, (t) => {
      const { setEmulation } = nativeFor('emulated')
      for (const shape of shapes) {
        const forward = `${name}_forward`
        const backward = `${name}_backward`
        for (const accumulate of [false, true]) {
          const inputs = makeInputs(forward, shape)
          const want = runOp('reference', 'bf16', forward, shape, inputs, { accumulate })
          const gradients = makeInputs(backward, shape, {
            gates: want.gates as Float32Array,
            ...(name === 'gru'
              ? { candidate: want.candidate as Float32Array, previous: want.previous as Float32Array }
              : { cell: want.cell as Float32Array }),
          })
          const wantGradients = runOp('reference', 'bf16', backward, shape, gradients)
          const all: [Outputs, Outputs][] = []
          for (const blocks of coresidentBlocks) {
            for (const order of [0, 1, 7]) {
              setEmulation({ order, copyAtOnce: order === 1, coresidentBlocks: blocks })
              try {
                const got = runOp('emulated', 'bf16', forward, shape, inputs, { accumulate })
                assertClose(t, forward, 'bf16', shape, got, want, `${blocks} blocks, order ${order}`)
                const gotGradients = runOp('emulated', 'bf16', backward, shape, gradients)
                assertClose(t, backward, 'bf16', shape, gotGradients, wantGradients, `${blocks} blocks, order ${order}`)
                if (order === 0) all.push([got, gotGradients])
                else t.deepEqual([got, gotGradients], all.at(-1), `${blocks} blocks, order ${order}: other bits`)
              } finally {
                setEmulation({})
              }
            }
          }
        }
      }
    })
  }
}
