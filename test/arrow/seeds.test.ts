import test from 'ava'
import { pairedError, pairedInterval } from '../../ts/arrow/bootstrap.js'
import { seedsInterval, spread } from '../../ts/arrow/seeds.js'
import { tQuantile } from '../../ts/arrow/student_t.js'
import type { Interval } from '../../ts/arrow/types.js'
import { isEstablished, verdictOf } from '../../ts/arrow/verdict.js'
import { Chance, drawText, type Text, trueDifference } from './synthetic.js'

const text = { windows: 400, stride: 4, attnLength: 8 }

/** Noise of the training: of a seed as a whole, and of its single windows. */
interface Noise {
  seeds: number
  ofSeed: number
  ofWindow: number
}

function drawSeeds({ seeds, ofSeed, ofWindow }: Noise, chance: Chance, of: Text = text) {
  const { first, second, ...place } = drawText(of, chance)
  const losses = Array.from({ length: seeds }, () => {
    const own = ofSeed * chance.normal()
    return second.map((loss) => loss + own + ofWindow * chance.normal())
  })
  return { first: losses.map(() => first), second: losses, ...place }
}

// The windows' own standard error is about 0.025: noise of the seeds that is small, alike, and large beside it.
for (const seeds of [3, 5]) {
  for (const [ofSeed, ofWindow] of [
    [0.005, 0.05],
    [0.04, 0.2],
    [0.2, 0.1],
  ] as const) {
    test(`of 1000 intervals over ${seeds} seeds, 93 to 98 % hold: noise ${ofSeed} of seeds, ${ofWindow} of windows`, (t) => {
      const chance = new Chance(100 * seeds + ofSeed * 1000)
      // What an interval over the windows of one seed knows nothing of, a few draws show.
      const alones = ofSeed > 0.01 ? 200 : 0
      let held = 0
      let alone = 0
      for (let draw = 0; draw < 1000; draw++) {
        const drawn = drawSeeds({ seeds, ofSeed, ofWindow }, chance)
        const { low, high } = seedsInterval(drawn) as Interval
        if (low <= trueDifference && trueDifference <= high) held++
        if (draw >= alones) continue
        const one = seedsInterval({ ...drawn, first: drawn.first.slice(0, 1), second: drawn.second.slice(0, 1) })
        if ((one as Interval).low <= trueDifference && trueDifference <= (one as Interval).high) alone++
      }
      t.log(`${held / 10} %${alones > 0 ? `; over windows alone with one seed ${(100 * alone) / alones} %` : ''}`)
      t.true(held >= 930 && held <= 980, `${held / 10} %`)
      t.true(alone <= 0.85 * alones, `${alone} of ${alones}`)
    })
  }
}

test('hand-computed: the two terms, each with its own t', (t) => {
  const drawn = drawSeeds({ seeds: 3, ofSeed: 0.05, ofWindow: 0.1 }, new Chance(1))
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const differences = drawn.second.map(mean)
  const overWindows = pairedError({
    ...drawn,
    first: drawn.first[0] as Float64Array,
    second: (drawn.second[0] as number[]).map((_, i) => mean(drawn.second.map((losses) => losses[i] as number))),
  })
  const middle = mean(differences)
  const a = differences.reduce((sum, value) => sum + (value - middle) ** 2, 0) / 2 / 3
  const b = (overWindows.standardError as number) ** 2
  const half = ((tQuantile(0.975, 2) * a + tQuantile(0.975, 15) * b) / (a + b)) * Math.sqrt(a + b)
  const { low, high, over, blocks } = seedsInterval(drawn) as Interval
  t.true(Math.abs(low - (middle - half)) < 1e-9 && Math.abs(high - (middle + half)) < 1e-9)
  t.deepEqual([over, blocks], ['seeds and windows', 16])
})

