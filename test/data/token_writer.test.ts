import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { TokenStore } from '../../ts/data/token_store.js'
import { AotError } from '../../ts/errors.js'
import { native } from '../../ts/native.js'
import { throwsAot } from './helpers.js'

const wait = promisify(setTimeout)

/** A folder of its own for each test. */
function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), 'aot-'))
}

for (const dtype of ['int32', 'uint16'] as const) {
  test(`what is written as ${dtype} is read back, whatever the sizes of the parts`, async (t) => {
    const folder = makeFolder()
    const path = join(folder, 'tokens.h5')
    const most = dtype === 'int32' ? 2 ** 31 - 1 : 65535
    // Crosses the writer's buffer of 1 MiB several times, in uneven steps.
    const ids = Int32Array.from({ length: 1_500_001 }, (_, i) => (i * 2654435761) % (most + 1))
    ids[0] = most
    const writer = new native.TokenWriter(path, dtype)
    for (let from = 0, count = 1; from < ids.length; from += count, count = (count * 7 + 3) % 600_000) {
      writer.append(ids.subarray(from, from + count))
    }
    t.is(writer.length, ids.length)
    t.false(existsSync(path), 'not there before it is whole')
    t.is(await writer.commit(), ids.length)
    t.deepEqual(readdirSync(folder), ['tokens.h5'])
    const store = TokenStore.open(path)
    t.is(store.dtype, dtype)
    t.is(Buffer.compare(Buffer.from(store.read(0, store.length).buffer), Buffer.from(ids.buffer)), 0)
    rmSync(folder, { recursive: true })
  })
}

test('no tokens, one token, and the same bytes for the same tokens', async (t) => {
  const folder = makeFolder()
  const write = async (name: string, ids: number[]) => {
    const writer = new native.TokenWriter(join(folder, name), 'int32')
    writer.append(Int32Array.from(ids))
    await writer.commit()
    return join(folder, name)
  }
  const empty = await write('empty.h5', [])
  throwsAot(t, () => TokenStore.open(empty), 'AOT_DATA', `${empty} holds no tokens: its text was empty`)
  const one = TokenStore.open(await write('one.h5', [7]))
  t.deepEqual([...one.read(0, one.length)], [7])
  const first = readFileSync(await write('first.h5', [1, 2, 3]))
  await wait(1100)
  t.true(readFileSync(await write('second.h5', [1, 2, 3])).equals(first))
  rmSync(folder, { recursive: true })
})

test('an id that does not fit is told by place, and nothing of its part is taken', async (t) => {
  const folder = makeFolder()
  const path = join(folder, 'tokens.h5')
  const writer = new native.TokenWriter(path, 'uint16')
  writer.append(Int32Array.of(1, 65535))
  throwsAot(
    t,
    () => writer.append(Int32Array.of(5, 65536)),
    'AOT_DATA',
    `token id 65536 at place 3 does not fit uint16 (0 to 65535) of ${path}: use dtype int32`,
  )
  throwsAot(
    t,
    () => writer.append(Int32Array.of(-1)),
    'AOT_DATA',
    `token id -1 at place 2 does not fit uint16 (0 to 65535) of ${path}`,
  )
  t.is(await writer.commit(), 2)
  t.deepEqual([...TokenStore.open(path).read(0, 2)], [1, 65535])
  const wide = new native.TokenWriter(path, 'int32')
  throwsAot(
    t,
    () => wide.append(Int32Array.of(-7)),
    'AOT_DATA',
    `token id -7 at place 0 does not fit int32 (0 to 2147483647) of ${path}`,
  )
  wide.close()
  rmSync(folder, { recursive: true })
})

test('a writer that is given up leaves the older file and nothing else', (t) => {
  const folder = makeFolder()
  const path = join(folder, 'tokens.h5')
  writeFileSync(path, 'older')
  const writer = new native.TokenWriter(path, 'int32')
  writer.append(new Int32Array(1_000_000))
  t.deepEqual(readdirSync(folder).sort(), ['tokens.h5', 'tokens.h5.tmp'])
  writer.close()
  writer.close()
  t.deepEqual(readdirSync(folder), ['tokens.h5'])
  t.is(readFileSync(path, 'utf8'), 'older')
  throwsAot(t, () => writer.append(new Int32Array(1)), 'AOT_CONFIG', 'the token writer is closed')
  throwsAot(t, () => void writer.commit(), 'AOT_CONFIG', 'the token writer is closed')
  rmSync(folder, { recursive: true })
})

test('a place that cannot be written is told before the work, or without leaving anything', async (t) => {
  const folder = makeFolder()
  throwsAot(
    t,
    () => new native.TokenWriter(folder, 'int32'),
    'AOT_IO',
    `cannot write ${folder}: it is a folder; give the name of a file`,
  )
  const nowhere = join(folder, 'none', 'tokens.h5')
  throwsAot(
    t,
    () => new native.TokenWriter(nowhere, 'int32'),
    'AOT_IO',
    `cannot create ${nowhere}.tmp: No such file or directory`,
  )
  const Writer = native.TokenWriter as unknown as new (...args: unknown[]) => unknown
  throwsAot(t, () => new Writer(), 'AOT_CONFIG', 'path must be a string')
  throwsAot(
    t,
    () => new Writer(join(folder, 'x.h5'), 'int8'),
    'AOT_CONFIG',
    "dtype must be 'int32' or 'uint16', not 'int8'",
  )
  // The folder goes away under the writer.
  const inner = join(folder, 'inner')
  mkdirSync(inner)
  const writer = new native.TokenWriter(join(inner, 'tokens.h5'), 'int32')
  writer.append(Int32Array.of(1, 2, 3))
  rmSync(inner, { recursive: true })
  const error = await t.throwsAsync(writer.commit(), { instanceOf: AotError })
  t.is(error?.code, 'AOT_IO')
  t.true(error?.message.startsWith(`cannot create ${join(inner, 'tokens.h5.tmp.header')}`), error?.message)
  t.deepEqual(readdirSync(folder), [])
  rmSync(folder, { recursive: true })
})

test('a name that a folder takes meanwhile is an error, and nothing is left behind', async (t) => {
  const folder = makeFolder()
  const path = join(folder, 'tokens.h5')
  const writer = new native.TokenWriter(path, 'int32')
  writer.append(Int32Array.of(1, 2, 3))
  mkdirSync(join(path, 'inside'), { recursive: true })
  await t.throwsAsync(writer.commit(), {
    code: 'AOT_IO',
    message: `cannot rename to its final name ${path}.tmp: Is a directory`,
  })
  t.deepEqual(readdirSync(folder), ['tokens.h5'])
  rmSync(folder, { recursive: true })
})
