import test from 'ava'
import { tQuantile } from '../../ts/arrow/student_t.js'

const near = (found: number, wanted: number, relative: number) => Math.abs(found / wanted - 1) < relative

test('quantiles are those of the tables', (t) => {
  const table: [probability: number, degrees: number, value: number][] = [
    [0.975, 1, 12.7062],
    [0.975, 2, 4.30265],
    [0.975, 3, 3.18245],
    [0.975, 5, 2.57058],
    [0.975, 10, 2.22814],
    [0.975, 15, 2.13145],
    [0.975, 30, 2.04227],
    [0.975, 120, 1.97993],
    [0.95, 4, 2.13185],
    [0.995, 3, 5.84091],
    [0.9995, 8, 5.04131],
    [0.75, 1, 1],
  ]
  for (const [probability, degrees, value] of table) {
    t.true(near(tQuantile(probability, degrees), value, 3e-6), `${probability} ${degrees}`)
  }
})

test('where there is a formula, it is met to nine digits, also between whole degrees and far out', (t) => {
  // One degree is Cauchy's distribution; for two, t = (2p - 1) / sqrt(2 p (1 - p)).
  for (const probability of [0.6, 0.9, 0.975, 0.9999, 1 - 1e-9]) {
    t.true(near(tQuantile(probability, 1), 1 / Math.tan(Math.PI * (1 - probability)), 1e-9), `${probability}`)
    const two = (2 * probability - 1) / Math.sqrt(2 * probability * (1 - probability))
    t.true(near(tQuantile(probability, 2), two, 1e-9), `${probability}`)
  }
  t.true(near(tQuantile(0.975, 1e7), 1.959964, 1e-6))
  const between = tQuantile(0.975, 2.5)
  t.true(between < tQuantile(0.975, 2.4) && between > tQuantile(0.975, 2.6))
})

test('the median is zero and the two sides are alike', (t) => {
  t.true(Math.abs(tQuantile(0.5, 3)) < 1e-12)
  t.is(tQuantile(0.025, 7), -tQuantile(0.975, 7))
})

test('what is no distribution is refused', (t) => {
  for (const [probability, degrees] of [
    [0, 3],
    [1, 3],
    [Number.NaN, 3],
    [0.9, 0],
    [0.9, Number.NaN],
  ] as const) {
    t.throws(() => tQuantile(probability, degrees), { instanceOf: RangeError })
  }
})
