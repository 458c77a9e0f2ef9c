/**
 * The tests can fail: each mistake of mutations.ts is planted in a copy of the sources, one at a time, and the test that
 * guards the place must notice it.
 */
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { packageRoot } from '../../ts/native.js'
import { mutations } from './mutations.js'

const run = promisify(execFile)
const copy = mkdtempSync(join(tmpdir(), 'aot-mutations-'))
const at = { cwd: copy, maxBuffer: 1 << 28, env: { ...process.env, AOT_ADDON: undefined } }

async function build(): Promise<void> {
  await run('cmake', ['-S', '.', '-B', 'build', '-G', 'Ninja', '-DCMAKE_BUILD_TYPE=Release'], at)
  await run('cmake', ['--build', 'build', '--parallel', '2'], at)
  await run('npx', ['tsc', '-p', 'tsconfig.json'], at)
}

async function rebuild(file: string): Promise<void> {
  if (file.startsWith('ts/')) {
    await run('npx', ['tsc', '-p', 'tsconfig.json', '--noUnusedLocals', 'false', '--noUnusedParameters', 'false'], at)
  } else {
    await run('cmake', ['--build', 'build', '--parallel', '2'], at)
  }
}

test.before(async (t) => {
  t.timeout(20 * 60_000)
  for (const name of ['CMakeLists.txt', 'package.json', 'tsconfig.json', 'bin', 'configs', 'native', 'ts', 'test']) {
    cpSync(join(packageRoot, name), join(copy, name), { recursive: true })
  }
  symlinkSync(join(packageRoot, 'node_modules'), join(copy, 'node_modules'))
  await build()
})

test.after.always(() => rmSync(copy, { recursive: true, force: true }))

for (const { mistake, file, find, replace, noticedBy } of mutations) {
  test.serial(`${noticedBy} notices: ${mistake}`, async (t) => {
    t.timeout(10 * 60_000)
    const path = join(copy, file)
    const source = readFileSync(path, 'utf8')
    t.is(source.split(find).length, 2, `"${find}" must stand exactly once in ${file}`)
    try {
      writeFileSync(
        path,
        source.replace(find, () => replace),
      )
      await rebuild(file)
      const outcome = await run('npx', ['ava', `dist/test/${noticedBy}.test.js`], at).then(
        () => 'passed',
        (error: { stdout: string }) => (/\d+ tests? failed/.test(error.stdout) ? 'failed' : `broke: ${error.stdout}`),
      )
      t.is(outcome, 'failed')
    } finally {
      writeFileSync(path, source)
      await rebuild(file)
    }
  })
}
