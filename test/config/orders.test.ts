/** The orders of a window as a config gives them: by name and as a list. */
import test from 'ava'
import { parseConfig } from '../../ts/config/load.js'
import { resolveRun } from '../../ts/config/resolve.js'
import { digest } from '../data/helpers.js'
import { namedOrders } from '../data/orders.js'
import { configText } from './configs.js'

/** The order that the windows of a run are read in. */
function order(permutation: string | number[], attn_length: number): readonly number[] {
  const text = configText({ model_params: { attn_length }, training_params: { permutation, backwards: undefined } })
  const { direction, windows } = resolveRun(parseConfig(text, 'c.json'), { configPath: 'c.json', device: 'cpu' })
  const forward = Array.from({ length: attn_length }, (_, i) => i)
  if (direction.kind !== 'permutation') return windows.backwards ? forward.reverse() : forward
  return windows.permutation as readonly number[]
}

for (const { written, eight, digest256 } of namedOrders) {
  test(`${written}, by name and as a list`, (t) => {
    t.is(order(written, 8).join(' '), eight)
    t.is(order(eight.split(' ').map(Number), 8).join(' '), eight)
    const long = order(written, 256)
    t.is(digest(long), digest256)
    t.deepEqual(order([...long], 256), long)
  })
}

test('a chunk has 8 tokens where no size is written', (t) => {
  t.deepEqual(order('random_chunk(5)', 256), order('random_chunk(5, 8)', 256))
})
