import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Tokenizer as HuggingFaceTokenizer } from 'tokenizers'
import { native } from '../../ts/native.js'
import { newControl } from '../../ts/tokenize/job.js'
import { encode, readTokens, temporaryFolder, train, writeFiles } from './support.js'

/** Text that is hard to cut: every file is one sequence to Hugging Face. */
const nasty: Record<string, string | Buffer> = {
  'a.txt': "The quick brown fox's tail; they'll say 'twas   odd.\n\n\n  Indented\tand tabbed   \r\nnext line  ",
  'b.txt': `L'été où l’œuvre « naît » — déjà vu…\u00a0!\u2028${'日本語の文章です。'.repeat(5)}\u3000全角　空白  ٣٤٥ ½ Ⅷ\n`,
  'c.txt': '👩‍👩‍👧‍👦 e\u0301 \u200b\ufeff \u0000\u0001 \x85 a\u0085b x\u1680y \r\r\n \n \t\n',
  'd.txt': '<|endoftext|>start <|endoftext|><|endoftext|>  <|endoftext|>\n<|endof text|> <|endoftext| ><|endoftext|>',
  'e.txt': `${'ab'.repeat(3000)} ${' '.repeat(777)}x${'\n'.repeat(333)}${"'s".repeat(100)}${'!?'.repeat(400)}`,
  'f.txt': Buffer.concat([
    Buffer.from('\ufeffmark '),
    Buffer.from([0xff, 0x20, 0xe2, 0x82, 0x20, 0xf0, 0x9f, 0x98]),
    Buffer.from('tail'),
  ]),
  'g.txt': '',
}

async function huggingFaceIds(folder: string, texts: string[]): Promise<number[]> {
  const tokenizer = HuggingFaceTokenizer.fromFile(join(folder, 'tokenizer.json'))
  const ids: number[] = []
  for (const text of texts) ids.push(...(await tokenizer.encode(text)).getIds())
  return ids
}

/** What the reader makes of valid text. */
const cleaned = (text: string) =>
  text
    .replace(/^\ufeff/, '')
    .replaceAll('\r\n', '\n')
    .replaceAll(/[\r\u2028\u2029]/g, '\n')

test("equals Hugging Face's ids of each file as one sequence, for any threads and chunks", async (t) => {
  const folder = temporaryFolder(t)
  const files = writeFiles(folder, nasty)
  const { tokenizer } = await train(files, 450)
  t.is(tokenizer.vocabSize, 450)
  await tokenizer.save(join(folder, 'tokenizer'))
  const texts = Object.values(nasty).map((text) => cleaned(typeof text === 'string' ? text : 'mark   tail'))
  const expected = await huggingFaceIds(join(folder, 'tokenizer'), texts)
  t.true(expected.includes(0))
  const out = join(folder, 'out.h5')
  let first: Buffer | undefined
  for (const chunkBytes of [1, 2, 3, 7, 16, 61, 500, undefined]) {
    for (const threads of [1, 2, 5]) {
      const options = chunkBytes === undefined ? { threads } : { threads, chunkBytes }
      const { ids, tokens, dtype, text } = await encode(tokenizer, files, out, options)
      t.deepEqual(Array.from(ids), expected, `chunks of ${chunkBytes}, ${threads} threads`)
      t.is(tokens, expected.length)
      t.is(dtype, 'uint16')
      t.is(text.invalidBytes, 6)
      first ??= readFileSync(out)
      t.true(readFileSync(out).equals(first), 'the files are equal byte for byte')
    }
  }
  t.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith('.tmp')),
    [],
  )
})

test('training does not depend on threads or chunks, and sees added tokens as text', async (t) => {
  const folder = temporaryFolder(t)
  const files = writeFiles(folder, nasty)
  const saved = async (options: { threads?: number; chunkBytes?: number }) => {
    const { tokenizer, words, occurrences } = await train(files, 450, options)
    const out = join(folder, 'trained')
    await tokenizer.save(out)
    return { words, occurrences, json: readFileSync(join(out, 'tokenizer.json'), 'utf8') }
  }
  const one = await saved({})
  const { merges } = (JSON.parse(one.json) as { model: { merges: string[] } }).model
  t.true(merges.includes('endof text') || merges.includes('end oftext'), merges.slice(0, 20).join(', '))
  for (const options of [{ threads: 4, chunkBytes: 1 }, { chunkBytes: 5 }, { threads: 3, chunkBytes: 100 }]) {
    t.deepEqual(await saved(options), one)
  }
})