test('one seed has the interval over windows; too few windows have none, whatever the seeds', (t) => {
  const one = drawSeeds({ seeds: 1, ofSeed: 0, ofWindow: 0.1 }, new Chance(2))
  const [first, second] = [one.first[0] as Float64Array, one.second[0] as number[]]
  t.deepEqual(seedsInterval(one), pairedInterval({ ...one, first, second }).interval)
  t.is(seedsInterval(drawSeeds({ seeds: 5, ofSeed: 1, ofWindow: 1 }, new Chance(3), { ...text, windows: 40 })), null)
})

test('where nothing varies, the interval is a point', (t) => {
  const windows = Array.from({ length: 200 }, (_, i) => i)
  const same = (loss: number) => [1, 2, 3].map(() => new Float64Array(200).fill(loss))
  const found = seedsInterval({ first: same(1), second: same(1.5), windows, stride: 8, attnLength: 8 })
  t.deepEqual(found, { low: 0.5, high: 0.5, level: 0.95, over: 'seeds and windows', blocks: 16 })
})

test('the spread of the seeds', (t) => {
  t.is(spread([1]), null)
  t.is(spread([1, 3]), Math.SQRT2)
  t.is(spread([2, 4, 6]), 2)
})

const interval = (low: number, high: number): Interval => ({ low, high, level: 0.95, over: 'windows', blocks: 16 })

test('the sign is established by three seeds at their end and an interval on one side of zero', (t) => {
  t.true(isEstablished({ soFar: null, seeds: 3, interval: interval(0.01, 0.02) }))
  t.true(isEstablished({ soFar: null, seeds: 4, interval: interval(-0.02, -0.01) }))
  t.false(isEstablished({ soFar: null, seeds: 2, interval: interval(0.01, 0.02) }))
  t.false(isEstablished({ soFar: null, seeds: 3, interval: interval(-0.01, 0.02) }))
  t.false(isEstablished({ soFar: null, seeds: 3, interval: interval(0, 0.02) }))
  t.false(isEstablished({ soFar: null, seeds: 3, interval: null }))
  t.false(isEstablished({ soFar: 250, seeds: 3, interval: interval(0.01, 0.02) }))
})

test('the verdict says what is known and what is not', (t) => {
  const both = { ...interval(0.01, 0.02), over: 'seeds and windows' as const }
  const judged = { difference: 0.015, interval: interval(0.01, 0.02), soFar: null }
  t.is(
    verdictOf({ ...judged, seeds: 1 }),
    'one seed: sign not established (backward - forward +0.0150 nats per token, 95 % interval +0.0100 to +0.0200 over windows, which training noise is not in)',
  )
  t.is(
    verdictOf({ ...judged, seeds: 1, interval: null }),
    'one seed: sign not established (backward - forward +0.0150 nats per token, no interval)',
  )
  t.is(
    verdictOf({ ...judged, seeds: 2, interval: both }),
    'two seeds: sign not established (backward - forward +0.0150 nats per token, 95 % interval +0.0100 to +0.0200 over seeds and windows)',
  )
  t.is(
    verdictOf({ ...judged, seeds: 3 }),
    'backward is harder: backward - forward +0.0150 nats per token, 95 % interval +0.0100 to +0.0200 over 3 seeds',
  )
  t.is(
    verdictOf({ seeds: 4, difference: -0.015, interval: interval(-0.02, -0.01), soFar: 250 }),
    'so far, at step 250: forward is harder: backward - forward -0.0150 nats per token, 95 % interval -0.0200 to -0.0100 over 4 seeds',
  )
  t.is(
    verdictOf({ ...judged, seeds: 3, interval: interval(-0.01, 0.04) }),
    'sign not established: backward - forward +0.0150 nats per token, and zero is in the 95 % interval -0.0100 to +0.0400 over 3 seeds',
  )
  t.is(
    verdictOf({ ...judged, seeds: 3, interval: null }),
    'sign not established: 3 seeds give backward - forward +0.0150 nats per token, but too few validation windows were kept for an interval',
  )
})
