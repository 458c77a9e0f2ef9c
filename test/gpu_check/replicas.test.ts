import test from 'ava'
import { readProbe } from '../../ts/gpu_check/environment.js'
import { replicas } from '../../ts/gpu_check/training.js'

test('two replicas on one GPU, and one on each of several', (t) => {
  t.deepEqual(replicas({ count: 1 }), ['cuda:0,cuda:0'])
  t.deepEqual(replicas({ count: 3 }), ['cuda:0,cuda:0', 'cuda:0,cuda:1,cuda:2'])
})

test('the GPUs are counted among what the engine says', (t) => {
  const said = 'cuda:0: matrix products by the built-in kernels\n'
  const found = { description: 'cuda:0 (Big GPU, built-in products)', count: 4 }
  t.deepEqual(readProbe(`${said}${found.description}\n4\n`), found)
  t.deepEqual(readProbe(`${found.description}\n4\n${said}`), found)
})
