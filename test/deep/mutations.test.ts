/**
 * The tests can fail: each mistake of mutations.ts is planted in a copy of the sources, one at a time, and the test that
 * guards the place must notice it.
 */
import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { packageRoot } from '../../ts/native.js'
import { someOfAllRooms } from './mutation.js'
import { mutations as all } from './mutations.js'

const run = promisify(execFile)
/**
 * AOT_MUTATIONS=all takes all mistakes, which is hours of work; AOT_MUTATIONS=cuda/ those in files that begin so; without
 * it a few are taken, of all rooms.
 */
const { AOT_MUTATIONS: asked = '' } = process.env
const mutations =
  asked === '' ? someOfAllRooms(all) : all.filter(({ file }) => asked === 'all' || file.startsWith(asked))
const copy = mkdtempSync(join(tmpdir(), 'aot-mutations-'))
// The tests of the copy are those of an ordinary `npm test`, on the addon of the copy.
const env = { ...process.env, AOT_ADDON: undefined, AOT_DEEP: undefined, AOT_ISA: undefined }
const at = { cwd: copy, maxBuffer: 1 << 28, env }
const leftOut = ['.git', 'node_modules', 'dist', 'runs', 'quickstart', '.ccache']

/** Without npx, which takes a second itself. */
const command = (name: string) => join(copy, 'node_modules', '.bin', name)

/** What has changed since it was built last: a mistake that was taken out again is built together with the next. */
const stale = new Set<'native' | 'ts'>(['native', 'ts'])

async function build(): Promise<void> {
  if (stale.has('native')) await run('cmake', ['--build', 'build', '--parallel', '2'], at)
  if (stale.has('ts')) await run(command('tsc'), ['--noUnusedLocals', 'false', '--noUnusedParameters', 'false'], at)
  stale.clear()
}

/** The end of what a command printed. */
function printed({ stdout = '', stderr = '' }: { stdout?: string; stderr?: string }): string {
  return `${stdout}\n${stderr}`.slice(-6000)
}

async function runTests(names: Iterable<string>): Promise<{ outcome: 'passed' | 'failed' | 'broke'; output: string }> {
  const files = Array.from(names, (name) => `dist/test/${name}.test.js`)
  try {
    const result = await run(command('ava'), ['--fail-fast', '--timeout=5m', '--concurrency=2', ...files], at)
    return { outcome: 'passed', output: printed(result) }
  } catch (error) {
    const output = printed(error as { stdout: string; stderr: string })
    return { outcome: /\d+ tests? failed/.test(output) ? 'failed' : 'broke', output }
  }
}

function remove(): void {
  rmSync(copy, { recursive: true, force: true })
}
process.once('exit', remove)
test.after.always(remove)

test.before(async (t) => {
  t.timeout(30 * 60_000)
  cpSync(packageRoot, copy, {
    recursive: true,
    filter: (source) => {
      const name = relative(packageRoot, source)
      return !leftOut.includes(name) && !/^build[^/]*$/.test(name)
    },
  })
  symlinkSync(join(packageRoot, 'node_modules'), join(copy, 'node_modules'))
  // Optimized as little as the tests' time limits allow: the kernels ask for more themselves.
  const flags = ['-DAOT_EMULATED=on', '-DCMAKE_BUILD_TYPE=Release', '-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG']
  await run('cmake', ['-S', '.', '-B', 'build', '-G', 'Ninja', ...flags], at)
  await build()
})

test.serial('without a mistake the tests pass', async (t) => {
  t.timeout(20 * 60_000)
  const { outcome, output } = await runTests(new Set(mutations.map(({ noticedBy }) => noticedBy)))
  t.is(outcome, 'passed', output)
})

for (const { mistake, file, find, replace, noticedBy } of mutations) {
  test.serial(`${noticedBy} notices: ${mistake}`, async (t) => {
    t.timeout(10 * 60_000)
    const path = join(copy, file)
    const source = readFileSync(path, 'utf8')
    t.is(source.split(find).length, 2, `"${find}" must stand exactly once in ${file}`)
    const language = file.startsWith('ts/') ? 'ts' : 'native'
    try {
      writeFileSync(
        path,
        source.replace(find, () => replace),
      )
      stale.add(language)
      await build()
      const { outcome, output } = await runTests([noticedBy])
      t.is(outcome, 'failed', `with "${find}" of ${file} replaced by "${replace}":\n${output}`)
    } finally {
      writeFileSync(path, source)
      stale.add(language)
    }
  })
}
