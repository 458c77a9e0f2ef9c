/**
 * Run as a process: merge_child.js <virtual file> <out>. Says `go` when it begins to merge, and at the end the result, or
 * the error's code and message, as JSON.
 */
import { AotError } from '../../ts/errors.js'
import { native } from '../../ts/native.js'

const [, , virtual = '', out = ''] = process.argv
const control = { progress: new Float64Array(4), stop: new Int32Array(1) }
process.stdout.write('go\n')
try {
  const result = await native.mergeShards(virtual, out, { threads: 1, noteBytes: 1 }, control)
  process.stdout.write(`${JSON.stringify(result)}\n`)
} catch (error) {
  if (!(error instanceof AotError)) throw error
  process.stdout.write(`${JSON.stringify({ code: error.code, message: error.message })}\n`)
}
