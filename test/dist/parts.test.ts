/** What replicas are put together from: the checks of parts.cpp. */
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { packageRoot } from '../../ts/native.js'

const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), 'aot-parts-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

const program = join(folder, 'parts')
const sources = [
  'test/dist/parts.cpp',
  'native/dist/buckets.cpp',
  'native/dist/thread_group.cpp',
  'native/backend/parameters.cpp',
].map((file) => join(packageRoot, file))
execFileSync('g++', ['-std=c++20', '-O1', '-pthread', '-I', join(packageRoot, 'native'), '-o', program, ...sources])

for (const check of execFileSync(program, { encoding: 'utf8' }).trim().split('\n')) {
  test(check, async (t) => {
    const printed = await run(program, [check], { timeout: 60_000 }).then(
      () => '',
      (error) => error.stdout || String(error),
    )
    t.is(printed, '')
  })
}
