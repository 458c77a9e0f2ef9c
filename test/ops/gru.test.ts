import test from 'ava'
import { devices } from '../devices.js'
import { type Cell, cells, checkGradients, checkState, compareBackward, compareForward } from './recurrent.js'

const gru = cells.find(({ name }) => name === 'gru') as Cell

test('gru_forward agrees with the reference', (t) => compareForward(t, gru))
test('gru_backward agrees with the reference', (t) => compareBackward(t, gru))

for (const device of devices) {
  test(`gru gradients agree with finite differences on ${device}`, (t) => checkGradients(t, gru, device))
  test(`gru carries its state from call to call on ${device}`, (t) => checkState(t, gru, device))
}
