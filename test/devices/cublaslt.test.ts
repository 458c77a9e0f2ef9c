/**
 * Products by cuBLASLt, without a GPU: the emulated device takes them to fake_cublaslt.cpp, which refuses what the real
 * library would refuse or misread. The library is chosen when a process starts to use a device, hence child processes.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import anyTest, { type TestFn } from 'ava'
import { packageRoot } from '../../ts/native.js'
import { devices } from '../devices.js'

const test = anyTest as TestFn<{ folder: string }>
const emulatedTest = devices.includes('emulated') ? test : test.skip

test.before((t) => {
  t.context.folder = mkdtempSync(join(tmpdir(), 'aot-cublaslt-'))
})
test.after.always((t) => {
  rmSync(t.context.folder, { recursive: true, force: true })
})

function compile(source: string, library: string): void {
  execFileSync('g++', ['-std=c++20', '-O2', '-shared', '-fPIC', '-o', library, source])
}

/** Runs one op on the emulated device in a process of its own: what it says. */
function runWith(library: string | undefined): { stdout: string; stderr: string; status: number | null } {
  const script = `
    import { nativeFor } from ${JSON.stringify(new URL('../../ts/native.js', import.meta.url).href)}
    const inputs = [[1, 2, 3, 4], [1, 2, 3, 4], [5, 6]].map((values) => new Float32Array(values))
    const shape = { window: 2, width: 2, out: 2 }
    const { y } = nativeFor('emulated').runOp('emulated', 'fp32', 'linear_forward', shape, inputs)
    console.log([...y].join())`
  const env = { ...process.env, AOT_CUBLASLT: library }
  return spawnSync(process.execPath, ['--input-type=module', '-e', script], { env, cwd: packageRoot, encoding: 'utf8' })
}

emulatedTest('the tests of ops pass with products by a library', (t) => {
  t.timeout(5 * 60_000)
  const library = join(t.context.folder, 'libfake.so')
  const log = join(t.context.folder, 'products')
  compile(join(packageRoot, 'test/devices/fake_cublaslt.cpp'), library)
  const ops = ['linear', 'cross_entropy'].map((name) => `dist/test/ops/${name}.test.js`)
  const env = { ...process.env, AOT_CUBLASLT: library, AOT_FAKE_CUBLASLT_LOG: log }
  const ran = spawnSync(process.execPath, ['node_modules/ava/entrypoints/cli.mjs', '--timeout=4m', ...ops], {
    env,
    cwd: packageRoot,
    encoding: 'utf8',
  })
  t.is(ran.status, 0, `${ran.stdout.slice(-6000)}\n${ran.stderr.slice(-6000)}`)
  const products = readFileSync(log, 'utf8')
  // Sums in fp32 for an epilogue of ours, a bias and a sum by the library, bf16 without a detour; n = 31 goes round it.
  for (const line of [
    'bf16 fp32 m=72 n=48 k=16',
    'fp32 fp32 m=72 n=48 k=16 bias',
    'bf16 fp32 m=48 n=16 k=72 accumulate',
    'bf16 bf16 m=72 n=16 k=48',
    'bf16 fp32 m=9 n=380 k=31',
  ]) {
    t.true(products.split('\n').includes(line), `no product ${line}`)
  }
  t.false(/ n=31 /.test(products))
})

emulatedTest('a library that cannot be used is named in one line, and the built-in products are taken', (t) => {
  const good = '10,17,16,31\n'
  t.like(runWith(undefined), { stdout: good, stderr: '', status: 0 })
  t.like(runWith('off'), { stdout: good, stderr: '', status: 0 })
  const line = (file: string, why: string) =>
    `emulated: matrix products by the built-in kernels, slower than cuBLASLt: AOT_CUBLASLT: ${file} ${why}\n`
  const broken = join(t.context.folder, 'broken.so')
  writeFileSync(broken, 'not a library')
  t.like(runWith(broken), {
    stdout: good,
    stderr: line(broken, `cannot be loaded: ${broken}: file too short`),
    status: 0,
  })
  const absent = join(t.context.folder, 'absent.so')
  t.like(runWith(absent), {
    stdout: good,
    stderr: line(absent, `cannot be loaded: ${absent}: cannot open shared object file: No such file or directory`),
    status: 0,
  })
  const source = join(t.context.folder, 'other.cpp')
  const other = join(t.context.folder, 'other.so')
  writeFileSync(source, 'extern "C" int cublasLtCreate(void**) { return 1; }')
  compile(source, other)
  t.like(runWith(other), {
    stdout: good,
    stderr: line(other, 'is no cuBLASLt: it has no function cublasLtDestroy'),
    status: 0,
  })
})
