import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { AotError } from '../../ts/errors.js'
import { native } from '../../ts/native.js'
import type { NativeShard } from '../../ts/native_shards.js'
import { throwsAot } from './helpers.js'
import { type DType, flipBit, makeFolder, partsOf, shardOf, writeShards, writeText, writeTokens } from './shards.js'

const wait = promisify(setTimeout)
const cure = 'run aot-tokenize again to make it anew, or aot-tokenize verify to see all that is wrong'

const joined = (parts: Int32Array[]): Int32Array => Int32Array.from(parts.flatMap((part) => [...part]))

/** The whole text, read through a store of its own. */
function readAll(path: string): Int32Array {
  const store = native.TokenStore.open(path)
  try {
    return store.read(0, store.length)
  } finally {
    store.close()
  }
}

for (const dtype of ['int32', 'uint16'] as const) {
  test(`shards read as one text, also those without a token: ${dtype}`, async (t) => {
    const folder = makeFolder(t)
    const parts = partsOf([0, 1, 500, 0, 0, 70_000, 2, 0])
    const { path } = await writeText(folder, 'text', parts, dtype)
    const whole = joined(parts)
    const store = native.TokenStore.open(path)
    t.is(store.length, whole.length)
    t.is(store.dtype, dtype)
    t.deepEqual(store.read(0, store.length), whole)
    t.deepEqual(store.read(0, 1), whole.subarray(0, 1))
    t.deepEqual(store.read(499, 5), whole.subarray(499, 504))
    t.deepEqual(store.read(whole.length - 1, 1), whole.subarray(-1))
    t.is(store.read(whole.length, 0).length, 0)
    t.is(
      await store.maxId(),
      whole.reduce((most, id) => Math.max(most, id)),
    )
  })

  test(`training sees shards, a merged file and a plain one alike: ${dtype}`, async (t) => {
    const folder = makeFolder(t)
    const parts = partsOf([37, 400, 0, 5, 5, 333, 220])
    const { path } = await writeText(folder, 'text', parts, dtype)
    const plain = join(folder, 'plain.h5')
    await writeTokens(plain, joined(parts), dtype)
    const orders = [
      { attnLength: 12, backwards: true },
      { attnLength: 12, permutation: [3, 1, 0, 2, 11, 10, 9, 8, 7, 6, 5, 4] },
      { attnLength: 9, stride: 1, fwbw: { forward: 70_000, backward: 70_001 } },
    ]
    for (const windows of orders) {
      const [one, other] = [path, plain].map(
        (file) =>
          new native.BatchLoader(native.TokenStore.open(file), {
            windows,
            batchSize: 4,
            part: 'train',
            validWindows: 0,
            split: 'shuffled',
            seed: 42,
            fastScrambling: false,
          }),
      )
      t.is(one?.batches, other?.batches)
      for (let batch = 0; batch < (one?.batches ?? 0); batch++) t.deepEqual(one?.next(), other?.next())
      one?.close()
      other?.close()
    }
  })
}

test('the virtual file is the same for the same shards, and its names lead on from its folder', async (t) => {
  const folder = makeFolder(t)
  const shards = await writeShards(folder, 'a 100%b é\n', partsOf([5, 6]), 'uint16')
  const path = join(folder, 'text.h5')
  await native.writeVirtual(path, shards, { dtype: 'uint16', vocabSize: 50_257 })
  const bytes = readFileSync(path)
  await wait(1100)
  await native.writeVirtual(path, shards, { dtype: 'uint16', vocabSize: 50_257 })
  t.true(readFileSync(path).equals(bytes))
  t.false(bytes.includes(folder))
  const moved = `${folder}-moved`
  renameSync(folder, moved)
  t.teardown(() => rmSync(moved, { recursive: true }))
  t.deepEqual(readAll(join(moved, 'text.h5')), joined(partsOf([5, 6])))
  cpSync(moved, folder, { recursive: true })
  rmSync(join(moved, shards[1]?.file ?? ''))
  t.deepEqual(readAll(path), joined(partsOf([5, 6])))
  t.throws(() => readAll(join(moved, 'text.h5')), { code: 'AOT_DATA' })
})

