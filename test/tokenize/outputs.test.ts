import { existsSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { AotError } from '../../ts/errors.js'
import { makeFolder } from '../../ts/tokenize/outputs.js'
import { temporaryFolder, writeFiles } from './support.js'

test('a folder is made with those above it, and taken away as far as it is empty', (t) => {
  const folder = temporaryFolder(t)
  const remove = makeFolder(join(folder, 'a/b/c'))
  makeFolder(join(folder, 'a/b/c'))()
  t.true(existsSync(join(folder, 'a/b/c')))
  writeFiles(folder, { 'a/kept.txt': '' })
  remove()
  t.false(existsSync(join(folder, 'a/b')))
  t.true(existsSync(join(folder, 'a/kept.txt')))
})

test('where no folder can be, one line says so and nothing is left', (t) => {
  const folder = temporaryFolder(t)
  writeFiles(folder, { file: '' })
  const file = join(folder, 'file')
  const refused = (path: string, reason: string) =>
    t.throws(() => makeFolder(path), {
      instanceOf: AotError,
      code: 'AOT_IO',
      message: `cannot make the folder ${path}: ${reason}; name another place`,
    })
  refused(file, 'it is a file')
  refused(`${file}/a/b`, `ENOTDIR: not a directory, mkdir '${file}/a'`)
  refused('/proc/x/y', "ENOENT: no such file or directory, mkdir '/proc/x'")
  const long = join(folder, 'new', 'n'.repeat(300))
  refused(long, `ENAMETOOLONG: name too long, mkdir '${long}'`)
  t.false(existsSync(join(folder, 'new')))
})
