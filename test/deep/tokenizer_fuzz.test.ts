/** Random texts of all classes of characters: training by the definition, encoding by Hugging Face's library. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { Tokenizer as RustTokenizer } from 'tokenizers'
import { native } from '../../ts/native.js'
import { countWords, mergesOf, nastyText, pieces, randomSource, trainReference } from '../tokenizer/reference.js'

const { train, pretokenize } = native.tokenizerParts

test('tokenizers trained on random texts', async (t) => {
  t.timeout(600_000)
  const folder = await mkdtemp(join(tmpdir(), 'aot-fuzz-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const random = randomSource(Number(process.env.AOT_FUZZ_SEED ?? 1))
  for (let round = 0; round < 300; round++) {
    const text = nastyText(random, [30, 300, 3000, 10_000][random(4)] as number)
    const tokenizer = train([text], [], [], [257, 260, 300, 400, 3000][random(5)] as number)
    await tokenizer.save(folder)
    const path = join(folder, 'tokenizer.json')
    const merges = mergesOf(await readFile(path, 'utf8'))
    if (text.length < 1000) t.deepEqual(merges, trainReference(countWords(text), merges.length + 257))
    const rust = RustTokenizer.fromFile(path)
    for (let i = 0; i < 10; i++) {
      const other = nastyText(random, 2000) + (random(2) ? '<|endoftext|>' : '') + text.slice(0, random(1000))
      const ids = [...tokenizer.encode(other)]
      const expected = (await rust.encode(other)).getIds()
      if (ids.join() !== expected.join()) t.fail(`round ${round}: ${JSON.stringify([text, other])}`)
    }
  }
})

test('pieces of random texts', (t) => {
  const random = randomSource(Number(process.env.AOT_FUZZ_SEED ?? 1) + 1)
  for (let round = 0; round < 30_000; round++) {
    const text = nastyText(random, 1 + random(400))
    let at = 0
    const expected = pieces(text).map((piece) => {
      at += Buffer.byteLength(piece)
      return at - Buffer.byteLength(piece)
    })
    for (const implementation of ['scalar', 'avx2', 'avx512'] as const) {
      const starts = pretokenize(text, implementation)
      if (starts && starts.join() !== expected.join()) t.fail(`${implementation}: ${JSON.stringify(text)}`)
    }
  }
  t.pass()
})
