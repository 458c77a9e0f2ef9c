import { copyFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { TokenStore } from '../../ts/data/token_store.js'
import { AotError, type AotErrorCode } from '../../ts/errors.js'
import { golden, throwsAot, token, tokens } from './helpers.js'

const layouts: [name: string, dtype: string][] = [
  ['contiguous_int32.h5', 'int32'],
  ['contiguous_uint16.h5', 'uint16'],
  ['int64.h5', 'int64'],
  ['big_endian.h5', 'big-endian int32'],
  ['big_endian_uint16.h5', 'big-endian uint16'],
  ['resizable.h5', 'int32'],
  ['gzip.h5', 'int32'],
  ['user_block.h5', 'uint16'],
  ['compact.h5', 'int32'],
]

for (const [name, dtype] of layouts) {
  test(`${name} is read as what was written`, async (t) => {
    const store = TokenStore.open(golden(name))
    t.is(store.length, 300)
    t.is(store.dtype, dtype)
    t.deepEqual([...store.read(0, 300)], tokens(0, 300))
    t.deepEqual([...store.read(127, 3)], tokens(127, 130))
    t.deepEqual([...store.read(299, 1)], [token(299)])
    t.is(store.read(300, 0).length, 0)
    t.is(await store.maxId(), Math.max(...tokens(0, 300)))
    store.close()
  })
}

test('an external link gives the tokens of the file it leads to', (t) => {
  const store = TokenStore.open(golden('external_link.h5'))
  t.is(store.dtype, 'uint16')
  t.deepEqual([...store.read(0, store.length)], tokens(0, 300))
})

test('8-bit tokens are not signed', (t) => {
  const store = TokenStore.open(golden('uint8.h5'))
  t.is(store.dtype, 'uint8')
  t.deepEqual(
    [...store.read(0, 300)],
    tokens(0, 300).map((id) => id % 251),
  )
})

test('a virtual dataset is its sources, one after the other, also when they are virtual', async (t) => {
  const whole = [...tokens(0, 300), ...tokens(50, 250), ...tokens(0, 300)]
  const store = TokenStore.open(golden('virtual.h5'))
  t.is(store.dtype, 'int32')
  t.deepEqual([...store.read(0, store.length)], whole)
  t.deepEqual([...store.read(295, 210)], whole.slice(295, 505))
  t.is(await store.maxId(), Math.max(...whole))
  const nested = TokenStore.open(golden('virtual_nested.h5'))
  t.deepEqual([...nested.read(0, nested.length)], [...whole.slice(280, 530), ...tokens(0, 300)])
})

const refused: [name: string, code: AotErrorCode, message: (path: string) => string][] = [
  ['not_there.h5', 'AOT_IO', (path) => `cannot open the token file ${path}: No such file or directory`],
  ['.', 'AOT_IO', (path) => `${path} is a folder: give the name of a token file (.h5) in it`],
  ['make.py', 'AOT_DATA', (path) => `${path} is not an HDF5 file: make token files with aot-tokenize`],
  ['cut.h5', 'AOT_DATA', (path) => `${path} is a damaged or cut HDF5 file: write or copy it again`],
  ['damaged_chunks.h5', 'AOT_DATA', (path) => `${path} is a damaged or cut HDF5 file: write or copy it again`],
  ['damaged_virtual.h5', 'AOT_DATA', (path) => `${path} is a damaged or cut HDF5 file: write or copy it again`],
  [
    'no_tokens.h5',
    'AOT_DATA',
    (path) => `${path} has no dataset 'tokens': it holds ids; the token ids must be in that dataset`,
  ],
  [
    'nothing.h5',
    'AOT_DATA',
    (path) => `${path} has no dataset 'tokens': it holds nothing; the token ids must be in that dataset`,
  ],
  ['group.h5', 'AOT_DATA', (path) => `'tokens' of ${path} is not a dataset but a group or a type: write it again`],
  [
    'dangling.h5',
    'AOT_DATA',
    (path) =>
      `dataset 'tokens' of ${path} cannot be opened: it is damaged, or in a newer format than HDF5 N reads; ` +
      'rewrite it with h5repack --high=1',
  ],
  ['empty.h5', 'AOT_DATA', (path) => `${path} holds no tokens: its text was empty`],
  ['rank2.h5', 'AOT_DATA', (path) => `dataset 'tokens' of ${path} has 2 dimensions: it must have one`],
  [
    'float.h5',
    'AOT_DATA',
    (path) =>
      `dataset 'tokens' of ${path} does not hold integers of 8, 16, 32 or 64 bits: store the ids as int32 or uint16`,
  ],
  [
    'lzf.h5',
    'AOT_DATA',
    (path) =>
      `${path} is compressed with 'lzf', which this HDF5 library cannot read: write it again with gzip where it was made`,
  ],
  ['unwritten.h5', 'AOT_DATA', (path) => `${path} was created but its tokens were never written`],
  [
    'partly_written.h5',
    'AOT_DATA',
    (path) => `${path} was not written to its end: only 2 of 3 chunks are there; write it again`,
  ],
  [
    'virtual_missing.h5',
    'AOT_DATA',
    (path) =>
      `the source file ${golden('not_there.h5')} of the virtual dataset ${path} is missing: put it back beside it`,
  ],
  [
    'virtual_short.h5',
    'AOT_DATA',
    () =>
      `the source file ${golden('contiguous_int32.h5')} holds 300 tokens where 500 are expected: it was cut or replaced`,
  ],
  [
    'virtual_gap.h5',
    'AOT_DATA',
    (path) => `the virtual dataset 'tokens' of ${path} has no single source for place 300: make it anew`,
  ],
  ['virtual_circle.h5', 'AOT_DATA', (path) => `${path} is a virtual dataset that refers to itself: make it anew`],
]

for (const [name, code, message] of refused) {
  test(`refused with its own line: ${name}`, (t) => {
    throwsAot(t, () => TokenStore.open(golden(name)), code, message(golden(name)))
  })
}

test('a source cut after the virtual dataset was made is found out', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'aot-'))
  for (const name of ['virtual.h5', 'contiguous_int32.h5', 'resizable.h5', 'int64.h5']) {
    copyFileSync(golden(name), join(folder, name))
  }
  t.is(TokenStore.open(join(folder, 'virtual.h5')).length, 800)
  const cut = join(folder, 'contiguous_int32.h5')
  truncateSync(cut, 2500)
  throwsAot(
    t,
    () => TokenStore.open(join(folder, 'virtual.h5')),
    'AOT_DATA',
    `${cut} is a damaged or cut HDF5 file: write or copy it again`,
  )
  rmSync(folder, { recursive: true })
})

