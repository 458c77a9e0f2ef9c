import test from 'ava'
import { devices } from '../devices.js'
import { type Cell, cells, checkGradients, checkState, compareBackward, compareForward } from './recurrent.js'

const lstm = cells.find(({ name }) => name === 'lstm') as Cell

test('lstm_forward agrees with the reference', (t) => compareForward(t, lstm))
test('lstm_backward agrees with the reference', (t) => compareBackward(t, lstm))

for (const device of devices) {
  test(`lstm gradients agree with finite differences on ${device}`, (t) => checkGradients(t, lstm, device))
  test(`lstm carries its state from call to call on ${device}`, (t) => checkState(t, lstm, device))
}
