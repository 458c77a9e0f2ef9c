import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { type NativeTokenizer, native } from '../../ts/native.js'
import type { NativeUnit } from '../../ts/native_units.js'
import { newControl } from '../../ts/tokenize/job.js'
import { encode, readTokens, temporaryFolder, train, writeFiles } from './support.js'

const plan = 'a'.repeat(32)
const emoji = '\u{1f600}'

/** Texts with everything that a cut may get wrong. */
const nasty = [
  "it's\nI'll 'tis x'lly y' z''s\n\n  two  spaces \t\n.\n !? 12a3 '' 's 'S\n",
  `日本語。\n次の行、${emoji}x ${emoji}\u3000全角 \u00a0nbsp\u0085nel\u2028sep\u2029para\n한국어 é\u0301e`,
  'a\r\nb\rc\r\r\nd \r\n e\r\n\r\n.x\r',
  'x<|endoftext|>y <|endoftext|> <|endoftext|>\n\n<|endof <|<|endoftext|>|> a<|b|>c',
  '\ufeffbom \ufeff inside\ufeff\nx\ufeff',
  '\0nul\0\0 \u0001a\u001f b\u200b\u180e',
]
const invalid = [
  [0x61, 0xff, 0x62, 0x20, 0xe6, 0x97, 0x0a, 0x63],
  [0xe6, 0x97, 0xa5, 0xa5, 0x80, 0x41, 0xf0, 0x9f, 0x98, 0x2e, 0xc3, 0xa9, 0xc3],
  [...Buffer.from('<|endof'), 0xff, ...Buffer.from('text|>x <|endoftext'), 0xe6, 0x97, ...Buffer.from('|>.')],
  [0x0d, 0xff, 0x0a, 0x61, 0x0d, 0xe2, 0x80, 0xa8, 0x2e, 0x0a],
].map((bytes) => Buffer.from(bytes))
const texts = [...nasty.map((text) => Buffer.from(text)), ...invalid, Buffer.concat(invalid)]

function unit(number: number, file: string, size: number, ends: number[]): NativeUnit {
  const stretches = ends.map((end, index) => ({ file, begin: ends[index - 1] ?? 0, end, size }))
  return { number, stretches }
}

async function encodeUnits(t: ExecutionContext, tokenizer: NativeTokenizer, units: NativeUnit[], threads = 2) {
  const folder = temporaryFolder(t)
  await native.encodeUnits(tokenizer, units, { folder, plan, single: null, threads, dtype: 'int32' }, newControl())
  return {
    folder,
    file: (number: number, suffix: string) => join(folder, `${String(number).padStart(5, '0')}.${suffix}`),
  }
}

test('the two parts of every cut that may be made give the ids of the whole', async (t) => {
  const folder = temporaryFolder(t)
  const sources = writeFiles(folder, Object.fromEntries(texts.map((text, index) => [`${index}.txt`, text])))
  const bpe = (await train(sources, 340)).tokenizer
  const char = (await native.trainCharFiles(sources, { unknown: false, threads: 1 }, newControl())).tokenizer
  const tokenizers = [bpe, bpe.withSpecialTokens(['<|b|>', '|>y', ' <|endof <', '語。\n次', "'tis x"]), char]
  let cuts = 0
  for (const tokenizer of tokenizers) {
    for (const [index, text] of texts.entries()) {
      const file = sources[index] as string
      const whole = (await encode(tokenizer, [file], join(folder, 'whole.h5'))).ids
      const places = native.safeCuts(tokenizer, text)
      cuts += places.length
      if (places.length === 0) continue
      // One after the other in one unit: a file for each would take its time to reach the disk.
      const size = text.length
      const stretches = places.flatMap((place) => unit(0, file, size, [place, size]).stretches)
      const { file: shard } = await encodeUnits(t, tokenizer, [{ number: 0, stretches }])
      const ids = readTokens(shard(0, 'h5'))
      t.is(ids.length, places.length * whole.length)
      for (const [number, place] of places.entries()) {
        const parts = ids.slice(number * whole.length, (number + 1) * whole.length)
        t.deepEqual(parts, whole, `text ${index} cut before byte ${place}`)
      }
    }
  }
  t.true(cuts > 350, `${cuts} cuts`)
})

