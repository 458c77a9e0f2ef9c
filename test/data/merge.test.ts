import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { AotError, type AotErrorCode } from '../../ts/errors.js'
import { native } from '../../ts/native.js'
import { golden } from './helpers.js'
import { killMerges, mergeInChild } from './merge_kill.js'
import { type DType, flipBit, makeFolder, partsOf, writeShards, writeText, writeTokens } from './shards.js'

const newControl = () => ({ progress: new Float64Array(4), stop: new Int32Array(1) })

const merge = (virtual: string, out: string, control = newControl()) =>
  native.mergeShards(virtual, out, { threads: 2, noteBytes: 1 }, control)

/** Asserts the code and how the message begins. */
async function rejects(t: ExecutionContext, run: Promise<unknown>, code: AotErrorCode, message: string) {
  const error = await t.throwsAsync(run, { instanceOf: AotError })
  t.is(error?.message.slice(0, message.length), message)
  t.is(error?.code, code)
}

/** A text in shards, and the file that one TokenWriter makes of it. */
async function makeText(t: ExecutionContext, lengths: number[], dtype: DType = 'int32', seed = 0) {
  const folder = makeFolder(t)
  const parts = partsOf(lengths, seed)
  const text = await writeText(folder, 'text', parts, dtype)
  const whole = join(folder, 'whole.h5')
  await writeTokens(whole, Int32Array.from(parts.flatMap((part) => [...part])), dtype)
  return { folder, parts, ...text, expected: readFileSync(whole), out: join(folder, 'merged.h5') }
}

/** A merge that broke off: shard `at` is damaged for so long. */
async function makeBroken(t: ExecutionContext, at: number, lengths = [3000, 2000, 0, 4000, 1000]) {
  const text = await makeText(t, lengths)
  const shard = join(text.folder, text.shards[at]?.file ?? '')
  const good = readFileSync(shard)
  flipBit(shard, good.length - 5)
  await rejects(t, merge(text.path, text.out), 'AOT_DATA', `the shard ${shard} of ${text.path} is damaged: its tokens`)
  writeFileSync(shard, good)
  return { ...text, before: lengths.slice(0, at).reduce((sum, length) => sum + length, 0) }
}

for (const dtype of ['int32', 'uint16'] as const) {
  test(`a merged file has the bytes of one that was written whole: ${dtype}`, async (t) => {
    for (const lengths of [[1], [5, 0, 700_000, 3], [0, 1024, 1], Array.from({ length: 70 }, (_, i) => i)]) {
      const { path, out, expected, folder } = await makeText(t, lengths, dtype)
      const control = newControl()
      const tokens = lengths.reduce((sum, length) => sum + length, 0)
      t.deepEqual(await merge(path, out, control), { tokens, resumedAt: 0 })
      t.true(readFileSync(out).equals(expected), `${lengths}`)
      t.true((control.progress[1] as number) > 0)
      t.is(control.progress[0], control.progress[1])
      t.deepEqual(readdirSync(folder).sort(), ['merged.h5', 'text.h5', 'text.shards', 'whole.h5'])
    }
  })
}

test('shards without a token give the file of no tokens', async (t) => {
  const { path, out, expected } = await makeText(t, [0, 0])
  t.deepEqual(await merge(path, out), { tokens: 0, resumedAt: 0 })
  t.true(readFileSync(out).equals(expected))
})

test('a file that is merged already is checked and left; one that is another is replaced', async (t) => {
  const { path, out, expected, folder } = await makeText(t, [500, 600])
  await merge(path, out)
  t.deepEqual(await merge(path, out), { tokens: 1100, resumedAt: 1100 })
  flipBit(out, expected.length - 1)
  t.deepEqual(await merge(path, out), { tokens: 1100, resumedAt: 0 })
  t.true(readFileSync(out).equals(expected))
  writeFileSync(out, 'older')
  await merge(path, out)
  t.true(readFileSync(out).equals(expected))
  t.deepEqual(readdirSync(folder).sort(), ['merged.h5', 'text.h5', 'text.shards', 'whole.h5'])
})

test('the names are relative to the virtual file, not to where the command runs', async (t) => {
  const { folder, expected } = await makeText(t, [500, 600])
  const moved = `${folder}-moved`
  renameSync(folder, moved)
  t.teardown(() => rmSync(moved, { recursive: true }))
  await merge(join(moved, 'text.h5'), join(moved, 'merged.h5'))
  t.true(readFileSync(join(moved, 'merged.h5')).equals(expected))
})