test('a text of no tokens is told as that', async (t) => {
  const { path } = await writeText(makeFolder(t), 'text', partsOf([0, 0]))
  throwsAot(t, () => readAll(path), 'AOT_DATA', `${path} holds no tokens: its text was empty`)
})

test('1600 shards open, and are read across their borders', async (t) => {
  const folder = makeFolder(t)
  const [model] = await writeShards(folder, 'text', partsOf([3]), 'int32')
  const bytes = readFileSync(join(folder, model?.file ?? ''))
  const shards = Array.from({ length: 1600 }, (_, i): NativeShard => {
    const file = `text.shards/${String(i).padStart(5, '0')}.h5`
    bytes.writeInt32LE(i, bytes.length - 4)
    writeFileSync(join(folder, file), bytes)
    return { ...(model as NativeShard), file, data: native.digestOf(bytes.subarray(-12)) }
  })
  const path = join(folder, 'text.h5')
  await native.writeVirtual(path, shards, { dtype: 'int32' })
  const store = native.TokenStore.open(path)
  t.is(store.length, 4800)
  const all = store.read(0, 4800)
  t.deepEqual(
    all.filter((_, i) => i % 3 === 2),
    Int32Array.from({ length: 1600 }, (_, i) => i),
  )
  t.deepEqual(store.windows({ attnLength: 3000, stride: 1 }).get(7).target, all.subarray(7, 3007))
})

test('writeVirtual refuses what would not be read back', async (t) => {
  const folder = makeFolder(t)
  const shards = await writeShards(folder, 'text', partsOf([5, 6]), 'int32')
  const path = join(folder, 'text.h5')
  const write = (changes: Partial<NativeShard>, dtype: DType = 'int32') =>
    native.writeVirtual(path, [shards[0] as NativeShard, { ...(shards[1] as NativeShard), ...changes }], { dtype })
  const file = join(folder, 'text.shards/00001.h5')
  const inside = (name: string) =>
    `the shard '${name}' of ${path} must be named by a path that leads from its folder further inside`
  const holds = (what: string) => `the shard ${what} tokens: run aot-tokenize again`
  const refused: [run: () => Promise<void>, code: string, message: string][] = [
    [() => write({ file: '/tmp/x.h5' }), 'AOT_CONFIG', inside('/tmp/x.h5')],
    [() => write({ file: 'text.shards/../../x.h5' }), 'AOT_CONFIG', inside('text.shards/../../x.h5')],
    [() => write({ file: '' }), 'AOT_CONFIG', inside('')],
    [
      () => write({ data: 'abc' }),
      'AOT_CONFIG',
      `the shard text.shards/00001.h5 of ${path} must have digests of 32 digits`,
    ],
    [
      () => write({ file: 'text.shards/x.h5' }),
      'AOT_DATA',
      `the shard ${folder}/text.shards/x.h5 cannot be opened: No such file or directory; run aot-tokenize again`,
    ],
    [() => write({ tokens: 5 }), 'AOT_DATA', holds(`${file} does not hold its 5 int32`)],
    [() => write({ bytes: 99_999 }), 'AOT_DATA', holds(`${file} does not hold its 6 int32`)],
    [() => write({}, 'uint16'), 'AOT_DATA', holds(`${folder}/text.shards/00000.h5 does not hold its 5 uint16`)],
  ]
  for (const [run, code, message] of refused) await t.throwsAsync(run(), { instanceOf: AotError, code, message })
  t.false(existsSync(path))
  truncateSync(file, 1000)
  await t.throwsAsync(write({ bytes: 1000 }), { code: 'AOT_DATA' })
  mkdirSync(path)
  await t.throwsAsync(native.writeVirtual(path, [shards[0] as NativeShard], { dtype: 'int32' }), { code: 'AOT_IO' })
})

