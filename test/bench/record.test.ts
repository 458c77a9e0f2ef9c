import test from 'ava'
import { timeOf } from '../../ts/bench/record.js'

test('of samples: quantiles by hand', (t) => {
  // Sorted 1 2 3 4 5 6: places 0.2*5 = 1, 0.5*5 = 2.5, 0.8*5 = 4.
  t.deepEqual(timeOf([6, 1, 3, 2, 5, 4]), { median: 3.5, p20: 2, p80: 5, repeats: 6 })
  // Sorted 1 2 10: places 0.4, 1, 1.6.
  const { median, p20, p80, repeats } = timeOf(Float64Array.of(10, 2, 1))
  t.deepEqual([median, p20, repeats], [2, 1.4, 3])
  t.true(Math.abs(p80 - 6.8) < 1e-12)
  t.deepEqual(timeOf([0.25]), { median: 0.25, p20: 0.25, p80: 0.25, repeats: 1 })
})

test('samples are sorted as numbers and left as they were', (t) => {
  const samples = [10, 9, 100]
  t.is(timeOf(samples).median, 10)
  t.deepEqual(samples, [10, 9, 100])
})
