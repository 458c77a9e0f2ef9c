/** Each language says what it promises, and its floor is its entropy. */
import test from 'ava'
import { type SynthInput, type SynthSection, synthSchemas } from '../../ts/config/synth.js'
import { AotError } from '../../ts/errors.js'
import { type BitMatrix, countOnes, makeCircuit } from '../../ts/synth/circuits.js'
import type { Counts, Language, Part } from '../../ts/synth/language.js'
import { countsOf, languageOf } from '../../ts/synth/languages.js'
import { pairOf, primesBetween } from '../../ts/synth/primes.js'
import { Random } from '../../ts/synth/random.js'
import { entropies, makeChain } from '../../ts/synth/reversible.js'

const section = (input: SynthInput): SynthSection => synthSchemas[input.language].parse(input) as SynthSection

function examples({ start, exampleLength }: Language, part: Part, counts: Counts): number[][] {
  const next = start(part, counts)
  return Array.from({ length: counts[part] }, () => {
    const ids = new Int32Array(exampleLength)
    next(ids)
    return [...ids]
  })
}

const textOf = ({ characters }: Language, ids: number[]) => ids.map((id) => characters[id - 1]).join('')
const reversed = (text: string) => [...text].reverse().join('')

/** Mean nats per token of sequences with these probabilities, predicted one token after another: by counting alone. */
function nats(probabilities: ReadonlyMap<string, number>, backwards: boolean): number {
  let total = 0
  for (const [text, probability] of probabilities) {
    const sequence = backwards ? reversed(text) : text
    for (let at = 0; at < sequence.length; at++) {
      const known = sequence.slice(0, at)
      let [before, after] = [0, 0]
      for (const [other, p] of probabilities) {
        const whole = backwards ? reversed(other) : other
        if (!whole.startsWith(known)) continue
        before += p
        if (whole[at] === sequence[at]) after += p
      }
      total -= (probability * Math.log(after / before)) / sequence.length
    }
  }
  return total
}

test('primes: every pair once, with its product from the last digit on', (t) => {
  const language = languageOf(section({ language: 'primes', min_digits: 1, max_digits: 2, seed: 5 }))
  const counts = { train: 270, valid: 30 }
  const seen = new Set<string>()
  for (const part of ['train', 'valid'] as const) {
    for (const ids of examples(language, part, counts)) {
      const text = textOf(language, ids)
      const [, p, q, product] = /^(\d\d)×(\d\d)=(\d{4})$/.exec(text) ?? []
      t.is(Number(p) * Number(q), Number(reversed(product as string)), text)
      t.true(Number(p) < Number(q))
      for (const factor of [p, q]) {
        t.false(
          [2, 3, 5, 7].some((small) => Number(factor) % small === 0 && Number(factor) !== small) || factor === '01',
        )
      }
      seen.add(text)
    }
  }
  // 25 primes below 100 have 300 pairs: none was drawn twice, none of validation is in training.
  t.is(seen.size, 300)
  t.is(language.available, 300)
  const probabilities = new Map([...seen].map((text) => [text, 1 / 300]))
  for (const backwards of [false, true]) t.true(Math.abs(nats(probabilities, backwards) - language.floor) < 1e-12)
})

test('primes: the validation pairs stay when there are more to train on', (t) => {
  const language = languageOf(section({ language: 'primes' }))
  t.deepEqual(
    examples(language, 'valid', { train: 10, valid: 50 }),
    examples(language, 'valid', { train: 5000, valid: 50 }),
  )
})

test('primes and pairs by their numbers', (t) => {
  t.deepEqual(primesBetween(1, 30), [2, 3, 5, 7, 11, 13, 17, 19, 23, 29])
  t.is(primesBetween(10, 999).length, 164)
  t.deepEqual([0, 1, 2, 3, 5].map(pairOf), [
    [0, 1],
    [0, 2],
    [1, 2],
    [0, 3],
    [2, 3],
  ])
  // The largest language has 664,579 primes.
  for (const j of [2, 664_578, 2 ** 24]) {
    const first = (j * (j - 1)) / 2
    t.deepEqual(pairOf(first), [0, j])
    t.deepEqual(pairOf(first - 1), [j - 2, j - 1])
  }
})

/** Product over F2. */
function times(a: BitMatrix, b: BitMatrix): number[][] {
  return a.map((row) =>
    Array.from({ length: b.length }, (_, column) =>
      row.reduce((sum, bit, k) => sum ^ (bit & (b[k]?.[column] ?? 0)), 0),
    ),
  )
}