/** What can happen to the second of three shards, and what opening says of it. */
const faults: [what: string, change: (t: ExecutionContext, shard: string) => Promise<void> | void, fault: RegExp][] = [
  ['it is missing', (_, shard) => rmSync(shard), /^missing$/],
  ['its folder is missing', (_, shard) => rmSync(join(shard, '..'), { recursive: true }), /^missing$/],
  [
    'it is cut by a byte',
    (_, shard) => truncateSync(shard, statSync(shard).size - 1),
    /^cut short: 16287 bytes where /,
  ],
  [
    'it is cut in its header',
    (_, shard) => truncateSync(shard, 700),
    /^cut short: 700 bytes where 16288 were written$/,
  ],
  ['it is empty', (_, shard) => truncateSync(shard, 0), /^cut short: 0 bytes where 16288 were written$/],
  ['it is longer', (_, shard) => writeFileSync(shard, '\0', { flag: 'a' }), /^too long: 16289 bytes where 16288 were /],
  ['the first bit of its header', (_, shard) => flipBit(shard, 0), /^damaged: the bytes before its tokens /],
  ['a bit where nothing reads', (_, shard) => flipBit(shard, 9000), /^damaged: the bytes before its tokens /],
  ['the last bit of its header', (_, shard) => flipBit(shard, 12_287, 7), /^damaged: the bytes before its tokens /],
  ['the first bit of its tokens', (_, shard) => flipBit(shard, 12_288, 0), /^damaged: its tokens are not those /],
  ['a bit of its tokens', (_, shard) => flipBit(shard, 14_001), /^damaged: its tokens are not those /],
  ['the last bit of its tokens', (_, shard) => flipBit(shard, 16_287, 7), /^damaged: its tokens are not those /],
  [
    'a bit, with the times as they were',
    (_, shard) => {
      const { atime, mtime } = statSync(shard)
      flipBit(shard, 15_000)
      utimesSync(shard, atime, mtime)
    },
    /^damaged: its tokens /,
  ],
  [
    "it is another run's",
    async (t, shard) => {
      const other = makeFolder(t)
      const { shards } = await writeText(other, 'text', partsOf([2000, 1000, 2000], 3), 'int32')
      cpSync(join(other, shards[1]?.file ?? ''), shard)
    },
    /^damaged: its tokens /,
  ],
  ["it is a neighbour's copy", (_, shard) => cpSync(shard.replace('00001', '00000'), shard), /^too long: /],
  [
    'it is zeros',
    (_, shard) => writeFileSync(shard, Buffer.alloc(statSync(shard).size)),
    /^damaged: the bytes before its tokens /,
  ],
  [
    'a folder stands in its place',
    (_, shard) => {
      rmSync(shard)
      mkdirSync(shard)
    },
    /^not a plain file$/,
  ],
]

for (const [what, change, fault] of faults) {
  test(`a shard that is not as it was written is found out on opening and by the check: ${what}`, async (t) => {
    const folder = makeFolder(t)
    const parts = partsOf([2000, 1000, 2000])
    const { path, shards } = await writeText(folder, 'text', parts)
    const shard = join(folder, shards[1]?.file ?? '')
    t.deepEqual(readAll(path), joined(parts))
    await change(t, shard)
    const control = { progress: new Float64Array(4), stop: new Int32Array(1) }
    const found = await native.checkShards(folder, shards, { dtype: 'int32', threads: 2 }, control)
    t.regex(found[1] as string, fault)
    const all = found.filter((one) => one !== null).length
    const first = shards[found.findIndex((one) => one !== null)]?.file
    const more = all > 1 ? ` (and ${all - 1} more are wrong)` : ''
    const line = `the shard ${folder}/${first} of ${path} is ${found[1]}${more}; ${cure}`
    for (let again = 0; again < 2; again++) throwsAot(t, () => readAll(path), 'AOT_DATA', line)
  })
}

