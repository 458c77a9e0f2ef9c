/**
 * Gradients summed by NCCL, without a GPU: emulated devices take them to fake_nccl.cpp, which refuses what the real
 * library would refuse or wait for without end.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import anyTest, { type TestFn } from 'ava'
import { packageRoot } from '../../ts/native.js'
import { devices } from '../devices.js'

const test = anyTest as TestFn<{ folder: string }>
const emulatedTest = devices.includes('emulated') ? test : test.skip

test.before((t) => {
  t.context.folder = mkdtempSync(join(tmpdir(), 'aot-nccl-'))
  if (devices.includes('emulated')) compile('test/devices/fake_nccl.cpp', join(t.context.folder, 'libfake.so'))
})
test.after.always((t) => {
  rmSync(t.context.folder, { recursive: true, force: true })
})

function compile(source: string, library: string, ...options: string[]): void {
  execFileSync('g++', ['-std=c++20', '-O1', '-shared', '-fPIC', ...options, '-o', library, join(packageRoot, source)])
}

interface Ran {
  lines: string[]
  stderr: string
  /** The calls of the library. */
  calls: string[]
}

/** test/cuda/exchange.cpp with a library; fails: what goes wrong there. */
function exchange(folder: string, library: string, args: (string | number)[], fails = ''): Ran {
  const log = join(folder, `calls-${Math.random()}`)
  const env = { ...process.env, AOT_NCCL: library, AOT_FAKE_NCCL: fails, AOT_FAKE_NCCL_LOG: log }
  const program = join(packageRoot, 'build/Release/aot_exchange')
  const ran = spawnSync(program, args.map(String), { env, encoding: 'utf8', timeout: 120_000 })
  const lines = ran.stdout.trim() === '' ? [] : ran.stdout.trim().split('\n')
  const calls = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []
  return { lines, stderr: ran.signal === null ? ran.stderr : `ended by ${ran.signal}`, calls }
}

emulatedTest('every rank joins one group with one id, sums in place and leaves', (t) => {
  const { folder } = t.context
  const { lines, stderr, calls } = exchange(folder, join(folder, 'libfake.so'), ['sum', 3, 1003, 0, 2, 0])
  t.deepEqual({ lines, stderr }, { lines: ['ok nccl 2'], stderr: '' })
  const ranks = [0, 1, 2].map((rank) => `rank ${rank} of 3`)
  t.deepEqual(calls, ['id', ...ranks, 'sum 1003', 'sum 1003', 'destroy', 'destroy', 'destroy'])
  for (const order of [1, 5]) {
    t.deepEqual(exchange(folder, join(folder, 'libfake.so'), ['sum', 2, 77, 1, 3, order]).lines, ['ok nccl 1'])
  }
})

emulatedTest('models train alike with sums by NCCL', (t) => {
  t.timeout(8 * 60_000)
  const { folder } = t.context
  const log = join(folder, 'training')
  const env = { ...process.env, AOT_NCCL: join(folder, 'libfake.so'), AOT_FAKE_NCCL_LOG: log }
  const args = ['node_modules/ava/entrypoints/cli.mjs', '--timeout=6m', 'dist/test/devices/replicas_emulated.test.js']
  const ran = spawnSync(process.execPath, args, { env, cwd: packageRoot, encoding: 'utf8' })
  t.is(ran.status, 0, `${ran.stdout.slice(-6000)}\n${ran.stderr.slice(-6000)}`)
  const calls = readFileSync(log, 'utf8').split('\n')
  t.true(calls.includes('rank 2 of 3'))
  t.true(calls.includes('sum 512'))
  t.false(calls.some((call) => call.startsWith('refused')))
})

emulatedTest('a library that cannot be used is named in one line, and the devices copy', (t) => {
  const { folder } = t.context
  const copies = (library: string, fails = '') => {
    const { lines, stderr, calls } = exchange(folder, library, ['sum', 2, 64, 0, 1, 0], fails)
    t.deepEqual({ lines, calls }, { lines: ['ok threads 1'], calls: [] })
    return stderr
  }
  const line = (file: string, why: string) =>
    `emulated: gradients are exchanged by copies between the devices instead of NCCL: AOT_NCCL: ${file} ${why}\n`
  t.is(copies('off'), '')
  t.is(copies(''), '')
  const good = join(folder, 'libfake.so')
  t.is(copies(good, 'old'), line(good, 'is NCCL 2.3: 2.4 or later is needed'))
  const broken = join(folder, 'broken.so')
  writeFileSync(broken, 'not a library')
  t.is(copies(broken), line(broken, `cannot be loaded: ${broken}: file too short`))
  const poor = join(folder, 'poor.so')
  compile('test/devices/fake_nccl.cpp', poor, '-DWITHOUT_ABORT')
  t.is(copies(poor), line(poor, 'is no NCCL: it has no function ncclCommAbort'))
})

emulatedTest('what NCCL reports ends all ranks with one line', (t) => {
  const { folder } = t.context
  const good = join(folder, 'libfake.so')
  const report = (what: string, where: string) =>
    `AOT_DEVICE NCCL reports "${what}" in ${where} on emulated: set NCCL_DEBUG=WARN to see more`
  const all = (line: string) => [`rank 0: ${line}`, `rank 1: ${line}`]

  const refused = exchange(folder, good, ['both'], 'refuse')
  t.deepEqual(refused.lines, [`error ${report('invalid usage', 'ncclCommInitRank')}`])
  const failed = exchange(folder, good, ['both'], 'sum')
  t.deepEqual(failed.lines, all(report('unhandled system error', 'ncclAllReduce')))
  const lost = exchange(folder, good, ['both'], 'async')
  t.deepEqual(lost.lines, all(report('remote process exited or there was a network error', 'ncclAllReduce')))
  for (const { calls } of [failed, lost]) {
    t.is(calls.filter((call) => call === 'abort').length, 2)
    t.false(calls.includes('destroy'))
  }
  const stuck = exchange(folder, good, ['absent'], 'stuck')
  t.deepEqual(stuck.lines, [
    'error AOT_DEVICE NCCL has not connected the GPUs in 1 seconds: set NCCL_DEBUG=INFO to see where it waits',
  ])
})

emulatedTest('a replica that stops ends what the others wait for in NCCL', (t) => {
  const { folder } = t.context
  const { lines, calls } = exchange(folder, join(folder, 'libfake.so'), ['stop'])
  t.deepEqual(lines, ['rank 0: AOT_DEVICE replica 1 (emulated) stopped: no more batches'])
  t.is(calls.filter((call) => call === 'abort').length, 2)
})
