import test, { type ExecutionContext } from 'ava'
import { pairedInterval } from '../../ts/arrow/bootstrap.js'
import type { Interval } from '../../ts/arrow/types.js'
import { Chance, drawText, type Text, trueDifference } from './synthetic.js'

const draws = 1000

function holds({ low, high }: Interval): boolean {
  return low <= trueDifference && trueDifference <= high
}

/** The interval that takes windows as independent. */
function naive(differences: readonly number[]): Interval {
  const mean = differences.reduce((sum, value) => sum + value, 0) / differences.length
  const squares = differences.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const half = 1.96 * Math.sqrt(squares / (differences.length - 1) / differences.length)
  return { low: mean - half, high: mean + half, level: 0.95, over: 'windows', blocks: differences.length }
}

/** How many of the intervals hold the true difference, in per cent. */
function coverage(t: ExecutionContext, text: Text, seed: number): { ours: number; naive: number } {
  const chance = new Chance(seed)
  let [ours, theirs] = [0, 0]
  for (let draw = 0; draw < draws; draw++) {
    const windows = drawText(text, chance)
    const { interval } = pairedInterval(windows)
    if (interval === null) throw new Error('no interval')
    if (holds(interval)) ours++
    if (holds(naive(windows.second))) theirs++
  }
  const found = { ours: (100 * ours) / draws, naive: (100 * theirs) / draws }
  t.log(`${found.ours} % of the intervals hold the true difference, ${found.naive} % of those by single windows`)
  return found
}

const independent = { windows: 400, stride: 8, attnLength: 8 }
const overlapping = { windows: 800, stride: 4, attnLength: 8 }
const documents = { tokens: 60, deviation: 0.4 }

const texts: { name: string; text: Text; naiveFails: boolean }[] = [
  { name: 'independent windows', text: independent, naiveFails: false },
  { name: 'windows that overlap by half', text: overlapping, naiveFails: true },
  {
    name: 'windows that overlap, in documents',
    text: { ...overlapping, windows: 3000, documents },
    naiveFails: true,
  },
  { name: 'skewed differences', text: { ...independent, windows: 256, skew: 1 }, naiveFails: false },
  { name: 'skewed differences of overlapping windows', text: { ...overlapping, skew: 1 }, naiveFails: true },
  {
    name: 'blocks with uneven numbers of windows, in documents',
    text: { ...overlapping, windows: 6000, kept: 0.05, documents },
    naiveFails: true,
  },
  { name: 'as few blocks as there may be', text: { ...overlapping, windows: 64 }, naiveFails: true },
]

for (const [seed, { name, text, naiveFails }] of texts.entries()) {
  test(`of 1000 intervals of 95 %, 93 to 97 % hold the true difference: ${name}`, (t) => {
    const { ours, naive } = coverage(t, text, seed + 1)
    t.true(ours >= 93 && ours <= 97, `${ours} %`)
    if (naiveFails) t.true(naive < 90, `taking windows as independent holds too: ${naive} %`)
  })
}

test('a hand-computed standard error, with blocks of different numbers of windows', (t) => {
  // Windows of 1 token: blocks of 4 numbers. Differences +1 and -1 in blocks in turn, and two windows are missing.
  const windows = Array.from({ length: 32 }, (_, i) => i).filter((i) => i !== 1 && i !== 6)
  const sign = (window: number) => (Math.floor(window / 4) % 2 === 0 ? 1 : -1)
  const found = pairedInterval({
    first: windows.map((window) => 2 + window),
    second: windows.map((window) => 2 + window + sign(window)),
    windows,
    stride: 1,
    attnLength: 1,
  })
  // 15 windows with each sign: mean 0. Sums of the blocks: 3, -3, and six of 4 in size: squares 18 + 96 = 114.
  t.is(found.blocks, 8)
  t.is(found.difference, 0)
  t.true(Math.abs((found.standardError as number) - Math.sqrt((114 * 8) / 7) / 30) < 1e-12)
  const { low, high, level, over, blocks } = found.interval as Interval
  t.deepEqual([level, over, blocks], [0.95, 'windows', 8])
  t.true(low < -0.3 && high > 0.3 && low > -1.5 && high < 1.5, `${low} ${high}`)
})