test('the check tells what is wrong with each shard, counts bytes, and can be stopped', async (t) => {
  const folder = makeFolder(t)
  const { shards } = await writeText(folder, 'text', partsOf([100, 200, 0, 300]))
  const options = { dtype: 'int32' as const, threads: 3 }
  const control = { progress: new Float64Array([1000, 0, 0, 0]), stop: new Int32Array(1) }
  t.deepEqual(await native.checkShards(folder, shards, options, control), [null, null, null, null])
  t.is(
    control.progress[0],
    shards.reduce((sum, { bytes }) => sum + bytes, 1000),
  )
  rmSync(join(folder, shards[2]?.file ?? ''))
  flipBit(join(folder, shards[3]?.file ?? ''), 12_300)
  t.deepEqual(await native.checkShards(folder, shards, options, control), [
    null,
    null,
    'missing',
    'damaged: its tokens are not those that were written',
  ])
  control.stop[0] = 1
  await t.throwsAsync(native.checkShards(folder, shards, options, control), {
    code: 'AOT_CONFIG',
    message: 'stopped on request before the end',
  })
})

/** The stamp of a file as `checked.json` has it. */
function rowOf(folder: string, shard: NativeShard): unknown[] {
  const { size, mtimeNs, ctimeNs, ino } = statSync(join(folder, shard.file), { bigint: true })
  return [shard.header, shard.data, ...[size, mtimeNs, ctimeNs, ino].map(String)]
}

/** Numbers stand there without quotes; those of 64 bits are none of JavaScript's. */
function writeStamps(folder: string, shards: NativeShard[]): string {
  const rows = Object.fromEntries(shards.map((shard) => [shard.file, rowOf(folder, shard)]))
  const file = join(folder, 'text.shards', 'checked.json')
  writeFileSync(file, JSON.stringify({ version: 1, shards: rows }).replace(/"(\d{1,20})"/g, '$1'))
  return file
}

test('shards that were found right are not read again while their stamps hold', async (t) => {
  const folder = makeFolder(t)
  const parts = partsOf([2000, 1000, 2000])
  const { path, shards } = await writeText(folder, 'text', parts)
  const shard = join(folder, shards[1]?.file ?? '')
  const stamps = join(folder, 'text.shards', 'checked.json')
  // A file that was written just now could be written again within one tick of the file system's clock.
  await wait(2100)
  t.deepEqual(readAll(path), joined(parts))
  const written = readFileSync(stamps, 'utf8')
  t.is(written.replace(/\s/g, '').length, readFileSync(writeStamps(folder, shards), 'utf8').length)
  t.deepEqual(JSON.parse(written), JSON.parse(readFileSync(stamps, 'utf8')))
  // Damage that the stamps vouch for is not seen: nothing was read.
  flipBit(shard, 12_288, 0)
  throwsAot(
    t,
    () => readAll(path),
    'AOT_DATA',
    `the shard ${shard} of ${path} is damaged: its tokens are not those that were written; ${cure}`,
  )
  writeStamps(folder, shards)
  t.is(readAll(path)[2000], ((parts[1] as Int32Array)[0] as number) ^ 1)
  // The check reads everything, and then the stamps are gone.
  const control = { progress: new Float64Array(4), stop: new Int32Array(1) }
  const found = await native.checkShards(folder, shards, { dtype: 'int32', threads: 1 }, control)
  t.deepEqual(
    found.map((one) => one === null),
    [true, false, true],
  )
  throwsAot(
    t,
    () => readAll(path),
    'AOT_DATA',
    `the shard ${shard} of ${path} is damaged: its tokens are not those that were written; ${cure}`,
  )
})

test('stamps are of one content: those of other shards do not count', async (t) => {
  const folder = makeFolder(t)
  const { path, shards } = await writeText(folder, 'text', partsOf([20, 10]))
  writeStamps(folder, shards)
  t.is(readAll(path).length, 30)
  const others = [shards[0] as NativeShard, { ...(shards[1] as NativeShard), data: native.digestOf('other') }]
  await native.writeVirtual(path, others, { dtype: 'int32' })
  t.throws(() => readAll(path), { code: 'AOT_DATA', message: /00001\.h5 of .* is damaged: its tokens/ })
})

