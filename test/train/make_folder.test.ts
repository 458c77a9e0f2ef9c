import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { makeFolder } from '../../ts/checkpoints/durable.js'

test('a folder is made with those above it, twice alike', async (t) => {
  const folder = join(mkdtempSync(join(tmpdir(), 'aot-')), 'a/b/c')
  await makeFolder(folder)
  await makeFolder(folder)
  t.true(existsSync(folder))
})

test('a folder that cannot be is an error, and does not hang', async (t) => {
  if (existsSync('/proc')) await t.throwsAsync(makeFolder('/proc/none/such'), { code: 'ENOENT' })
  const file = join(mkdtempSync(join(tmpdir(), 'aot-')), 'file')
  writeFileSync(file, '')
  await t.throwsAsync(makeFolder(file), { code: 'EEXIST' })
  await t.throwsAsync(makeFolder(join(file, 'x')), { code: 'ENOTDIR' })
})