test('ids that cannot be are told by place', async (t) => {
  const negative = TokenStore.open(golden('negative.h5'))
  const error = await t.throwsAsync(negative.maxId(), { instanceOf: AotError })
  t.is(
    error?.message,
    `the token at place 7 of ${golden('negative.h5')} is negative (-5): the file does not hold token ids`,
  )
  const large = TokenStore.open(golden('too_large.h5'))
  throwsAot(
    t,
    () => large.read(0, 20),
    'AOT_DATA',
    `the token at place 13 of ${golden('too_large.h5')} is not a 32-bit id: the file does not hold token ids`,
  )
  t.deepEqual([...large.read(0, 13)], tokens(0, 13))
})

test('a range outside the file, wrong arguments and a closed store have their line', async (t) => {
  const path = golden('gzip.h5')
  const store = TokenStore.open(path)
  const outside = (count: number, offset: number) =>
    `${count} tokens from place ${offset} on were asked of ${path}, which holds 300 tokens`
  throwsAot(t, () => store.read(290, 11), 'AOT_DATA', outside(11, 290))
  throwsAot(t, () => store.read(301, 0), 'AOT_DATA', outside(0, 301))
  throwsAot(t, () => store.read(0, 2 ** 31 - 1), 'AOT_DATA', outside(2 ** 31 - 1, 0))
  const whole = 'offset must be a whole number from 0 to 9007199254740992'
  throwsAot(t, () => store.read(-1, 1), 'AOT_CONFIG', whole)
  throwsAot(t, () => store.read(0.5, 1), 'AOT_CONFIG', whole)
  throwsAot(t, () => TokenStore.open(undefined as unknown as string), 'AOT_CONFIG', 'path must be a string')
  store.close()
  store.close()
  throwsAot(t, () => store.read(0, 1), 'AOT_CONFIG', 'the token store is closed')
  throwsAot(t, () => store.length, 'AOT_CONFIG', 'the token store is closed')
  throwsAot(t, () => void store.maxId(), 'AOT_CONFIG', 'the token store is closed')
})

test('a pass over the file outlives the closing of the store', async (t) => {
  const store = TokenStore.open(golden('gzip.h5'))
  const pass = store.maxId()
  store.close()
  t.is(await pass, Math.max(...tokens(0, 300)))
})

test('damaged metadata never crash the reader', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'aot-'))
  const path = join(folder, 'short.h5')
  const signature = Buffer.from('894844460d0a1a0a', 'hex')
  for (const bytes of [8, 9, 16, 48, 96, 400]) {
    writeFileSync(path, Buffer.concat([signature, Buffer.alloc(bytes - 8, 0)]))
    throwsAot(
      t,
      () => TokenStore.open(path),
      'AOT_DATA',
      `${path} is a damaged or cut HDF5 file: write or copy it again`,
    )
  }
  rmSync(folder, { recursive: true })
})
