import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { cleanText, openBenchCorpus, ownTextNames, writeOwnText } from '../../ts/bench/corpus.js'
import { generateText } from '../../ts/bench/generated_text.js'
import { Peers } from '../../ts/bench/peers.js'
import { type Row, row as rowSchema } from '../../ts/bench/record.js'
import { digestOfIds } from '../../ts/bench/token_ids.js'
import { benchTokenize, type TokenizeOptions } from '../../ts/bench/tokenize.js'
import { native } from '../../ts/native.js'
import { Tokenizer } from '../../ts/tokenize/tokenizer.js'

const folder = mkdtempSync(join(tmpdir(), 'aot-bench-tokenize-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

const texts = ['The union of the states, the states of the union.\n', 'Été\r\nwinter \u4e2d\u6587 8 ponies\n']
const corpus = join(folder, 'texts')
mkdirSync(corpus)
for (const [i, text] of texts.entries()) writeFileSync(join(corpus, `${i}.txt`), text.repeat(50))

async function run(more: Partial<TokenizeOptions>): Promise<{ rows: Row[]; lines: string[] }> {
  const rows: Row[] = []
  const lines: string[] = []
  await benchTokenize({
    folder: corpus,
    bytes: 1e6,
    peerBytes: 1e6,
    tokenizer: null,
    vocabSize: 300,
    threads: [1, 2],
    seconds: 0.01,
    peers: null,
    signal: new AbortController().signal,
    onRow: (row) => rows.push(row),
    onLine: (line) => lines.push(line),
    ...more,
  })
  for (const row of rows) rowSchema.parse(row)
  return { rows, lines }
}

test('training and encoding are measured for each number of threads', async (t) => {
  const { rows } = await run({})
  t.deepEqual(
    rows.map(({ name, shape }) => [name, shape.threads]),
    [
      ['train', 1],
      ['train', 2],
      ['encode', 1],
      ['encode', 2],
    ],
  )
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text) * 50, 0)
  t.true(rows.every(({ shape, figures }) => figures.text_bytes === bytes && shape.vocabulary === 300))
  t.true(rows.every(({ figures }) => (figures.peak_memory as number) > 0))
  t.true(rows.every(({ time, figures }) => figures.mbytes_per_s === bytes / time.median / 1e6))
})

test('with a tokenizer only encoding is measured, and its ids are those of the tokenizer', async (t) => {
  const { tokenizer } = await native.trainFiles(
    readdirSync(corpus).map((name) => join(corpus, name)),
    { vocabSize: 280, threads: 1 },
    { progress: new Float64Array(4), stop: new Int32Array(1) },
  )
  const place = join(folder, 'tokenizer')
  mkdirSync(place)
  await tokenizer.save(place)
  const peers = new Peers({ python: peer(`{ sha256: '0', tokens: 1 }`), onLine: () => {} })
  const { rows, lines } = await run({ tokenizer: place, threads: [1], peers })
  t.deepEqual([...new Set(rows.map(({ name }) => name))], ['encode'])
  const own = Tokenizer.load(place)
  const ids = texts.map((text) => own.encode(cleanText(Buffer.from(text.repeat(50)))))
  const { tokens } = digestOfIds(ids)
  t.is(lines[0], `Planted 1.0: other ids (1, ours ${tokens}), so that its speed is of another work`)
  const ours = rows.find(({ by }) => by === 'arrows-of-time') as Row
  t.is(Math.round((ours.figures.tokens_per_s as number) * ours.time.median), tokens)
})

/** A program that answers for Python, with the fields of the script. */
function peer(fields: string): string {
  const file = join(folder, `peer-${fields.length}`)
  const answer = `{ by: 'Planted 1.0', work: request.work, threads: request.threads, samples: [2], peak_memory: 1, ...${fields} }`
  writeFileSync(
    file,
    `#!${process.execPath}\nconst request = JSON.parse(require('fs').readFileSync(0, 'utf8'))\nconsole.log(JSON.stringify(${answer}))\n`,
  )
  chmodSync(file, 0o755)
  return file
}

test.serial('no file is left behind', async (t) => {
  const temporary = join(folder, 'temporary')
  mkdirSync(temporary)
  process.env.TMPDIR = temporary
  try {
    await run({ seconds: 0.001 })
    await t.throwsAsync(run({ folder: join(folder, 'nowhere') }), { code: 'AOT_IO' })
    await t.throwsAsync(run({ tokenizer: join(folder, 'nowhere') }), { code: 'AOT_IO' })
    t.deepEqual(readdirSync(temporary), [])
  } finally {
    delete process.env.TMPDIR
  }
})

test('without a folder the texts are the same everywhere', (t) => {
  t.is(generateText('french', 1000, 5), generateText('french', 1000, 5))
  t.not(generateText('french', 1000, 5), generateText('french', 1000, 6))
  for (const name of ownTextNames) {
    const place = join(folder, 'made', name)
    writeOwnText(name, place, 2_500_000)
    const { bytes, files } = openBenchCorpus(place, 1e9, folder)
    t.true(bytes > 2_400_000 && bytes < 4e6, `${name}: ${bytes} bytes`)
    t.true(files.length > 2)
  }
})

test('texts of a language share their words', (t) => {
  const words = (seed: number) => new Set(generateText('korean', 200_000, seed).split(' '))
  const [first, second] = [words(2), words(3)]
  const shared = [...first].filter((word) => second.has(word)).length
  t.true(shared > first.size / 3 && shared < first.size, `${shared} of ${first.size}`)
})

test('of a larger folder the beginning is taken', (t) => {
  const { bytes, files } = openBenchCorpus(corpus, 3000, join(folder, 'part-of'))
  t.true(bytes <= 3000 && bytes > 2900, `${bytes} bytes`)
  t.is(files.length, 2)
})

test('texts are cleaned as aot-tokenize cleans them', async (t) => {
  const nasty = Buffer.concat([
    Buffer.from('\ufeffa\r\nb\rc\u2028d\ufffd'),
    Buffer.from([0xc3, 0x28, 0xff]),
    Buffer.from('e'),
  ])
  const file = join(folder, 'nasty.txt')
  writeFileSync(file, nasty)
  const { tokenizer } = await native.trainFiles(
    [file],
    { vocabSize: 257, threads: 1 },
    { progress: new Float64Array(4), stop: new Int32Array(1) },
  )
  const out = join(folder, 'nasty.h5')
  await native.encodeFiles(
    tokenizer,
    [file],
    out,
    { threads: 1, dtype: 'auto' },
    { progress: new Float64Array(4), stop: new Int32Array(1) },
  )
  const store = native.TokenStore.open(out)
  t.is(tokenizer.decode(store.read(0, store.length)), cleanText(nasty))
  store.close()
})

test('ids are digested as little-endian int32', (t) => {
  // printf '\1\0\0\0\377\377\0\0' | sha256sum
  t.deepEqual(digestOfIds([[1], new Int32Array([65535])]), {
    tokens: 2,
    sha256: '8e414ec2139eb2e6098c59fdf431949d10a8aaec545858efb78752293618bd11',
  })
})