test('it is that of the differences: what both directions share cancels, exactly', (t) => {
  const { second, ...place } = drawText({ ...independent, windows: 200 }, new Chance(9))
  const shared = second.map((_, i) => 2 ** (i % 7))
  const apart = pairedInterval({ ...place, first: shared, second: shared.map((loss) => loss + 0.25) })
  t.is(apart.difference, 0.25)
  t.is(apart.standardError, 0)
  t.deepEqual(apart.interval, { low: 0.25, high: 0.25, level: 0.95, over: 'windows', blocks: 16 })
})

test('the order of the windows and where the text begins change nothing', (t) => {
  const { first, second, windows, ...place } = drawText({ ...overlapping, kept: 0.5, skew: 1 }, new Chance(10))
  const wanted = pairedInterval({ first, second, windows, ...place })
  const order = [...second.keys()].sort((a, b) => ((a * 7919) % 1009) - ((b * 7919) % 1009))
  const mixed = pairedInterval({
    first,
    second: order.map((i) => second[i] as number),
    windows: order.map((i) => (windows[i] as number) + 2 ** 33),
    ...place,
  })
  t.is(mixed.blocks, wanted.blocks)
  t.true(Math.abs((mixed.interval as Interval).low - (wanted.interval as Interval).low) < 1e-12)
  t.deepEqual(pairedInterval({ first, second, windows, ...place }), wanted)
})

test('the other direction first turns the interval around', (t) => {
  const { first, second, ...place } = drawText({ ...overlapping, skew: 1 }, new Chance(11))
  const there = pairedInterval({ first, second, ...place })
  const back = pairedInterval({ first: second, second: first, ...place })
  t.is(back.difference, -there.difference)
  t.true(Math.abs((back.interval as Interval).low + (there.interval as Interval).high) < 1e-12)
})

test('skewed differences move the interval to the side of the long tail', (t) => {
  const { interval, difference } = pairedInterval(drawText({ ...independent, windows: 128, skew: 1.5 }, new Chance(12)))
  const { low, high } = interval as Interval
  t.true(high - difference > 1.15 * (difference - low), `${low} ${difference} ${high}`)
})

test('there is no interval of too little text, and always a difference', (t) => {
  const ofText = (windows: number, stride: number, attnLength: number) =>
    pairedInterval(drawText({ windows, stride, attnLength }, new Chance(13)))
  // Eight blocks of four windows' length: 32 windows side by side, or 64 that overlap by half.
  t.is(ofText(31, 8, 8).interval, null)
  t.is(ofText(31, 8, 8).standardError, null)
  t.true(Number.isFinite(ofText(31, 8, 8).difference))
  t.is(ofText(32, 8, 8).interval?.blocks, 8)
  t.is(ofText(63, 4, 8).interval, null)
  t.is(ofText(64, 4, 8).interval?.blocks, 8)
  t.is(ofText(1, 4, 8).interval, null)
  // Windows far apart count as windows do.
  t.is(ofText(31, 80, 8).interval, null)
  // However much there is, a block is a sixteenth of it.
  t.is(ofText(5000, 4, 8).interval?.blocks, 16)
  // Windows in seven of the sixteen blocks are seven blocks.
  const clusters = [0, 2, 4, 6, 8, 10, 15].flatMap((block) => Array.from({ length: 10 }, (_, i) => block * 10 + i))
  const zeros = new Float64Array(70)
  t.is(pairedInterval({ first: zeros, second: zeros, windows: clusters, stride: 4, attnLength: 8 }).interval, null)
})

test('200,000 windows take well below a second', (t) => {
  const windows = drawText({ windows: 200_000, stride: 4, attnLength: 8 }, new Chance(14))
  const begin = performance.now()
  pairedInterval(windows)
  const seconds = (performance.now() - begin) / 1000
  t.true(seconds < 0.5, `${seconds} s`)
})
