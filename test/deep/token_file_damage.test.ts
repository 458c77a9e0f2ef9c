import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { golden } from '../data/helpers.js'

const names = ['contiguous_int32.h5', 'contiguous_uint16.h5', 'gzip.h5', 'resizable.h5', 'compact.h5']
const files = 400
const reader = fileURLToPath(new URL('read_damaged.js', import.meta.url))

for (const name of names) {
  test(`damaged copies of ${name} are read or refused, and nothing crashes`, (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'aot-'))
    const child = spawnSync(process.execPath, [reader, golden(name), folder, String(files)], { encoding: 'utf8' })
    t.is(child.signal, null)
    t.is(child.status, 0, child.stderr)
    const { read, refused } = JSON.parse(child.stdout) as { read: number; refused: number }
    t.is(read + refused, files)
    t.true(read > 0 && refused > 0)
    rmSync(folder, { recursive: true })
  })
}
