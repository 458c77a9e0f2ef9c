import test from 'ava'
import { native } from '../../ts/native.js'
import { corpora, goldens, nastyText, pieces, randomSource } from './reference.js'

const { pretokenize, lastSafeCut } = native.tokenizerParts
const implementations = ['scalar', 'avx2', 'avx512'] as const

/** Where the pieces of the expression start, in bytes. */
function referenceStarts(text: string): number[] {
  let at = 0
  return pieces(text).map((piece) => {
    const start = at
    at += Buffer.byteLength(piece)
    return start
  })
}

function nativeStarts(text: string): number[] {
  return [...(pretokenize(text, 'scalar') as Uint32Array)]
}

/** Compares all implementations with the expression; names the first place that differs. */
function difference(text: string): string | undefined {
  const expected = referenceStarts(text)
  for (const implementation of implementations) {
    const starts = pretokenize(text, implementation)
    if (starts === null) continue
    const at = expected.findIndex((start, i) => starts[i] !== start)
    if (at >= 0 || starts.length !== expected.length) {
      return `${implementation}: ${starts.length} pieces for ${expected.length}, piece ${at} in ${JSON.stringify(text.slice(0, 200))}`
    }
  }
  return undefined
}

test('the scalar implementation is always there, others where the processor has them', (t) => {
  t.deepEqual(pretokenize("I'm  x", 'scalar'), Uint32Array.of(0, 1, 3, 4))
  t.is(pretokenize('x', 'no such' as 'scalar'), null)
})

test('pieces of nasty strings and of real text are those of the expression', (t) => {
  for (const { text } of goldens.encoded[0]?.strings ?? []) t.is(difference(text), undefined)
  for (const text of Object.values(corpora())) t.is(difference(text), undefined)
})

test('every code point of Unicode 16 has its class', (t) => {
  // After a letter, a digit and a sign, in each of which a piece ends or goes on by class.
  for (let first = 0; first < 0x110000; first += 0x4000) {
    let text = ''
    for (let code = first; code < first + 0x4000; code++) {
      if (code >= 0xd800 && code < 0xe000) continue
      const character = String.fromCodePoint(code)
      text += `a${character}1${character}! ${character} x`
    }
    t.is(difference(text), undefined)
  }
})

test('random texts, at every alignment to the blocks of 64 bytes', (t) => {
  const random = randomSource(1)
  for (let i = 0; i < 3000; i++) {
    const text = 'x'.repeat(random(70)) + nastyText(random, random(200))
    const found = difference(text)
    if (found) t.fail(found)
  }
  t.pass()
})

test('contractions', (t) => {
  const split = (text: string) => {
    const starts = [...nativeStarts(text), text.length]
    return starts.slice(1).map((end, i) => text.slice(starts[i], end))
  }
  t.deepEqual(split("x'lly"), ['x', "'ll", 'y'])
  t.deepEqual(split("!'s"), ["!'", 's'])
  t.deepEqual(split("'s's'S"), ["'s", "'s", "'", 'S'])
  t.deepEqual(split(" 's a   b"), [" '", 's', ' a', '  ', ' b'])
})

test('a cut at lastSafeCut of any view leaves the pieces as they are', (t) => {
  const random = randomSource(2)
  const texts = goldens.encoded[0]?.strings.map(({ text }) => text) ?? []
  for (let i = 0; i < 400; i++) texts.push(nastyText(random, 1 + random(60)))
  let cuts = 0
  for (const text of texts) {
    const bytes = Buffer.from(text)
    if (bytes.length > 500) continue
    const expected = nativeStarts(text).join()
    for (let view = 0; view <= bytes.length; view++) {
      const cut = lastSafeCut(bytes.subarray(0, view))
      t.true(cut === 0 || cut < view)
      if (cut === 0) continue
      cuts++
      const rest = nativeStarts(bytes.toString('utf8', cut)).map((start) => start + cut)
      const parts = [...nativeStarts(bytes.toString('utf8', 0, cut)), ...rest].join()
      if (parts !== expected) t.fail(`cut at ${cut} of ${JSON.stringify(text)}, view of ${view} bytes`)
    }
  }
  t.true(cuts > 10_000, `${cuts} cuts`)
})

test('lastSafeCut finds the last boundary between classes', (t) => {
  const cut = (text: string) => lastSafeCut(Buffer.from(text))
  t.is(cut(''), 0)
  t.is(cut('word'), 0)
  t.is(cut('   '), 0)
  t.is(cut('one two\nthree'), 7)
  t.is(cut('one two '), 7)
  t.is(cut('one,'), 3)
  t.is(cut("don't"), 3)
  t.is(cut("'t"), 0)
  t.is(cut('a  b'), 1)
  t.is(cut('日本。日'), 9)
  t.is(lastSafeCut(Buffer.from('日本。日').subarray(0, 11)), 6)
  t.is(lastSafeCut(Buffer.from([0x80, 0x80, 0x80])), 0)
})
