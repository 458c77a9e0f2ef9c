import test from 'ava'
import { curveDistance, isWithin } from '../../ts/gpu_check/curves.js'

const rule = { early: 2, earlyRelative: 0.01, lateRelative: 0.1 }
const distance = (a: number[], b: number[]) => curveDistance(a, b, rule)

test('the first losses one by one, the last third on average', (t) => {
  const found = distance([10, 5, 4, 4, 2, 2], [10, 5.5, 9, 9, 1, 4])
  t.is(found.early, 0.1)
  t.is(found.late, 0.25)
  t.deepEqual(distance([3, 2, 1], [3, 2, 1]), { early: 0, late: 0 })
})

test('what is within and what is not', (t) => {
  t.true(isWithin(distance([10, 5, 4], [10.05, 5, 4.2]), rule))
  t.false(isWithin(distance([10, 5, 4], [10.2, 5, 4]), rule))
  t.false(isWithin(distance([10, 5, 4], [10, 5, 5]), rule))
  t.false(isWithin(distance([10, 5, 4], [10, 5, Number.NaN]), rule))
  t.false(isWithin(distance([10, 5, 4], [Number.NaN, 5, 4]), rule))
})

test('curves of different lengths, or too short, are not the same', (t) => {
  t.false(isWithin(distance([10, 5, 4], [10, 5]), rule))
  t.false(isWithin(distance([10], [10]), rule))
})
