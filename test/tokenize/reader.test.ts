import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { native, packageRoot } from '../../ts/native.js'
import { newControl } from '../../ts/tokenize/job.js'
import { encode, temporaryFolder, train, writeFiles } from './support.js'

interface Case {
  hex: string
  text: string
  dropped: number
}

const cases = JSON.parse(readFileSync(join(packageRoot, 'test/goldens/cleaning/cases.json'), 'utf8')) as Case[]

test('files are cleaned as Python reads them, wherever the chunks end', async (t) => {
  const folder = temporaryFolder(t)
  const out = join(folder, 'out.h5')
  const files = writeFiles(
    folder,
    Object.fromEntries(cases.map(({ hex }, index) => [`${index}.txt`, Buffer.from(hex, 'hex')])),
  )
  const text = cases.map((one) => one.text).join('')
  const bytes = cases.reduce((sum, one) => sum + one.hex.length / 2, 0)
  const dropped = cases.reduce((sum, one) => sum + one.dropped, 0)
  t.true(dropped > 500)
  // 257 tokens: an id a byte.
  const { tokenizer } = await train(files, 257)
  for (const chunkBytes of [1, 2, 3, 5, 8, 13, 64, 4096]) {
    const { ids, text: report } = await encode(tokenizer, files, out, { chunkBytes })
    t.is(ids.length, Buffer.byteLength(text))
    const got = tokenizer.decode(ids)
    let at = 0
    const wrong = cases.find((one) => {
      at += one.text.length
      return got.slice(at - one.text.length, at) !== one.text
    })
    t.is(wrong, undefined, `chunks of ${chunkBytes}`)
    t.deepEqual(report, { files: cases.length, bytes, invalidBytes: dropped, cutPieces: 0 })
  }
})

test('cleaning does not depend on where a read ends', async (t) => {
  const folder = temporaryFolder(t)
  // Reads are of 512 KiB: put everything that spans bytes on every side of that border.
  const special = Buffer.from('\r\n\u2028é日\u{1f600}\r\r\n', 'utf8')
  const { tokenizer } = await train(writeFiles(folder, { 'a.txt': 'a' }), 257)
  for (let shift = 0; shift <= special.length + 1; shift++) {
    const before = 'x y\n'.repeat(131072).slice(0, 512 * 1024 + 4 - shift)
    const [file] = writeFiles(folder, { 'border.txt': Buffer.concat([Buffer.from(before), special]) })
    const { ids } = await encode(tokenizer, [file as string], join(folder, 'out.h5'))
    t.is(tokenizer.decode(ids.slice(before.length)), '\n\né日\u{1f600}\n\n', `shift ${shift}`)
  }
})

test('a word longer than 1 MiB is cut there, in whole characters, and counted', async (t) => {
  const folder = temporaryFolder(t)
  const mebi = 1 << 20
  const { tokenizer } = await train(writeFiles(folder, { 'a.txt': 'a' }), 257)
  const cutPieces = async (text: string, chunkBytes: number) => {
    const [file] = writeFiles(folder, { 'long.txt': text })
    const { ids, text: report } = await encode(tokenizer, [file as string], join(folder, 'out.h5'), { chunkBytes })
    t.is(ids.length, Buffer.byteLength(text))
    return report.cutPieces
  }
  for (const chunkBytes of [1 << 16, 1 << 19, mebi + 1, 1 << 30]) {
    t.is(await cutPieces(`begin ${'a'.repeat(mebi - 1)} end`, chunkBytes), 0)
    t.is(await cutPieces(`begin${'a'.repeat(mebi - 5)} end`, chunkBytes), 0)
    t.is(await cutPieces(`begin${'a'.repeat(mebi - 4)} end`, chunkBytes), 1)
    t.is(await cutPieces(`begin${' '.repeat(mebi + 1)}end`, chunkBytes), 0)
    t.is(await cutPieces(`begin${' '.repeat(mebi + 2)}end`, chunkBytes), 1)
    t.is(await cutPieces(`日本${'語'.repeat(mebi)}!`, chunkBytes), 3)
    t.is(await cutPieces(`${'word '.repeat(mebi / 2)}`, chunkBytes), 0)
  }
})

test('where a long word is cut shows in the words that are counted', async (t) => {
  const folder = temporaryFolder(t)
  const files = writeFiles(folder, { 'a.txt': `x ${'b'.repeat((1 << 20) + 9)} ${'b'.repeat(10)}` })
  for (const chunkBytes of [1000, 1 << 19, 1 << 30]) {
    // 'x', ' b...b' of 1 MiB, the ten that are left, ' b...b'
    const { words, occurrences, text } = await train(files, 258, { chunkBytes })
    t.deepEqual({ words, occurrences, cut: text.cutPieces }, { words: 4, occurrences: 4, cut: 1 })
  }
  // 1 MiB of white space, and one more that belongs to the word: seen without that word, it is not too long yet.
  const spaces = writeFiles(folder, { 'b.txt': `begin${' '.repeat((1 << 20) + 1)}y` })
  for (const chunkBytes of [1000, (1 << 20) + 1, 1 << 30]) {
    const { words, text } = await train(spaces, 258, { chunkBytes })
    t.deepEqual({ words, cut: text.cutPieces }, { words: 3, cut: 0 })
  }
})

test('what cannot be read says so in one line', async (t) => {
  const folder = temporaryFolder(t)
  const [empty, bytes] = writeFiles(folder, { 'empty.txt': '', 'bytes.txt': Buffer.from([0xff, 0xfe]) }) as [
    string,
    string,
  ]
  await t.throwsAsync(train([join(folder, 'none.txt')], 300), {
    code: 'AOT_IO',
    message: `cannot read ${folder}/none.txt: No such file or directory; check that it is there and that you may read it`,
  })
  await t.throwsAsync(train([folder], 300), { code: 'AOT_IO', message: /^cannot read .*: it is a folder; / })
  await t.throwsAsync(train([empty], 300), {
    code: 'AOT_DATA',
    message: 'there is no text to tokenize: the file holds none; give files with UTF-8 text',
  })
  await t.throwsAsync(train([empty, bytes], 300), {
    code: 'AOT_DATA',
    message:
      'there is no text to tokenize: the files hold none (only bytes that are not UTF-8); give files with UTF-8 text',
  })
})

test('arguments are checked', async (t) => {
  const control = newControl()
  const call = (...args: unknown[]) => (native.trainFiles as unknown as (...args: unknown[]) => unknown)(...args)
  const options = { vocabSize: 300, threads: 1 }
  for (const [args, message] of [
    [[], 'files must be an array of at least one path'],
    [[[], options, control], 'files must be an array of at least one path'],
    [[[1], options, control], 'each of files must be a string'],
    [[['a'], undefined, control], 'options must be an object'],
    [[['a'], { ...options, vocabSize: 256 }, control], 'vocabSize must be a whole number from 257 to 2147483647'],
    [[['a'], { ...options, threads: 0 }, control], 'threads must be a whole number from 1 to 1024'],
    [[['a'], options, undefined], 'control must be an object'],
    [[['a'], options, { ...control, progress: new Float64Array(1) }], 'control.progress must be a Float64Array of 4'],
    [[['a'], options, { ...control, stop: new Float64Array(1) }], 'control.stop must be an Int32Array'],
  ] as [unknown[], string][]) {
    t.throws(() => call(...args), { code: 'AOT_CONFIG', message })
  }
})
