import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { native } from '../../ts/native.js'
import { newControl } from '../../ts/tokenize/job.js'
import { corpora, countWords, englishText, nastyText, pieces, randomSource } from './reference.js'

const { countWords: count, encodedWords, train } = native.tokenizerParts

function counted(parts: string[][]): Map<string, number> {
  const { words, counts } = count(parts)
  checkDistinct(words)
  return new Map(words.map((word, i) => [word, counts[i] as number]))
}

/** @throws Error when a word is there twice */
function checkDistinct(words: string[]): void {
  if (new Set(words).size !== words.length) throw new Error('a word is counted in two places')
}

const sorted = (counts: Map<string, number>) => [...counts].sort(([a], [b]) => (a < b ? -1 : 1))

test('parts, counted one after the other and merged, add up', (t) => {
  const random = randomSource(21)
  for (let i = 0; i < 30; i++) {
    const parts = Array.from({ length: 1 + random(40) }, () =>
      Array.from({ length: random(4) }, () => nastyText(random, 1 + random(150))),
    )
    const expected = new Map<string, number>()
    for (const text of parts.flat()) {
      for (const [word, times] of countWords(text)) expected.set(word, (expected.get(word) ?? 0) + times)
    }
    t.deepEqual(sorted(counted(parts)), sorted(expected))
  }
})

test('hundreds of parts of real text', (t) => {
  const lines = englishText('18').split(/(?<=\n)/)
  const parts = Array.from({ length: 300 }, (_, i) => lines.filter((_line, at) => at % 300 === i))
  t.deepEqual(sorted(counted(parts)), sorted(counted([lines])))
})

test('the memory of counts grows with the words', (t) => {
  const many = Array.from({ length: 100_000 }, (_, i) => ` ${i.toString(36)}abc`).join('')
  const few = ' word'.repeat(100_000)
  const { memory } = count([[many]])
  t.true(memory >= 100_000 * 16 && memory < 100_000 * 200, `${memory} bytes`)
  t.true(count([[few]]).memory < 1 << 20)
})

test('an encoder tells how many words it has encoded', async (t) => {
  const { en, cjk, nasty } = corpora()
  const tokenizer = train([en], [], [], 500)
  t.is(encodedWords(tokenizer, []), 0)
  t.is(encodedWords(tokenizer, [en, cjk, nasty]), [en, cjk, nasty].flatMap(pieces).length)
  t.is(encodedWords(tokenizer, ['two words<|endoftext|><|endoftext|> three']), 5)
  const folder = await mkdtemp(join(tmpdir(), 'aot-words-'))
  try {
    const file = join(folder, 'a.txt')
    await writeFile(file, 'abc é字')
    const { tokenizer: characters } = await native.trainCharFiles([file], { unknown: true, threads: 1 }, newControl())
    t.is(encodedWords(characters, ['abc é', '字<|endoftext|>b']), 8)
  } finally {
    await rm(folder, { recursive: true })
  }
})
