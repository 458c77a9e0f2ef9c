import test from 'ava'
import { namedPermutation, permutationNames } from '../../ts/data/permutations.js'
import { sampleRange } from '../../ts/data/python_random.js'
import { digest, readGolden, throwsAot } from './helpers.js'
import { namedOrders } from './orders.js'

for (const { name, options, written, eight, digest256 } of namedOrders) {
  test(`${written} is as the paper's experiment used it`, (t) => {
    t.is(namedPermutation(name, 8, options).join(' '), eight)
    t.is(digest(namedPermutation(name, 256, options)), digest256)
  })
}

test('every name gives a permutation, of odd lengths too where it may', (t) => {
  t.deepEqual([...permutationNames].sort(), [...new Set(namedOrders.map(({ name }) => name))].sort())
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