test('after a shard that is wrong the merge goes on where it was, and the older file stays until the end', async (t) => {
  const { path, out, expected, before, folder } = await makeBroken(t, 3)
  t.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('merged')),
    ['merged.h5.tmp', 'merged.h5.tmp.json'],
  )
  writeFileSync(out, 'older')
  const control = newControl()
  control.stop[0] = 1
  await rejects(t, merge(path, out, control), 'AOT_CONFIG', 'stopped on request before the end')
  t.is(readFileSync(out, 'utf8'), 'older')
  t.deepEqual(await merge(path, out), { tokens: 10_000, resumedAt: before })
  t.true(readFileSync(out).equals(expected))
})

test('a merge that breaks off before its first shard leaves nothing', async (t) => {
  const { folder } = await makeBroken(t, 0)
  t.deepEqual(readdirSync(folder).sort(), ['text.h5', 'text.shards', 'whole.h5'])
})

test('what was written before counts only as far as it holds', async (t) => {
  const inTmp = 12_288 // the tokens begin there
  const damage: [what: string, change: (tmp: string, note: string) => void, resumedAt: number][] = [
    ['nothing', () => {}, 9000],
    ['a bit of the first shard', (tmp) => flipBit(tmp, inTmp + 17), 0],
    ['a bit of the second shard', (tmp) => flipBit(tmp, inTmp + 4 * 3000), 3000],
    ['the header, which is written last', (tmp) => flipBit(tmp, 5), 9000],
    ['its end is cut off', (tmp) => truncateSync(tmp, inTmp + 4 * 8999), 5000],
    ['it is cut to nothing', (tmp) => truncateSync(tmp, 0), 0],
    ['more was written than is noted', (tmp) => writeFileSync(tmp, Buffer.alloc(9000, 7), { flag: 'a' }), 9000],
    ['the note is gone', (_, note) => rmSync(note), 0],
    ['the note is cut', (_, note) => truncateSync(note, 30), 0],
    ['the note is damaged', (_, note) => flipBit(note, 40), 0],
    ['the note promises too much', (_, note) => rewriteNote(note, (json) => ({ ...json, shards: 77 })), 9000],
    ['the note is of other shards', (_, note) => rewriteNote(note, (json) => ({ ...json, source: 'other' })), 0],
    ['the note is by another version', (_, note) => rewriteNote(note, (json) => ({ ...json, version: 'x' })), 0],
    ['the note is something else', (_, note) => rewriteNote(note, () => ({})), 0],
  ]
  for (const [what, change, resumedAt] of damage) {
    const { path, out, expected, folder } = await makeBroken(t, 4)
    change(`${out}.tmp`, `${out}.tmp.json`)
    t.deepEqual(await merge(path, out), { tokens: 10_000, resumedAt }, what)
    t.true(readFileSync(out).equals(expected), what)
    t.deepEqual(readdirSync(folder).sort(), ['merged.h5', 'text.h5', 'text.shards', 'whole.h5'], what)
  }
})

function rewriteNote(note: string, change: (json: Record<string, unknown>) => unknown): void {
  const [line = ''] = readFileSync(note, 'utf8').split('\n')
  const changed = JSON.stringify(change(JSON.parse(line)))
  writeFileSync(note, `${changed}\n${native.digestOf(changed)}\n`)
}

test('a source that has changed starts anew', async (t) => {
  const { path, out, folder } = await makeBroken(t, 3)
  const parts = partsOf([3000, 2000, 0, 4000, 1000], 5)
  await native.writeVirtual(path, await writeShards(folder, 'text', parts, 'int32'), { dtype: 'int32' })
  t.deepEqual(await merge(path, out), { tokens: 10_000, resumedAt: 0 })
  const store = native.TokenStore.open(out)
  t.deepEqual(store.read(0, store.length), Int32Array.from(parts.flatMap((part) => [...part])))
})

test('stopped in its midst, it goes on later', async (t) => {
  const lengths = Array.from({ length: 300 }, () => 3000)
  const { path, out, expected } = await makeText(t, lengths, 'uint16')
  let stopped = false
  while (!stopped) {
    rmSync(out, { force: true })
    const control = newControl()
    const run = merge(path, out, control).catch((error: AotError) => error)
    while (!existsSync(`${out}.tmp.json`) && !existsSync(out)) await new Promise((resolve) => setImmediate(resolve))
    control.stop[0] = 1
    const result = await run
    if (!(result instanceof AotError)) continue // it was quicker
    t.is(result.message, 'stopped on request before the end')
    stopped = true
  }
  t.false(existsSync(out))
  t.true((await merge(path, out)).resumedAt > 0)
  t.true(readFileSync(out).equals(expected))
})

