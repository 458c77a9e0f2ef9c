import test from 'ava'
import { namedPermutation } from '../../ts/data/permutations.js'
import { TokenStore, type WindowOptions } from '../../ts/data/token_store.js'
import { digest, golden, readGolden, throwsAot, tokens } from './helpers.js'

/** The definition, as plainly as it can be said. */
function reference(text: number[], index: number, options: WindowOptions): { input: number[]; target: number[] } {
  const { attnLength, fwbw } = options
  const stride = options.stride ?? (fwbw ? attnLength : Math.floor((attnLength - 1) / 2))
  const start = (fwbw ? Math.floor(index / 2) : index) * stride
  const window = text.slice(start, start + attnLength)
  const backwards = fwbw ? index % 2 === 1 : options.backwards
  let target = backwards ? [...window].reverse() : window
  if (options.permutation) target = Array.from(options.permutation).map((place) => window[place] as number)
  const first = fwbw ? (backwards ? fwbw.backward : fwbw.forward) : 0
  return { input: [first, ...target.slice(0, -1)], target }
}

const cases: [title: string, options: WindowOptions, length: number][] = [
  ['forward', { attnLength: 9 }, Math.floor((300 - 8 - 1) / 4)],
  ['an even length', { attnLength: 16 }, Math.floor((300 - 15 - 1) / 7)],
  ['the shortest', { attnLength: 3 }, 297],
  ['backwards', { attnLength: 9, backwards: true }, 72],
  ['null is not given', { attnLength: 9, stride: null, backwards: null, permutation: null, fwbw: null }, 72],
  ['a stride', { attnLength: 9, stride: 20 }, 14],
  ['a stride of one', { attnLength: 9, stride: 1 }, 291],
  ['a permutation', { attnLength: 8, permutation: namedPermutation('uniform_random', 8, { seed: 3 }) }, 97],
  ['a permutation overrides backwards', { attnLength: 4, permutation: [2, 0, 3, 1], backwards: true }, 296],
  ['FW+BW', { attnLength: 10, fwbw: { forward: 1000, backward: 1001 } }, 58],
  ['FW+BW with a stride', { attnLength: 10, stride: 3, fwbw: { forward: 7, backward: 7 } }, 192],
  ['as long as the text allows', { attnLength: 299, stride: 1 }, 1],
]

for (const [title, options, length] of cases) {
  for (const name of ['contiguous_int32.h5', 'contiguous_uint16.h5', 'gzip.h5']) {
    test(`windows of ${name}: ${title}`, (t) => {
      const text = tokens(0, 300)
      const windows = TokenStore.open(golden(name)).windows(options)
      t.is(windows.length, length)
      for (let i = 0; i < length; i++) {
        const { input, target } = windows.get(i)
        t.deepEqual({ input: [...input], target: [...target] }, reference(text, i, options), `window ${i}`)
      }
    })
  }
}

test('a window across the files of a virtual dataset', (t) => {
  const text = [...tokens(0, 300), ...tokens(50, 250), ...tokens(0, 300)]
  const windows = TokenStore.open(golden('virtual.h5')).windows({ attnLength: 250, stride: 1 })
  const { target } = windows.get(275)
  t.deepEqual([...target], text.slice(275, 525))
})

test("the order is NumPy's shuffle", (t) => {
  // Of 3,000,003 tokens, windows of all but `length` of them one token apart: `length` windows.
  const store = TokenStore.open(golden('long.h5'))
  const { shuffles } = readGolden<{ shuffles: { seed: number; length: number; first: number[]; sha256: string }[] }>(
    'orders.json',
  )
  t.is(shuffles.length, 29)
  for (const { seed, length, first, sha256 } of shuffles.filter(({ length }) => length > 0)) {
    const windows = store.windows({ attnLength: 3_000_003 - length, stride: 1 })
    t.is(windows.length, length)
    const order = windows.order({ seed })
    t.deepEqual([...order.slice(0, 10)], first, `seed ${seed}, length ${length}`)
    t.is(digest(order), sha256, `seed ${seed}, length ${length}`)
  }
  const windows = store.windows({ attnLength: 9 })
  t.deepEqual(windows.order(), windows.order({ seed: 42 }))
  t.deepEqual(windows.order({ seed: undefined }), windows.order())
})

test('windows outlive the store', (t) => {
  const store = TokenStore.open(golden('gzip.h5'))
  const windows = store.windows({ attnLength: 9 })
  store.close()
  t.deepEqual([...windows.get(1).target], tokens(4, 13))
  throwsAot(t, () => store.windows({ attnLength: 9 }), 'AOT_CONFIG', 'the token store is closed')
})

test('what cannot be has its line', (t) => {
  const path = golden('contiguous_int32.h5')
  const store = TokenStore.open(path)
  const refused = (options: object, message: string) =>
    throwsAot(t, () => store.windows(options as WindowOptions), 'AOT_CONFIG', message)
  refused({ attnLength: 2 }, 'attnLength must be a whole number from 3 to 16777216')
  refused({}, 'attnLength must be a whole number from 3 to 16777216')
  refused(undefined as unknown as object, 'windows must be an object')
  refused({ attnLength: 4, stride: 0 }, 'stride must be a whole number from 1 to 9007199254740992')
  refused({ attnLength: 4, backwards: 'yes' }, 'backwards must be true or false')
  refused({ attnLength: 4, permutation: [0, 1, 2] }, 'permutation has 3 places where attnLength is 4: they must agree')
  refused({ attnLength: 3, permutation: [0, 1, 3] }, 'permutation[2] must be a whole number from 0 to 2')
  refused(
    { attnLength: 3, permutation: [0, 1, 1] },
    'permutation[2] is 1: every number from 0 to 2 must appear exactly once',
  )
  refused({ attnLength: 4, fwbw: { forward: 5 } }, 'fwbw.backward must be a whole number from 0 to 2147483647')
  refused(
    { attnLength: 4, backwards: true, fwbw: { forward: 5, backward: 6 } },
    'fwbw reads windows in both directions: leave backwards and permutation out',
  )
  throwsAot(
    t,
    () => store.windows({ attnLength: 299 }),
    'AOT_DATA',
    `${path} holds 300 tokens, too few for one window: attn_length 299 with stride 149 needs 448; ` +
      'use more text or a smaller attn_length',
  )
  const windows = store.windows({ attnLength: 9 })
  throwsAot(t, () => windows.get(72), 'AOT_DATA', 'there is no window 72: they are numbered from 0 to 71')
  throwsAot(t, () => windows.get(-1), 'AOT_DATA', 'there is no window -1: they are numbered from 0 to 71')
  throwsAot(
    t,
    () => windows.get(0.5),
    'AOT_CONFIG',
    'index must be a whole number from -9007199254740992 to 9007199254740992',
  )
  throwsAot(
    t,
    () => windows.order({ seed: -1 }),
    'AOT_CONFIG',
    'seed must be a whole number from 0 to 9007199254740992',
  )
  for (const options of [7, null]) {
    throwsAot(t, () => windows.order(options as never), 'AOT_CONFIG', 'order takes an object: order({ seed })')
  }
})
