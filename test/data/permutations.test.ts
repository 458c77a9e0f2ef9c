import test from 'ava'
import { namedPermutation, type PermutationOptions, permutationNames } from '../../ts/data/permutations.js'
import { sampleRange } from '../../ts/data/python_random.js'
import { digest, readGolden, throwsAot } from './helpers.js'

// Name, options, the permutation of 8 tokens, the digest of that of 256.
const table: [name: string, options: PermutationOptions, eight: string, digest256: string][] = [
  ['forward', {}, '0 1 2 3 4 5 6 7', 'd7c55fa0323a2b2c'],
  ['backward', {}, '7 6 5 4 3 2 1 0', '5f5e4d1d4656f3fc'],
  ['middle_out', {}, '4 3 5 2 6 1 7 0', '20dbde0aa23c457f'],
  ['end_in', {}, '0 7 1 6 2 5 3 4', '20056062882230cf'],
  ['even_odd', {}, '0 2 4 6 1 3 5 7', '7ec499f2e33f1e32'],
  ['odd_even', {}, '1 3 5 7 0 2 4 6', 'bf09f5993ac6f80f'],
  ['half_back_forward', {}, '3 2 1 0 4 5 6 7', '1266f2ff7fd73338'],
  ['half_forward_back', {}, '0 1 2 3 7 6 5 4', '42ddd0c43b744dc7'],
  ['quarter_middle_out_interleave', {}, '2 6 1 5 3 7 0 4', '6a16a366a5005b80'],
  ['quarter_middle_out_concat', {}, '2 1 3 0 6 5 7 4', '39a8df01c81bb2d5'],
  ['quarter_end_in_interleave', {}, '0 4 3 7 1 5 2 6', 'a4cbd9ccfd6020b7'],
  ['quarter_end_in_concat', {}, '0 3 1 2 4 7 5 6', 'd4b9352a2aefd0d6'],
  ['uniform_random', { seed: 1 }, '2 4 0 7 5 1 6 3', '20c447e1a8ec2992'],
  ['uniform_random', { seed: 2 }, '0 7 6 2 1 4 3 5', 'aff095199cbcc9af'],
  ['uniform_random', { seed: 3 }, '3 4 6 1 2 7 5 0', '3583602195acc355'],
  ['uniform_random', { seed: 4 }, '3 2 0 7 4 5 6 1', '2427c2ec0788e790'],
  ['random_chunk', { seed: 1, size: 4 }, '0 1 2 3 4 5 6 7', 'ca351caae12c116d'],
  ['random_chunk', { seed: 2, size: 4 }, '0 1 2 3 4 5 6 7', '5669c48d040c7358'],
]

for (const [name, options, eight, digest256] of table) {
  test(`${name} ${JSON.stringify(options)} is as the paper's experiment used it`, (t) => {
    t.is(namedPermutation(name, 8, options).join(' '), eight)
    t.is(digest(namedPermutation(name, 256, options)), digest256)
  })
}

test('every name gives a permutation, of odd lengths too where it may', (t) => {
  t.deepEqual([...permutationNames].sort(), [...new Set(table.map(([name]) => name))].sort())
  for (const name of ['forward', 'backward', 'middle_out', 'end_in', 'even_odd', 'odd_even', 'uniform_random']) {
    const places = namedPermutation(name, 35, { seed: 9 })
    t.deepEqual(
      [...places].sort((a, b) => a - b),
      Array.from({ length: 35 }, (_, i) => i),
      name,
    )
  }
})

test("sampling equals Python's", (t) => {
  const { samples } = readGolden<{ samples: { seed: number; length: number; sha256: string }[] }>('orders.json')
  t.is(samples.length, 35)
  for (const { seed, length, sha256 } of samples) t.is(digest(sampleRange(length, seed)), sha256, `${seed} ${length}`)
})

test('the chunk has 8 tokens where nothing is said', (t) => {
  t.deepEqual(
    namedPermutation('random_chunk', 64, { seed: 5 }),
    namedPermutation('random_chunk', 64, { seed: 5, size: 8 }),
  )
})

test('what cannot be has its line', (t) => {
  const refused = (body: () => unknown, message: string) => throwsAot(t, body, 'AOT_CONFIG', message)
  refused(
    () => namedPermutation('sideways', 8),
    `there is no permutation 'sideways': the names are ${permutationNames.join(', ')}`,
  )
  refused(
    () => namedPermutation('toString', 8),
    `there is no permutation 'toString': the names are ${permutationNames.join(', ')}`,
  )
  refused(() => namedPermutation(Symbol('forward') as never, 8), 'the name of a permutation must be a string')
  refused(
    () => namedPermutation('uniform_random', 8, null as never),
    'options of permutation uniform_random must be an object',
  )
  refused(
    () => namedPermutation('quarter_end_in_concat', 6),
    'permutation quarter_end_in_concat needs an attn_length that is a multiple of 4: 6 is not',
  )
  refused(
    () => namedPermutation('random_chunk', 12, { seed: 1 }),
    'permutation random_chunk needs an attn_length that is a multiple of 8: 12 is not',
  )
  refused(() => namedPermutation('uniform_random', 8), 'permutation uniform_random needs a seed')
  refused(() => namedPermutation('uniform_random', 8, { seed: 0.5 }), 'seed must be a whole number of at least 0')
  refused(() => namedPermutation('random_chunk', 8, { seed: 1, size: 0 }), 'size must be a whole number of at least 1')
  refused(() => namedPermutation('forward', 0), 'attnLength must be a whole number of at least 1')
})
