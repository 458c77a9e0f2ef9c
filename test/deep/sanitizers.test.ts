/**
 * The fast tests of the native rooms again, on an addon built with AddressSanitizer and UndefinedBehaviorSanitizer.
 * Leaks are not looked for: Node itself ends without freeing.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import test from 'ava'
import { packageRoot } from '../../ts/native.js'

const run = promisify(execFile)
const build = `${packageRoot}build-sanitize`

test('address and undefined behaviour', async (t) => {
  t.timeout(40 * 60_000)
  const at = { cwd: packageRoot, maxBuffer: 1 << 28 }
  await run(
    'cmake',
    [
      '-S',
      '.',
      '-B',
      build,
      '-G',
      'Ninja',
      '-DCMAKE_BUILD_TYPE=Release',
      '-DCMAKE_CXX_FLAGS_RELEASE=-O1',
      '-DAOT_SANITIZE=address,undefined',
      '-DAOT_EMULATED=on',
    ],
    at,
  )
  await run('cmake', ['--build', build, '--parallel', '2'], at)
  const { stdout: runtime } = await run('g++', ['-print-file-name=libasan.so'], at)
  const env = {
    ...process.env,
    AOT_DEEP: undefined, // the fast tests
    AOT_ADDON: `${build}/Release/aot.node`,
    LD_PRELOAD: runtime.trim(),
    ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1',
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
  }
  // HDF5 itself can die of these files; native/data/hdf5.cpp tries them in a fork, which the sanitizer does not allow.
  const damaged = ['--match=!refused with its own line: damaged_*', '--match=!a damaged virtual file is refused*']
  const match = ['--match=*', ...damaged]
  const rooms = ['tokenizer', 'tokenize', 'data', 'ops', 'engine'].map((room) => `dist/test/${room}/**/*.test.js`)
  const result = await run('npx', ['ava', '--timeout=10m', '--concurrency=2', ...match, ...rooms], {
    ...at,
    env,
  }).catch((error: Error & { stdout: string; stderr: string }) => error)
  t.false(result instanceof Error, `${result.stdout.slice(-6000)}\n${result.stderr.slice(-6000)}`)
})
