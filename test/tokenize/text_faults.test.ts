/** Files whose text is broken or strange: what is dropped is counted, the rest has the ids that its text has alone. */
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { NativeTokenizer } from '../../ts/native.js'
import { encode, temporaryFolder, train, writeFiles } from './support.js'

interface Fault {
  bytes: Buffer
  /** What is tokenized of it. */
  text: string
  invalidBytes?: number
}

const lines = "Ça, c'est l'été: they'd say so.\n\n  日本語の 123 words\n"

async function tokenizerIn(folder: string): Promise<NativeTokenizer> {
  return (await train(writeFiles(folder, { 'train.txt': lines.repeat(3) }), 320)).tokenizer
}

/** All faults as files of one corpus, in chunks of many sizes, must give the ids of their texts, one after the other. */
async function expectIds(t: ExecutionContext, faults: Fault[], chunkSizes = [1, 3, 7, 1 << 19]): Promise<void> {
  const folder = temporaryFolder(t)
  const tokenizer = await tokenizerIn(folder)
  const files = writeFiles(folder, Object.fromEntries(faults.map(({ bytes }, index) => [`${index}.txt`, bytes])))
  const expected = faults.flatMap(({ text }) => [...tokenizer.encode(text)])
  for (const [index, chunkBytes] of chunkSizes.entries()) {
    const threads = 1 + 2 * (index % 2)
    const { ids, text } = await encode(tokenizer, files, join(folder, 'out.h5'), { chunkBytes, threads })
    t.deepEqual(Array.from(ids), expected, `chunks of ${chunkBytes}`)
    t.deepEqual(text, {
      files: faults.length,
      bytes: faults.reduce((sum, { bytes }) => sum + bytes.length, 0),
      invalidBytes: faults.reduce((sum, { invalidBytes }) => sum + (invalidBytes ?? 0), 0),
      cutPieces: 0,
    })
  }
}

const valid = (text: string): Fault => ({ bytes: Buffer.from(text), text })

test('NUL bytes are characters like any other', async (t) => {
  await expectIds(t, [
    valid('\0'),
    valid('\0'.repeat(500)),
    valid(`a\0b \0 c\0\0\n\0${lines}\0`),
    // UTF-16: its byte order mark is no UTF-8, its ASCII stands between NUL bytes.
    { bytes: Buffer.from('\ufeffhello', 'utf16le'), text: 'h\0e\0l\0l\0o\0', invalidBytes: 2 },
  ])
})

/** Bytes that begin no character, or only begin one. */
const broken = ['ff', 'c0af', 'c3', 'e697', 'f09f98', 'eda080', 'f4908080', '80', 'e2ff80'].map((hex) =>
  Buffer.from(hex, 'hex'),
)

test('bytes that are not UTF-8 are dropped at every place of a chunk', async (t) => {
  const text = Buffer.from(lines)
  const faults = broken.flatMap((bytes) =>
    Array.from({ length: 15 }, (_, place): Fault => {
      // Between two characters: place counts those of the text.
      const before = Buffer.from([...lines].slice(0, place).join(''))
      const whole = Buffer.concat([before, bytes, text.subarray(before.length)])
      return { bytes: whole, text: lines, invalidBytes: bytes.length }
    }),
  )
  await expectIds(t, faults, [1, 2, 4, 5, 13])
})

test('bytes that are not UTF-8 are dropped where one read of a file ends and the next begins', async (t) => {
  const readBytes = 512 << 10
  const folder = temporaryFolder(t)
  const tokenizer = await tokenizerIn(folder)
  const out = join(folder, 'out.h5')
  for (const bytes of broken.filter(({ length }) => length > 1)) {
    for (let before = readBytes - bytes.length; before <= readBytes; before++) {
      const text = 'a b\n'.repeat(before / 4 + 1).slice(0, before)
      const [file] = writeFiles(folder, { 'border.txt': Buffer.concat([Buffer.from(text), bytes, Buffer.from('é.')]) })
      const { ids, text: report } = await encode(tokenizer, [file as string], out)
      const place = `${bytes.toString('hex')} after ${before} bytes`
      t.is(tokenizer.decode(ids.slice(-60)).slice(-20), `${text}é.`.slice(-20), place)
      t.is(report.invalidBytes, bytes.length, place)
      t.is(ids.length, tokenizer.encode(`${text}é.`).length, place)
    }
  }
})

