import { existsSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { removeEmpty } from '../../ts/checkpoints/durable.js'
import { AotError } from '../../ts/errors.js'
import { makeOutputFolder } from '../../ts/tokenize/outputs.js'
import { temporaryFolder, writeFiles } from './support.js'

test('a folder is made with those above it, and taken away as far as it is empty', async (t) => {
  const folder = temporaryFolder(t)
  const made = await makeOutputFolder(join(folder, 'a/b/c'))
  await removeEmpty(await makeOutputFolder(join(folder, 'a/b/c')))
  t.true(existsSync(join(folder, 'a/b/c')))
  writeFiles(folder, { 'a/kept.txt': '' })
  await removeEmpty(made)
  t.false(existsSync(join(folder, 'a/b')))
  t.true(existsSync(join(folder, 'a/kept.txt')))
})

test("several that make the same folders at once do not stand in each other's way", async (t) => {
  const folder = temporaryFolder(t)
  for (let round = 0; round < 50; round++) {
    const path = join(folder, `${round}/a/b/c`)
    await t.notThrowsAsync(Promise.all(Array.from({ length: 8 }, () => makeOutputFolder(path))))
    t.true(existsSync(path))
  }
})

test('where no folder can be, one line says so and nothing is left', async (t) => {
  const folder = temporaryFolder(t)
  writeFiles(folder, { file: '' })
  const file = join(folder, 'file')
  const refused = (path: string, reason: string) =>
    t.throwsAsync(makeOutputFolder(path), {
      instanceOf: AotError,
      code: 'AOT_IO',
      message: `cannot make the folder ${path}: ${reason}; name another place`,
    })
  await refused(file, `EEXIST: file already exists, mkdir '${file}'`)
  await refused(`${file}/a/b`, `ENOTDIR: not a directory, mkdir '${file}/a/b'`)
  await refused('/proc/x/y', "ENOENT: no such file or directory, mkdir '/proc/x'")
  const long = join(folder, 'new', 'n'.repeat(300))
  await refused(long, `ENAMETOOLONG: name too long, mkdir '${long}'`)
  t.false(existsSync(join(folder, 'new')))
})