test('circuits: A times its inverse is 1, with as many ones as were asked for', (t) => {
  for (const [bits, nonzeros] of [
    [2, 3],
    [5, 12],
    [30, 30],
    [30, 90],
  ] as const) {
    const { matrix, inverse } = makeCircuit(bits, nonzeros, new Random(7, 'language'))
    const one = Array.from({ length: bits }, (_, i) => Array.from({ length: bits }, (_, j) => (i === j ? 1 : 0)))
    t.deepEqual(times(matrix, inverse), one)
    t.deepEqual(times(inverse, matrix), one)
    t.is(countOnes(matrix), nonzeros)
  }
})

test('circuits: the inverse of a sparse matrix is as dense as published', (t) => {
  // arXiv 2401.17505, 30 bits: ones of A and of its inverse; a mean over matrices, read off a figure.
  for (const [nonzeros, published] of [
    [30, 29],
    [54, 86],
    [78, 233],
    [102, 342],
    [150, 410],
  ] as const) {
    const seeds = Array.from({ length: 20 }, (_, seed) => new Random(seed, 'language'))
    const ones = seeds.map((random) => countOnes(makeCircuit(30, nonzeros, random).inverse))
    const mean = ones.reduce((sum, one) => sum + one, 0) / ones.length
    t.true(Math.abs(mean - published) < 0.25 * published, `${nonzeros}: ${mean} instead of ${published}`)
  }
})

test('circuits: y = A x in either order, and the floor is half a bit', (t) => {
  for (const order of ['xy', 'yx'] as const) {
    const options = section({ language: 'circuits', bits: 4, nonzeros: 7, order, seed: 3 })
    const language = languageOf(options)
    const { matrix } = makeCircuit(4, 7, new Random(3, 'language'))
    const texts = examples(language, 'train', { train: 400, valid: 1 }).map((ids) => textOf(language, ids))
    for (const text of texts) {
      const [x, y] = order === 'xy' ? [text.slice(0, 4), text.slice(4)] : [text.slice(4), text.slice(0, 4)]
      const wanted = matrix.map((row) => row.reduce((sum, bit, i) => sum ^ (bit & Number(x[i])), 0)).join('')
      t.is(y, wanted)
    }
    // All 16 of them, each as probable as the others.
    const all = new Map([...new Set(texts)].map((text) => [text, 1 / 16]))
    t.is(all.size, 16)
    for (const backwards of [false, true]) t.true(Math.abs(nats(all, backwards) - language.floor) < 1e-12)
  }
})

test('copy: twice the same, and the floor is half that of a letter', (t) => {
  const language = languageOf(section({ language: 'copy', symbols: 3, length: 2 }))
  const texts = examples(language, 'train', { train: 300, valid: 1 }).map((ids) => textOf(language, ids))
  for (const text of texts) t.is(text.slice(0, 2), text.slice(2))
  const all = new Map([...new Set(texts)].map((text) => [text, 1 / 9]))
  t.is(all.size, 9)
  for (const backwards of [false, true]) t.true(Math.abs(nats(all, backwards) - language.floor) < 1e-12)
})

test('reversible: a sequence is as probable as its reverse, and the floor is its entropy', (t) => {
  const options = section({ language: 'reversible', symbols: 3, length: 4, seed: 1 })
  const { weights, sums, total } = makeChain({ seed: 1, symbols: 3 })
  const w = (i: number, j: number) => weights[i]?.[j] as number
  let probabilities = new Map([0, 1, 2].map((i) => [`${i}`, (sums[i] as number) / total]))
  for (let at = 1; at < 4; at++) {
    probabilities = new Map(
      [...probabilities].flatMap(([text, p]) =>
        [0, 1, 2].map((j) => {
          const i = Number(text.at(-1))
          return [`${text}${j}`, (p * w(i, j)) / (sums[i] as number)] as const
        }),
      ),
    )
  }
  t.is(probabilities.size, 81)
  for (const [text, p] of probabilities) t.true(Math.abs(p - (probabilities.get(reversed(text)) as number)) < 1e-15)
  const language = languageOf(options)
  for (const backwards of [false, true]) t.true(Math.abs(nats(probabilities, backwards) - language.floor) < 1e-12)
})