test('no cut lies in a character, a line end, a contraction, an added token, or between characters of one class', async (t) => {
  const cutsOf = (text: string, tokenizer: NativeTokenizer | null = null, at?: 'characters') =>
    native.safeCuts(tokenizer, Buffer.from(text), at)
  t.deepEqual(cutsOf('ab'), [])
  t.deepEqual(cutsOf('ab cd'), [2])
  t.deepEqual(cutsOf('a\r\nb'), [1])
  t.deepEqual(cutsOf("a's"), [1])
  t.deepEqual(cutsOf('é.é'), [2, 3])
  t.deepEqual(cutsOf('aé日', null, 'characters'), [1, 3])
  t.deepEqual(cutsOf('a\r\nb', null, 'characters'), [1, 3])
  const folder = temporaryFolder(t)
  const { tokenizer } = await train(writeFiles(folder, { 'a.txt': 'a' }), 257)
  t.deepEqual(cutsOf('a<|endoftext|>b', tokenizer), [1, 14])
  t.deepEqual(cutsOf('a<|endoftext>b', tokenizer), [1, 3, 12, 13])
})

test('cuts are found from a place on, in files of any size', async (t) => {
  const folder = temporaryFolder(t)
  const text = `${'word '.repeat(60_000)}${'x'.repeat(200_000)}. ${'日本語'.repeat(30_000)}`
  const [file] = writeFiles(folder, { 'a.txt': text }) as [string]
  const size = Buffer.byteLength(text)
  const places = [1, 2, 4, 5, 65_535, 65_536, 299_998, 299_999, 300_001, 400_000, 500_001, 500_002, 500_003, size]
  const requests = places.map((at) => ({ file, at, size }))
  const cuts = await native.findCuts(null, requests, { threads: 2 }, newControl())
  const all = native.safeCuts(null, Buffer.from(text))
  t.deepEqual(
    cuts,
    places.map((at) => all.find((cut) => cut >= at) ?? size),
  )
  await t.throwsAsync(
    native.findCuts(null, [{ file: join(folder, 'b'), at: 1, size: 2 }], { threads: 1 }, newControl()),
    {
      code: 'AOT_IO',
    },
  )
})

test('units of any size give the ids of the whole, and entries that say what they are of', async (t) => {
  const folder = temporaryFolder(t)
  const text = nasty.join('\n').repeat(4)
  const [file] = writeFiles(folder, { 'a.txt': text }) as [string]
  const size = Buffer.byteLength(text)
  const { tokenizer } = await train([file], 400)
  const whole = await encode(tokenizer, [file], join(folder, 'whole.h5'))
  for (const step of [11, 100, 700, size]) {
    const requests = Array.from({ length: Math.ceil(size / step) }, (_, i) => ({ file, at: (i + 1) * step, size }))
    const ends = [...new Set(await native.findCuts(tokenizer, requests, { threads: 1 }, newControl()))]
    const units = ends.map((end, number) => ({
      number,
      stretches: [{ file, begin: ends[number - 1] ?? 0, end, size }],
    }))
    const control = newControl()
    const { file: shard } = await encodeUnits(t, tokenizer, units)
    const ids = ends.flatMap((_, number) => {
      const [line = '', digest] = readFileSync(shard(number, 'json'), 'utf8').split('\n')
      const entry = JSON.parse(line)
      const stored = readFileSync(shard(number, 'h5'))
      t.is(native.digestOf(line), digest as string)
      t.is(entry.unit, number)
      t.is(entry.plan, plan)
      t.is(entry.shard_bytes, stored.length)
      t.is(entry.data, native.digestOf(stored.subarray(stored.length - entry.tokens * 4)))
      t.is(entry.header, native.digestOf(stored.subarray(0, stored.length - entry.tokens * 4)))
      t.is(entry.text_bytes, (ends[number] as number) - (ends[number - 1] ?? 0))
      t.is(entry.input, native.digestOf(readFileSync(file).subarray(ends[number - 1] ?? 0, ends[number])))
      return [...(entry.tokens === 0 ? [] : readTokens(shard(number, 'h5')))]
    })
    t.deepEqual(Int32Array.from(ids), whole.ids, `units of ${step}`)
    t.deepEqual(
      await native.digestUnits(units, { threads: 2 }, control),
      ends.map((_, number) => JSON.parse(readFileSync(shard(number, 'json'), 'utf8').split('\n')[0] as string).input),
    )
    t.is(control.progress[0], size)
  }
})