test('line ends of every kind, mixed in one file, are line feeds', async (t) => {
  const mixed = 'a\r\nb\rc\nd\n\re\r\r\nf\r\n\r\ng\u2028h\u2029i\r\u2028\n \r\n \r \nend\r'
  const text = mixed.replaceAll('\r\n', '\n').replaceAll(/[\r\u2028\u2029]/g, '\n')
  const faults = Array.from({ length: 9 }, (_, shift): Fault => {
    const before = 'x'.repeat(shift)
    return { bytes: Buffer.from(before + mixed), text: before + text }
  })
  // A CR and its LF with bytes between them that are dropped; at the end of a file the next one's LF stays.
  faults.push({ bytes: Buffer.from('a\r\xff\nb\r', 'latin1'), text: 'a\nb\n', invalidBytes: 1 }, valid('\n\nc'))
  await expectIds(t, faults)
})

test('a byte order mark is dropped at the start of a file only', async (t) => {
  const mark = '\ufeff'
  await expectIds(t, [
    { bytes: Buffer.from(mark), text: '' },
    { bytes: Buffer.from(`${mark}a`), text: 'a' },
    {
      bytes: Buffer.from(`${mark}${mark}a${mark} ${mark}\n${mark}${lines}`),
      text: `${mark}a${mark} ${mark}\n${mark}${lines}`,
    },
    valid(`a${mark}`),
    { bytes: Buffer.from(`${mark}${lines}`), text: lines },
    { bytes: Buffer.concat([Buffer.from([0xff]), Buffer.from(`${mark}a`)]), text: `${mark}a`, invalidBytes: 1 },
  ])
})

test('files without text stand among others', async (t) => {
  const nothing = valid('')
  const onlyBroken: Fault = { bytes: Buffer.from([0xff, 0xc3, 0xe6, 0x97]), text: '', invalidBytes: 4 }
  await expectIds(t, [
    nothing,
    valid(lines),
    nothing,
    nothing,
    onlyBroken,
    valid(' '),
    valid('a'),
    nothing,
    valid(lines),
  ])
  await expectIds(t, [onlyBroken, nothing, valid('a'), onlyBroken, nothing])
})

test('a line of 3 MiB without white space is cut after each MiB, and is all there', async (t) => {
  const folder = temporaryFolder(t)
  const tokenizer = await tokenizerIn(folder)
  const mebi = 1 << 20
  const line = 'abcdefgh'.repeat((3 * mebi) / 8)
  const text = `${lines}${line}\n${lines}`
  const files = writeFiles(folder, { 'a.txt': lines, 'long.txt': text, 'z.txt': lines })
  const parts = [0, 1, 2].map((part) => line.slice(part * mebi, (part + 1) * mebi))
  const others = tokenizer.encode(lines)
  const expected = [
    ...others,
    ...others,
    ...parts.flatMap((part) => [...tokenizer.encode(part)]),
    ...tokenizer.encode(`\n${lines}`),
    ...others,
  ]
  for (const options of [{}, { threads: 4 }, { chunkBytes: 1000 }, { chunkBytes: 8 * mebi, threads: 2 }]) {
    const { ids, text: report } = await encode(tokenizer, files, join(folder, 'out.h5'), options)
    t.true(
      Buffer.from(Int32Array.from(expected).buffer).equals(Buffer.from(ids.slice().buffer)),
      JSON.stringify(options),
    )
    t.is(report.cutPieces, 2)
    t.is(tokenizer.decode(ids.slice(others.length, -others.length)), text)
  }
})
