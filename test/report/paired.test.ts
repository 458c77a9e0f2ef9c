import test from 'ava'
import { pairedDifference } from '../../ts/report/paired.js'

test('a hand-computed pair', (t) => {
  // Differences 0.5, 0.25, 0.75, 0.5: mean 0.5, squared deviations 0, 1/16, 1/16, 0.
  const pair = pairedDifference([1, 2, 3, 2], [1.5, 2.25, 3.75, 2.5])
  t.is(pair.forward, 2)
  t.is(pair.backward, 2.5)
  t.is(pair.difference, 0.5)
  t.is(pair.ratio, 0.25)
  t.is(pair.relative, 0.5 / 2.25)
  t.is(pair.standardError, Math.sqrt(2 / 16 / 4 / 3))
  t.is(pair.windows, 4)
})

test('the spread between windows cancels, only that of the differences counts', (t) => {
  t.is(pairedDifference([1, 10, 100], [2, 11, 101]).standardError, 0)
})

test('different windows are refused', (t) => {
  t.throws(() => pairedDifference([1, 2], [1, 2, 3]), {
    message: 'a paired comparison needs the same validation windows on both sides, at least 2: got 2 and 3',
  })
  t.throws(() => pairedDifference([1], [1]), { code: 'AOT_CONFIG' })
})