test('threads and what was encoded before change nothing in a shard', async (t) => {
  const folder = temporaryFolder(t)
  const text = 'The cat sat on the mat, the end. '.repeat(60_000)
  const [file] = writeFiles(folder, { 'a.txt': text }) as [string]
  const size = text.length
  const { tokenizer } = await train([file], 300)
  const middle = native.safeCuts(null, Buffer.from(text.slice(0, 1000)))[40] as number
  const units = [unit(0, file, size, [middle]), { number: 1, stretches: [{ file, begin: middle, end: size, size }] }]
  const one = await encodeUnits(t, tokenizer, units, 1)
  for (const threads of [2, 5]) {
    const other = await encodeUnits(t, tokenizer, units, threads)
    for (const number of [0, 1]) {
      t.true(readFileSync(other.file(number, 'h5')).equals(readFileSync(one.file(number, 'h5'))))
      t.true(readFileSync(other.file(number, 'json')).equals(readFileSync(one.file(number, 'json'))))
    }
  }
  const single = join(folder, 'single.h5')
  const alone = temporaryFolder(t)
  const control = newControl()
  const options = { folder: alone, plan, single, threads: 3, dtype: 'int32' as const }
  await native.encodeUnits(tokenizer, [unit(0, file, size, [size])], options, control)
  await encode(tokenizer, [file], join(folder, 'whole.h5'), { dtype: 'int32' })
  t.true(readFileSync(single).equals(readFileSync(join(folder, 'whole.h5'))))
  const entry = JSON.parse(readFileSync(join(alone, '00000.json'), 'utf8').split('\n')[0] as string)
  t.is(entry.shard, '../single.h5')
  t.deepEqual([...control.progress], [size, 0, entry.tokens, entry.words])
})

test('a file that is not as it was planned ends the work; what is finished stays', async (t) => {
  const folder = temporaryFolder(t)
  const files = writeFiles(folder, { 'a.txt': 'some text', 'b.txt': 'other text' }) as [string, string]
  const { tokenizer } = await train(files, 260)
  const units = files.map((file, number) => unit(number, file, 9 + number, [9 + number]))
  for (const change of [() => writeFileSync(files[1], 'longer than before'), () => truncateSync(files[1], 3)]) {
    change()
    const out = temporaryFolder(t)
    const options = { folder: out, plan, single: null, threads: 1, dtype: 'uint16' as const }
    await t.throwsAsync(native.encodeUnits(tokenizer, units, options, newControl()), {
      code: 'AOT_DATA',
      message: /b\.txt has changed: it has \d+ bytes and had 10 when the work was planned; leave the text/,
    })
    t.is(readTokens(join(out, '00000.h5')).length > 0, true)
    t.throws(() => readFileSync(join(out, '00001.json')), { code: 'ENOENT' })
    t.throws(() => readFileSync(join(out, '00001.h5.tmp')), { code: 'ENOENT' })
  }
})

test('a file that changes while it is read ends the work', async (t) => {
  const folder = temporaryFolder(t)
  const [file] = writeFiles(folder, { 'a.txt': 'The cat sat on the mat. '.repeat(2_000_000) }) as [string]
  const size = 48_000_000
  const { tokenizer } = await train(writeFiles(folder, { 'b.txt': 'a' }), 257)
  for (const [change, how] of [
    [() => appendFileSync(file, 'more'), 'it was written to while it was read'],
    [() => truncateSync(file, size - 1000), 'it became shorter while it was read'],
  ] as const) {
    truncateSync(file, size)
    const control = newControl()
    const options = { folder, plan, single: null, threads: 1, dtype: 'uint16' as const }
    const work = native.encodeUnits(tokenizer, [unit(0, file, size, [size])], options, control)
    while (control.progress[0] === 0) await setTimeout(1)
    change()
    await t.throwsAsync(work, { code: 'AOT_DATA', message: new RegExp(`a\\.txt has changed: ${how}`) })
    t.throws(() => readFileSync(join(folder, '00000.json')), { code: 'ENOENT' })
  }
})

