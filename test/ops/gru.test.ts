import test from 'ava'
import { devices } from '../devices.js'
import { type Cell, checkGradients, checkState, compareBackward, compareForward } from './recurrent.js'

const gru: Cell = { name: 'gru', gates: 3, kept: ['candidate', 'previous'], hidden: 'dhidden' }

test('gru_forward agrees with the reference', (t) => compareForward(t, gru))
test('gru_backward agrees with the reference', (t) => compareBackward(t, gru))

for (const device of devices) {
  test(`gru gradients agree with finite differences on ${device}`, (t) => checkGradients(t, gru, device))
  test(`gru carries its state from call to call on ${device}`, (t) => checkState(t, gru, device))
}