test('reversible: the examples are of that chain', (t) => {
  const language = languageOf(section({ language: 'reversible', symbols: 3, length: 5 }))
  const { weights, total } = makeChain({ seed: 0, symbols: 3 })
  const seen = [0, 0, 0].map(() => [0, 0, 0])
  const count = 20_000
  for (const ids of examples(language, 'train', { train: count, valid: 1 })) {
    for (let i = 1; i < 5; i++) {
      const row = seen[(ids[i - 1] as number) - 1] as number[]
      row[(ids[i] as number) - 1] = (row[(ids[i] as number) - 1] as number) + 1
    }
  }
  for (const [i, row] of weights.entries()) {
    for (const [j, weight] of row.entries()) {
      t.true(Math.abs((seen[i]?.[j] as number) / (4 * count) - weight / total) < 0.01, `${i} to ${j}`)
    }
  }
  const { first, step } = entropies(makeChain({ seed: 0, symbols: 12 }))
  // There is something to learn, and something that cannot be.
  t.true(step > 0.5 * first && step < 0.95 * first)
})

test('the same examples from one seed, others from another, others for validation', (t) => {
  const counts = { train: 20, valid: 20 }
  for (const language of ['primes', 'circuits', 'copy', 'reversible'] as const) {
    const make = (seed: number, part: Part) => examples(languageOf(section({ language, seed })), part, counts)
    t.deepEqual(make(1, 'train'), make(1, 'train'))
    t.notDeepEqual(make(1, 'train'), make(2, 'train'))
    t.notDeepEqual(make(1, 'train'), make(2 ** 40 + 1, 'train'))
    t.notDeepEqual(make(1, 'train'), make(1, 'valid'))
  }
})

test('the bytes stay what they are', (t) => {
  const first = (input: SynthInput) => {
    const language = languageOf(section(input))
    return textOf(language, examples(language, 'train', { train: 1, valid: 2 })[0] as number[])
  }
  t.is(first({ language: 'primes' }), '109×281=926030')
  t.is(first({ language: 'circuits' }), '101001101010110100011111110111111000101001000101011011110100')
  t.is(first({ language: 'copy' }), 'lfbhjcjibgfjahlfbhjcjibgfjah')
  t.is(first({ language: 'reversible' }), 'hbhcjchikagbhe')
})

test('random numbers are below their bound, also beyond 32 bits', (t) => {
  const random = new Random(0, 'train')
  const bound = 2 ** 40 + 1
  const draws = Array.from({ length: 4000 }, () => random.below(bound))
  t.true(draws.every((draw) => Number.isSafeInteger(draw) && draw >= 0 && draw < bound))
  const mean = draws.reduce((sum, draw) => sum + draw, 0) / draws.length
  t.true(Math.abs(mean / bound - 0.5) < 0.02)
  t.true(draws.some((draw) => draw > 0.99 * bound) && draws.some((draw) => draw < 0.01 * bound))
})

test('how many examples there are', (t) => {
  const counts = (input: SynthInput, perWindow = 1) => {
    const one = section(input)
    return countsOf(one, languageOf(one), perWindow)
  }
  t.deepEqual(counts({ language: 'primes' }), { train: 12_854, valid: 512 })
  t.deepEqual(counts({ language: 'primes' }, 4), { train: 11_696, valid: 1668 })
  t.deepEqual(counts({ language: 'copy' }, 3), { train: 99_999, valid: 1536 })
  t.deepEqual(counts({ language: 'copy', train: 6, valid: 3 }, 3), { train: 6, valid: 3 })
  const wrong = (input: SynthInput, message: RegExp, perWindow = 1) =>
    t.throws(() => counts(input, perWindow), { instanceOf: AotError, code: 'AOT_CONFIG', message })
  wrong(
    { language: 'copy', train: 7, valid: 3 },
    /^train: 7 examples do not fill whole windows of 3 .* multiple of 3$/,
    3,
  )
  wrong({ language: 'primes', train: 13_000 }, /can give 13,366 examples, too few for 13,000 .* 512/)
  wrong({ language: 'primes', min_digits: 3, max_digits: 2 }, /min_digits 3 is above max_digits 2/)
  wrong({ language: 'primes', min_digits: 1, max_digits: 1, valid: 6 }, /can give 6 examples/)
  wrong({ language: 'circuits', bits: 9, nonzeros: 8 }, /^nonzeros: 8 ones are too few/)
  wrong({ language: 'circuits', bits: 3, nonzeros: 9 }, /^nonzeros: with \d ones in 3 rows no other keeps/)
})