test('nothing that is read is written over', async (t) => {
  const { path, out, folder, shards } = await makeText(t, [500, 600])
  const self = (to: string) => `cannot merge ${path} to ${to}: it would write over itself; give another name`
  await rejects(t, merge(path, path), 'AOT_CONFIG', self(path))
  const link = join(folder, 'link.h5')
  symlinkSync('text.h5', link)
  await rejects(t, merge(path, link), 'AOT_CONFIG', self(link))
  const named = join(folder, 'named.h5')
  symlinkSync('text.h5', `${named}.tmp`)
  await rejects(t, merge(path, named), 'AOT_CONFIG', self(named))
  const inside = join(folder, 'text.shards', 'merged.h5')
  const among = `cannot merge to ${inside}: it lies in the folder of the shards; give a place outside`
  await rejects(t, merge(path, inside), 'AOT_CONFIG', among)
  mkdirSync(join(folder, 'text.shards', 'deeper'))
  symlinkSync('text.shards/deeper', join(folder, 'way'))
  const hidden = join(folder, 'way', 'merged.h5')
  await rejects(t, merge(path, hidden), 'AOT_CONFIG', `cannot merge to ${hidden}: it lies in the folder of the shards`)
  const first = join(folder, shards[0]?.file ?? '')
  symlinkSync(first, join(folder, 'shard.h5'))
  await rejects(
    t,
    merge(path, join(folder, 'shard.h5')),
    'AOT_CONFIG',
    `cannot merge to ${join(folder, 'shard.h5')}: it would write over the shard ${first}; give another name`,
  )
  await rejects(t, merge(path, folder), 'AOT_IO', `cannot write ${folder}: it is a folder; give the name of a file`)
  for (const plain of [golden('contiguous_int32.h5'), golden('virtual.h5')]) {
    await rejects(t, merge(plain, out), 'AOT_CONFIG', `${plain} is not made of shards: there is nothing to merge`)
  }
  const nowhere = join(folder, 'none', 'merged.h5')
  await rejects(t, merge(path, nowhere), 'AOT_IO', `cannot create ${nowhere}.tmp: No such file or directory`)
  t.is(native.TokenStore.open(path).length, 1100)
})

test('two merges to one place exclude each other', async (t) => {
  const { path, out, expected } = await makeText(t, [500, 600])
  const lock = new native.FileLock(`${out}.tmp`, { busy: 'busy' })
  await rejects(
    t,
    merge(path, out),
    'AOT_CONFIG',
    `another process is merging to ${out}: wait for it, or give another name`,
  )
  lock.release()
  await merge(path, out)
  t.true(readFileSync(out).equals(expected))
})

test('a note that cannot be written ends it, and nothing is lost', async (t) => {
  const { path, out, expected } = await makeText(t, [500, 600])
  mkdirSync(`${out}.tmp.json.tmp`)
  await rejects(t, merge(path, out), 'AOT_IO', `cannot create ${out}.tmp.json.tmp: Is a directory`)
  rmSync(`${out}.tmp.json.tmp`, { recursive: true })
  await merge(path, out)
  t.true(readFileSync(out).equals(expected))
})

test('a disk that is too small is told before the work', async (t) => {
  const { path, folder } = await makeText(t, [200_000, 200_000])
  const disk = join(folder, 'disk')
  mkdirSync(disk)
  const out = join(disk, 'merged.h5')
  const mount = `mount -t tmpfs -o size=1m none ${disk}`
  const mounts = (() => {
    try {
      execFileSync('unshare', ['-rm', 'bash', '-c', mount], { stdio: 'ignore' })
      return true
    } catch {
      return false // where nobody may, a limit on the size of files stands for the disk
    }
  })()
  const prefix = mounts
    ? ['unshare', '-rm', 'bash', '-c', `${mount} && exec "$0" "$@"`]
    : ['bash', '-c', 'ulimit -f 1000; exec "$0" "$@"']
  const { printed } = await mergeInChild(path, out, null, prefix)
  const { code, message } = JSON.parse(printed) as { code: string; message: string }
  t.is(code, 'AOT_IO')
  t.regex(
    message,
    mounts
      ? /^merging to .*merged\.h5 needs 1600000 more bytes, its disk has 10\d{5}: free some space, or give another place$/
      : /^cannot create .*merged\.h5\.tmp\.header: File too large; /,
  )
  t.deepEqual(readdirSync(disk), [])
})

test('killed at seeded moments, it ends with the same bytes', async (t) => {
  await killMerges(t, 20, 1)
})
