import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { type NativeTokenizer, native } from '../../ts/native.js'
import { corpora, countWords, goldens, mergesOf, nastyText, randomSource, trainReference } from './reference.js'

const { train } = native.tokenizerParts

/** The tokenizer.json that the tokenizer saves. */
async function savedJson(tokenizer: NativeTokenizer): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'aot-trainer-'))
  try {
    await tokenizer.save(folder)
    return await readFile(join(folder, 'tokenizer.json'), 'utf8')
  } finally {
    await rm(folder, { recursive: true })
  }
}

test('trained files equal those of Hugging Face, byte by byte', async (t) => {
  const texts = corpora()
  for (const golden of goldens.trained) {
    const tokenizer = train([texts[golden.corpus]], [], [], golden.vocabSize)
    const file = await savedJson(tokenizer)
    t.is(tokenizer.vocabSize, golden.vocabulary)
    t.deepEqual(JSON.parse(file).model.merges.slice(0, 40), golden.firstMerges, golden.corpus)
    t.is(createHash('sha256').update(file).digest('hex'), golden.sha256, `${golden.corpus} ${golden.vocabSize}`)
  }
})

test('merges equal those of the definition on random texts', async (t) => {
  const random = randomSource(3)
  for (let i = 0; i < 60; i++) {
    const text = nastyText(random, 1 + random(400))
    const vocabSize = 257 + random(120)
    const merges = mergesOf(await savedJson(train([text], [], [], vocabSize)))
    t.deepEqual(merges, trainReference(countWords(text), vocabSize), JSON.stringify(text))
  }
})

test('counts have 64 bits', async (t) => {
  // In 32 bits, the first three would count 0, 1 and 5.
  const words = ['ab', 'cd', 'ef', 'gh']
  const counts = [2 ** 32, 2 ** 32 + 1, 2 ** 40 + 5, 9]
  const merges = JSON.parse(await savedJson(train([], words, counts, 300))).model.merges
  t.deepEqual(merges, ['e f', 'c d', 'a b', 'g h'])
  // A pair's count in 64 bits, from word counts that fit in 32.
  const many = Array.from({ length: 40 }, (_, i) => `${String.fromCharCode(65 + i)}xy`)
  const sum = await savedJson(train([], [...many, 'uv'], [...many.map(() => 2 ** 31), 2 ** 32 - 1], 259))
  t.deepEqual(JSON.parse(sum).model.merges, ['x y', 'u v'])
  const random = randomSource(4)
  for (let i = 0; i < 10; i++) {
    const weighted = new Map([...countWords(nastyText(random, 200)).keys()].map((word) => [word, 1 + random(2 ** 43)]))
    const file = await savedJson(train([], [...weighted.keys()], [...weighted.values()], 320))
    t.deepEqual(mergesOf(file), trainReference(weighted, 320))
  }
})

test('counts of texts and of words add up, whatever their order', async (t) => {
  const text = corpora().fr
  const lines = text.split(/(?<=\n)/)
  const whole = await savedJson(train(lines, [], [], 600))
  t.is(await savedJson(train([...lines].reverse(), [], [], 600)), whole)
  const counts = new Map<string, number>()
  for (const line of lines)
    for (const [word, count] of countWords(line)) counts.set(word, (counts.get(word) ?? 0) + count)
  t.is(await savedJson(train([], [...counts.keys()], [...counts.values()], 600)), whole)
  const words = [...counts].flatMap(([word, count]) => Array<string>(count).fill(word))
  const ones = words.map(() => 1)
  t.is(await savedJson(train([], [...words].reverse(), ones, 600)), whole)
})

test('the merges of a small vocabulary begin those of a large one, also past 2^16 ids', async (t) => {
  const random = randomSource(5)
  const letters = [...'abcdefghijklmnopqrstuvwxyz']
  const word = () => ` ${Array.from({ length: 3 + random(10) }, () => letters[random(26)]).join('')}`
  const text = Array.from({ length: 60_000 }, word).join('')
  const large = mergesOf(await savedJson(train([text], [], [], 80_000)))
  t.is(large.length, 80_000 - 257)
  t.deepEqual(mergesOf(await savedJson(train([text], [], [], 65_000))), large.slice(0, 65_000 - 257))
})

test('without pairs, and with few ids, there are no merges', async (t) => {
  t.is(train([], [], [], 1000).vocabSize, 257)
  t.is(train([''], [], [], 1000).vocabSize, 257)
  t.is(train(['a b c'], [], [], 257).vocabSize, 257)
  t.is(train(['aa'], [], [], 1).vocabSize, 257)
  t.is(train(['a b c'], [], [], 2 ** 31 - 1).vocabSize, 259)
  const file = await savedJson(train([], [], [], 257))
  t.true(file.endsWith('"merges": []\n  }\n}'))
  t.is(JSON.parse(file).model.vocab['<|endoftext|>'], 0)
})

test('<|endoftext|> in a training text is plain text', async (t) => {
  const { vocab } = JSON.parse(await savedJson(train(['<|endoftext|>'.repeat(50)], [], [], 300))).model
  t.true('endoftext' in vocab)
  t.true('<|' in vocab)
})

test('words whose pairs touch each other for thousands of places', async (t) => {
  for (const word of ['ab'.repeat(3000), 'a'.repeat(5000), 'abcab'.repeat(1500)]) {
    const merges = mergesOf(await savedJson(train([word], [], [], 300)))
    t.deepEqual(merges, trainReference(new Map([[word, 1]]), 300), word.slice(0, 6))
  }
})

test('a word of millions of characters trains', async (t) => {
  const tokenizer = train(['ab'.repeat(2_000_000)], [], [], 275)
  t.is(tokenizer.vocabSize, 275)
  const merges = JSON.parse(await savedJson(tokenizer)).model.merges
  t.deepEqual(merges.slice(0, 3), ['a b', 'ab ab', 'abab abab'])
})