test('added tokens of other tokenizers are never cut', async (t) => {
  const folder = temporaryFolder(t)
  const text =
    "one<mask>  two  <mask>\n<mask>3<mask><|endoftext|>xxxxx'xx <sep>\n\n<sep> <sep> \n q<se p><sep>! <mas<mask>k>  "
  const files = writeFiles(folder, { 'a.txt': text.repeat(7) })
  const { tokenizer } = await train(files, 300)
  const saved = join(folder, 'tokenizer')
  await tokenizer.save(saved)
  const file = join(saved, 'tokenizer.json')
  const json = JSON.parse(readFileSync(file, 'utf8'))
  const base = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
  const first = tokenizer.vocabSize
  json.added_tokens.push(
    { ...base, id: first, content: '<mask>', lstrip: true },
    { ...base, id: first + 1, content: '<sep>', rstrip: true },
    { ...base, id: first + 2, content: "x'x" },
    { ...base, id: first + 3, content: '\n\n', special: false, normalized: true },
  )
  writeFileSync(file, JSON.stringify(json))
  const expected = await huggingFaceIds(saved, [text.repeat(7)])
  for (const id of [0, first, first + 1, first + 2]) t.true(expected.includes(id), `${id}`)
  const loaded = native.Tokenizer.load(saved)
  for (const chunkBytes of [1, 2, 3, 4, 5, 6, 9, 14, 30, 1000]) {
    const { ids } = await encode(loaded, files, join(folder, 'out.h5'), { chunkBytes })
    t.deepEqual(Array.from(ids), expected, `chunks of ${chunkBytes}`)
  }
})

test('dtype', async (t) => {
  const folder = temporaryFolder(t)
  const files = writeFiles(folder, { 'a.txt': 'some text, some more text' })
  const out = join(folder, 'out.h5')
  const { tokenizer } = await train(files, 260)
  const short = await encode(tokenizer, files, out, { dtype: 'uint16' })
  const long = await encode(tokenizer, files, out, { dtype: 'int32' })
  t.deepEqual([short.dtype, long.dtype], ['uint16', 'int32'])
  t.deepEqual(long.ids, short.ids)

  // 65536 ids are the most that fit.
  const saved = join(folder, 'tokenizer')
  await tokenizer.save(saved)
  const file = join(saved, 'tokenizer.json')
  const json = JSON.parse(readFileSync(file, 'utf8'))
  const base = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
  const addUpTo = (count: number) => {
    for (let id = 260 + json.added_tokens.length - 1; id < count; id++) {
      json.added_tokens.push({ ...base, id, content: `<${id}>` })
    }
    writeFileSync(file, JSON.stringify(json))
    return native.Tokenizer.load(saved)
  }
  const fits = addUpTo(65536)
  t.is(fits.vocabSize, 65536)
  t.is((await encode(fits, files, out)).dtype, 'uint16')
  const tooMany = addUpTo(65537)
  t.is(tooMany.vocabSize, 65537)
  t.is((await encode(tooMany, files, out)).dtype, 'int32')
  await t.throwsAsync(encode(tooMany, files, out, { dtype: 'uint16' }), {
    code: 'AOT_CONFIG',
    message: 'uint16 holds ids below 65536, the tokenizer has 65537: use the dtype int32 or auto',
  })
})

test('stopping leaves nothing behind', async (t) => {
  const folder = temporaryFolder(t)
  const files = writeFiles(folder, { 'a.txt': 'some words of text\n'.repeat(200000) })
  const { tokenizer } = await train(files, 300)
  const stopped = { ...newControl(), stop: Int32Array.of(1) }
  const options = { threads: 2, dtype: 'auto' as const }
  const out = join(folder, 'out.h5')
  const expected = { code: 'AOT_CONFIG', message: /stop/ }
  await t.throwsAsync(native.encodeFiles(tokenizer, files, out, options, stopped), expected)
  await t.throwsAsync(native.trainFiles(files, { vocabSize: 300, threads: 2 }, stopped), expected)
  await t.throwsAsync(native.reverseFile(files[0] as string, out, stopped), expected)
  t.deepEqual(readdirSync(folder), ['a.txt'])

  const control = newControl()
  await native.encodeFiles(tokenizer, files, out, options, control)
  const { length } = readTokens(out)
  t.deepEqual(Array.from(control.progress), [3800000, 3800000, length, 1000000])
})
