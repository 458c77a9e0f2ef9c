/** Merges, killed (SIGKILL) again and again, and a virtual file that is damaged at every place. */
import { readFileSync, writeFileSync } from 'node:fs'
import test from 'ava'
import { AotError } from '../../ts/errors.js'
import { native } from '../../ts/native.js'
import { killMerges } from '../data/merge_kill.js'
import { flipBit, makeFolder, partsOf, writeText } from '../data/shards.js'

for (const seed of [11, 12]) {
  test.serial(`killed at a hundred seeded moments, it ends with the same bytes: seed ${seed}`, async (t) => {
    t.timeout(15 * 60_000)
    await killMerges(t, 100, seed)
  })
}

test.serial('a virtual file with any one byte damaged is refused, or gives the very tokens', async (t) => {
  t.timeout(15 * 60_000)
  const parts = partsOf([20, 0, 10, 7])
  const { path } = await writeText(makeFolder(t), 'text', parts, 'uint16')
  const good = readFileSync(path)
  const whole = Int32Array.from(parts.flatMap((part) => [...part]))
  let refused = 0
  for (let place = 0; place < good.length; place++) {
    writeFileSync(path, good)
    flipBit(path, place, (place * 5) % 8)
    try {
      const store = native.TokenStore.open(path)
      t.deepEqual(store.read(0, store.length), whole, `place ${place}`)
      store.close()
    } catch (error) {
      if (!(error instanceof AotError)) throw error
      t.is(error.code, 'AOT_DATA', `place ${place}: ${error.message}`)
      refused++
    }
  }
  t.log(`${refused} of ${good.length} places are noticed; nothing reads the others`)
  t.true(refused > 500)
})