test('counts of units give the tokenizer of the whole', async (t) => {
  const folder = temporaryFolder(t)
  const text = nasty.join('\n').repeat(3)
  const [file] = writeFiles(folder, { 'a.txt': text }) as [string]
  const size = Buffer.byteLength(text)
  const cuts = native.safeCuts(null, Buffer.from(text)).filter((_, index) => index % 23 === 0)
  const ends = [...cuts, size]
  const units = ends.map((end, number) => ({ number, stretches: [{ file, begin: ends[number - 1] ?? 0, end, size }] }))
  const paths = ends.map((_, number) => join(folder, `${String(number).padStart(5, '0')}.counts`))
  const model = (tokenizer: NativeTokenizer) =>
    Array.from({ length: tokenizer.vocabSize }, (_, id) => tokenizer.idToToken(id))

  await native.countUnits(units, { folder, plan, threads: 2, kind: 'words' }, newControl())
  const whole = await train([file], 500)
  const counted = await native.trainCounts(paths, { plan, vocabSize: 500 }, newControl())
  t.deepEqual(model(counted.tokenizer), model(whole.tokenizer))
  t.deepEqual({ ...counted, tokenizer: null }, {
    ...whole,
    tokenizer: null,
    text: { ...whole.text, files: ends.length },
  } as never)
  const first = await native.checkCounts(paths[0] as string, plan)
  t.is(first.unit, 0)
  t.is(first.text.bytes, ends[0] as number)

  await native.countUnits(units, { folder, plan, threads: 2, kind: 'characters' }, newControl())
  const wholeChar = await native.trainCharFiles([file], { unknown: true, threads: 1 }, newControl())
  const countedChar = await native.trainCharCounts(paths, { plan, unknown: true }, newControl())
  t.deepEqual(model(countedChar.tokenizer), model(wholeChar.tokenizer))
  t.is(countedChar.occurrences, wholeChar.occurrences)
  await t.throwsAsync(native.trainCounts(paths, { plan, vocabSize: 500 }, newControl()), { code: 'AOT_DATA' })
})

test('more distinct words than a thread remembers are counted in several goes', async (t) => {
  const folder = temporaryFolder(t)
  const words = Array.from({ length: 900_000 }, (_, index) =>
    (index * 7919 + 36 ** 5).toString(25).replaceAll(/\d/g, (digit) => 'pqrstuvwxy'[Number(digit)] as string),
  )
  const [file] = writeFiles(folder, { 'a.txt': [...words, ...words.slice(0, 1000)].join(' ') }) as [string]
  const size = readFileSync(file).length
  await native.countUnits([unit(0, file, size, [size])], { folder, plan, threads: 1, kind: 'words' }, newControl())
  const options = { plan, vocabSize: 300 }
  const counted = await native.trainCounts([join(folder, '00000.counts')], options, newControl())
  const whole = await train([file], 300)
  t.true(whole.words >= 900_000)
  t.is(counted.words, whole.words)
  t.is(counted.occurrences, whole.occurrences)
})

test('a damaged file of counts is noticed, whatever the damage', async (t) => {
  const folder = temporaryFolder(t)
  const [file] = writeFiles(folder, { 'a.txt': 'one two two three' }) as [string]
  await native.countUnits([unit(0, file, 17, [17])], { folder, plan, threads: 1, kind: 'words' }, newControl())
  const path = join(folder, '00000.counts')
  const whole = readFileSync(path)
  const refused = { code: 'AOT_DATA', message: /word counts .*00000\.counts .*: delete the file, and they are counted/ }
  await t.notThrowsAsync(native.checkCounts(path, plan))
  await t.throwsAsync(native.checkCounts(path, 'b'.repeat(32)), { ...refused, message: /are of another text/ })
  for (let at = 0; at < whole.length - 1; at++) {
    const damaged = Buffer.from(whole)
    damaged[at] = (damaged[at] as number) ^ (1 << (at % 8))
    writeFileSync(path, damaged)
    await t.throwsAsync(native.checkCounts(path, plan), refused, `bit of byte ${at}`)
    writeFileSync(path, whole.subarray(0, at))
    await t.throwsAsync(native.trainCounts([path], { plan, vocabSize: 300 }, newControl()), refused, `cut to ${at}`)
  }
})
