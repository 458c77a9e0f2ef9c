import test from 'ava'
import {
  defaultUnitBytes,
  evenCuts,
  isOfShare,
  movedCuts,
  parseShare,
  parseUnitSize,
  unitBytes,
  unitsBetween,
} from '../../ts/tokenize/plan.js'

const files = (...sizes: number[]) => sizes.map((size, index) => ({ path: `${index}`, size }))

test('a unit is a 64th of the text, from 64 to 256 MiB', (t) => {
  const mebi = 2 ** 20
  const sizes = [1, 64 * mebi, 64 * 64 * mebi, 64 * 100 * mebi + 63, 64 * 256 * mebi, 1e12]
  t.deepEqual(
    sizes.map(defaultUnitBytes),
    [64, 64, 64, 100, 256, 256].map((size) => size * mebi),
  )
})

test('even cuts lie in files or at their beginnings, never at the end of the text', (t) => {
  t.deepEqual(evenCuts([10], 10), [])
  t.deepEqual(evenCuts([11], 10), [{ file: 0, at: 10 }])
  t.deepEqual(evenCuts([4, 0, 6, 0, 5, 20], 5), [
    { file: 2, at: 1 },
    { file: 4, at: 0 },
    { file: 5, at: 0 },
    { file: 5, at: 5 },
    { file: 5, at: 10 },
    { file: 5, at: 15 },
  ])
  t.deepEqual(evenCuts([0, 0], 5), [])
  t.throws(() => evenCuts([1024 * 100_001], 1024), { code: 'AOT_CONFIG', message: /more than 99999 units/ })
})

test('cuts that were moved to one place, or to the end, are one or none', (t) => {
  const sizes = [30, 0, 10, 7]
  const even = evenCuts(sizes, 10)
  t.deepEqual(even, [
    { file: 0, at: 10 },
    { file: 0, at: 20 },
    { file: 2, at: 0 },
    { file: 3, at: 0 },
  ])
  t.deepEqual(movedCuts(sizes, even, [12, 25, 0, 0]), [12, 25, 30, 40])
  t.deepEqual(movedCuts(sizes, even, [30, 30, 0, 0]), [30, 40])
  t.deepEqual(movedCuts([30], evenCuts([30], 10), [15, 30]), [15])
  t.deepEqual(movedCuts([30], evenCuts([30], 10), [30, 30]), [])
})

test('units hold every byte once, in order', (t) => {
  const list = files(30, 0, 10, 7, 0)
  t.deepEqual(unitsBetween(list, [12, 30, 35]), [
    { number: 0, stretches: [{ file: '0', begin: 0, end: 12, size: 30 }] },
    { number: 1, stretches: [{ file: '0', begin: 12, end: 30, size: 30 }] },
    { number: 2, stretches: [{ file: '2', begin: 0, end: 5, size: 10 }] },
    {
      number: 3,
      stretches: [
        { file: '2', begin: 5, end: 10, size: 10 },
        { file: '3', begin: 0, end: 7, size: 7 },
      ],
    },
  ])
  let seed = 7
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
    return (seed >>> 16) % below
  }
  for (let round = 0; round < 300; round++) {
    const sizes = Array.from({ length: 1 + random(6) }, () => random(3) * random(40))
    const total = sizes.reduce((sum, size) => sum + size, 0)
    if (total === 0) continue
    const size = 1 + random(30)
    const even = evenCuts(sizes, size)
    const moved = even.map(({ file, at }) => (at === 0 ? 0 : Math.min(sizes[file] as number, at + random(12))))
    // As places to cut are found: a later one is never before an earlier one.
    for (let i = 1; i < moved.length; i++) {
      if (even[i]?.file === even[i - 1]?.file) moved[i] = Math.max(moved[i] as number, moved[i - 1] as number)
    }
    const cuts = movedCuts(sizes, even, moved)
    const units = unitsBetween(files(...sizes), cuts)
    t.is(units.length, cuts.length + 1)
    t.true(units.every((unit, index) => unit.number === index && unitBytes(unit) > 0))
    const bytes = units.flatMap(({ stretches }) =>
      stretches.flatMap(({ file, begin, end }) =>
        Array.from({ length: end - begin }, (_, i) => `${file}:${begin + i}`),
      ),
    )
    const expected = sizes.flatMap((length, file) => Array.from({ length }, (_, i) => `${file}:${i}`))
    t.deepEqual(bytes, expected)
    let end = 0
    for (const [index, cut] of cuts.entries()) {
      end += unitBytes(units[index] as (typeof units)[number])
      t.is(end, cut)
    }
  }
})

test('each unit is of one share', (t) => {
  for (const of of [1, 3, 7]) {
    for (let unit = 0; unit < 20; unit++) {
      const shares = Array.from({ length: of }, (_, i) => ({ index: i + 1, of })).filter((share) =>
        isOfShare(unit, share),
      )
      t.is(shares.length, 1)
    }
  }
  t.true(isOfShare(0, { index: 1, of: 3 }))
  t.deepEqual(parseShare('2/8'), { index: 2, of: 8 })
  for (const text of ['0/3', '4/3', '1', '1/', 'a/b', '1/2/3', '-1/2', '1.5/2']) {
    t.throws(() => parseShare(text), { code: 'AOT_CONFIG', message: /^--shard must be a share such as 1\/8/ }, text)
  }
})

test('sizes of units are written with K, M and G', (t) => {
  t.deepEqual(['1K', '64M', '2g', '4096', '16MiB', '1kb'].map(parseUnitSize), [
    1024,
    64 * 2 ** 20,
    2 ** 31,
    4096,
    2 ** 24,
    1024,
  ])
  for (const text of ['', '0', '1023', '2000G', '-1M', '1.5M', 'M', '1X', '99999999999999999999']) {
    t.throws(() => parseUnitSize(text), { code: 'AOT_CONFIG', message: /^--unit-size must be a size from 1K/ }, text)
  }
})