test('a damaged file of stamps is ignored', async (t) => {
  const folder = makeFolder(t)
  const parts = partsOf([20, 10])
  const { path, shards } = await writeText(folder, 'text', parts)
  const stamps = writeStamps(folder, shards)
  const good = readFileSync(stamps, 'utf8')
  const bad = [
    '',
    'no JSON',
    good.slice(0, -20),
    '[]',
    'null',
    '{"version":2}',
    '{"version":1}',
    '{"version":1,"shards":[]}',
    `{"version":1,"shards":{"${shards[0]?.file}":7,"${shards[1]?.file}":[1,2,3,4,5,6]}}`,
    good.replaceAll(/,\d+/g, ',"x"'),
    good.replaceAll(/,\d+/g, ',1e99'),
    good.replaceAll(/,\d+/g, ',-1'),
    good.replaceAll(/(\d)\]/g, '$1,0]'),
  ]
  for (const text of bad) {
    writeFileSync(stamps, text)
    t.deepEqual(readAll(path), joined(parts), text)
  }
  const shard = join(folder, shards[1]?.file ?? '')
  flipBit(shard, 12_288)
  for (const text of bad) {
    writeFileSync(stamps, text)
    t.throws(() => readAll(path), { code: 'AOT_DATA' }, text)
  }
})

test('where nothing can be written, shards are read as well', async (t) => {
  const folder = makeFolder(t)
  const parts = partsOf([20, 10])
  const { path, shards } = await writeText(folder, 'text', parts)
  await wait(2100)
  // Root may write in a folder that nobody may write in; not so to a name that a folder has.
  mkdirSync(join(folder, 'text.shards', 'checked.json.tmp'))
  chmodSync(join(folder, 'text.shards'), 0o555)
  t.teardown(() => chmodSync(join(folder, 'text.shards'), 0o755))
  t.deepEqual(readAll(path), joined(parts))
  t.false(existsSync(join(folder, 'text.shards', 'checked.json')))
  flipBit(join(folder, shards[1]?.file ?? ''), 12_288)
  t.throws(() => readAll(path), { code: 'AOT_DATA' })
})

test('a damaged virtual file is refused, or gives the very tokens', async (t) => {
  const folder = makeFolder(t)
  const parts = partsOf([20, 0, 10, 7])
  const { path, shards } = await writeText(folder, 'text', parts, 'uint16')
  const other = await writeShards(folder, 'next', partsOf([20, 0, 10, 7], 1), 'uint16')
  t.is(other.length, shards.length)
  const good = readFileSync(path)
  const whole = joined(parts)
  // The names of the shards, whose like is there; the rows; and places all over.
  const places = [...good.toString('latin1').matchAll(/text\.shards|[0-9a-f]{32}/g)].map(({ index }) => index)
  for (let place = 0; place < good.length; place += 61) places.push(place)
  let refused = 0
  for (const place of places) {
    writeFileSync(path, good)
    flipBit(path, place)
    try {
      t.deepEqual(readAll(path), whole, `place ${place}`)
    } catch (error) {
      if (!(error instanceof AotError)) throw error
      t.is(error.code, 'AOT_DATA', `place ${place}: ${error.message}`)
      refused++
    }
  }
  t.true(refused > 20, `${refused} of ${places.length}`)
  const redirected = Buffer.from(good.toString('latin1').replaceAll('text.shards', 'next.shards'), 'latin1')
  for (const bytes of [redirected, good.subarray(0, good.length / 2), Buffer.alloc(good.length)]) {
    writeFileSync(path, bytes)
    t.throws(() => readAll(path), { code: 'AOT_DATA' })
  }
})

test('what a shard is, as it is in the list', async (t) => {
  const folder = makeFolder(t)
  await writeTokens(join(folder, 'one.h5'), Int32Array.of(1, 2), 'uint16')
  const { header, ...rest } = shardOf(folder, 'one.h5', 2, 'uint16')
  t.deepEqual(rest, { file: 'one.h5', tokens: 2, bytes: 12_292, data: native.digestOf(Buffer.from('01000200', 'hex')) })
  t.regex(header, /^[0-9a-f]{32}$/)
  // The digits of the reference implementation.
  t.is(native.digestOf('abc'), '06b05ab6733a618578af5f94892f3950')
})
