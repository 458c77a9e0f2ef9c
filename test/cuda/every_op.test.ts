import test from 'ava'
import { devices } from '../devices.js'
import { runEveryOp } from './every_op.js'

for (const device of devices) test(`every op once: ${device}`, (t) => t.notThrowsAsync(runEveryOp(device)))
