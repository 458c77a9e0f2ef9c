/** Every way to encode pieces against the definition, merge after merge. */
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { type NativeTokenizer, native } from '../../ts/native.js'
import { corpora, englishText, goldensFolder, nastyText, pieces, randomSource } from './reference.js'

const { train, mergePiece, encodePieces } = native.tokenizerParts
const implementations = ['scalar', 'avx2', 'avx512'] as const

/** All pieces at once, then each alone. */
function check(t: ExecutionContext, tokenizer: NativeTokenizer, some: string[], alone = true): void {
  const expected = some.map((piece) => mergePiece(tokenizer, piece).join())
  for (const implementation of implementations) {
    const together = encodePieces(tokenizer, some, implementation)
    if (together === null) continue
    some.forEach((piece, i) => {
      const own = alone ? encodePieces(tokenizer, [piece], implementation)?.[0]?.join() : expected[i]
      if (together[i]?.join() !== expected[i] || own !== expected[i]) {
        t.fail(`${implementation}: ${JSON.stringify(piece.slice(0, 200))} among ${some.length} pieces`)
      }
    })
  }
  t.pass()
}

/** Pieces of all lengths in characters that the vocabulary joins in many ways. */
function tangled(random: (limit: number) => number, count: number, most: number): string[] {
  const letters = [...'aab字本日の한é😀']
  return Array.from({ length: count }, () => {
    const some = letters.slice(0, 1 + random(letters.length))
    return Array.from({ length: 1 + random(most) }, () => some[random(some.length)] as string).join('')
  })
}

test('pieces that need many steps back', (t) => {
  const random = randomSource(31)
  for (let i = 0; i < 40; i++) {
    // Overlapping words of few letters: the longest match is wrong more often than right.
    const tokenizer = train([tangled(random, 60, 12).join(' ')], [], [], 257 + random(300))
    check(t, tokenizer, tangled(random, 1 + random(120), 40), i < 8)
  }
})

test('pieces of real text, of every length, and bytes that no token joins', (t) => {
  const texts = corpora()
  const random = randomSource(32)
  const tokenizer = train([texts.cjk, texts.fr, texts.scripts], [], [], 6000)
  const some = pieces(`${texts.cjk}${texts.nasty}${texts.en.slice(0, 20_000)}${nastyText(random, 20_000)}`)
  check(t, tokenizer, some, false)
  const anywhere = Array.from({ length: 500 }, () => {
    const code = () => (random(2) ? 0x80 + random(0x2000) : 0x10000 + random(0x100000))
    return Array.from({ length: 1 + random(30) }, () => String.fromCodePoint(code())).join('')
  })
  check(t, tokenizer, anywhere)
  for (const bare of [train([], [], [], 257), train(['a b c aa'], [], [], 300)]) check(t, bare, some.slice(0, 300))
})

test('pieces without end, alone and between short ones', (t) => {
  const tokenizer = train([englishText('199'), corpora().cjk], [], [], 3000)
  const random = randomSource(33)
  const long = ['a'.repeat(100_000), '日本語'.repeat(20_000), 'the'.repeat(342), 'a'.repeat(1024), 'a'.repeat(1025)]
  check(t, tokenizer, long)
  const mixed = long.flatMap((piece) => [...tangled(random, 30, 20), piece])
  check(t, tokenizer, [...mixed, ...tangled(random, 5, 500)])
  check(t, tokenizer, [])
})

test('ids in any order, merges that no training gives, and vocabularies past 2^16', async (t) => {
  const random = randomSource(34)
  const folder = await mkdtemp(join(tmpdir(), 'aot-trie-'))
  try {
    for (const name of ['irregular.json', 'added_tokens.json']) {
      await copyFile(fileURLToPath(new URL(name, goldensFolder)), join(folder, 'tokenizer.json'))
      check(t, native.Tokenizer.load(folder), tangled(random, 100, 20))
    }
  } finally {
    await rm(folder, { recursive: true })
  }
  const word = () => ` ${Array.from({ length: 3 + random(10) }, () => String.fromCharCode(97 + random(26))).join('')}`
  const words = Array.from({ length: 60_000 }, word)
  const tokenizer = train([words.join('')], [], [], 80_000)
  t.is(tokenizer.vocabSize, 80_000)
  check(t, tokenizer, [...words.slice(0, 3000), ...Array.from({ length: 3000 }, word)], false)
})

test('an implementation that is not there is null', (t) => {
  t.is(encodePieces(train([], [], [], 257), ['a'], 'no such' as 'scalar'), null)
})
