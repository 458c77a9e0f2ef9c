import test from 'ava'
import { type Check, makeReport, summary } from '../../ts/gpu_check/report.js'

const facts = { version: '1.2.3', date: '2027-01-02T03:04:05.000Z', host: 'Processor, 8 cores', gpu: null }
const gpu = { count: 1, description: 'cuda:0 (Big GPU, cuBLASLt)', driver: '580.1', memory: '80 GiB' }
const passed: Check = { name: 'test/ops/linear', ok: true, seconds: 71, details: '12 tests' }
const failed: Check = { name: 'training', ok: false, seconds: 3, details: 'exit status 1: broken (log)' }
const absent: Check = { name: 'environment', ok: null, seconds: 0, details: 'no NVIDIA driver' }

test('without a GPU it says so, and is no failure', (t) => {
  const report = makeReport(facts, [absent, passed])
  t.true(report.ok)
  t.is(
    summary(report),
    `gpu-check of arrows-of-time 1.2.3, 2027-01-02T03:04:05.000Z
  host     Processor, 8 cores
  device   no GPU that can be used

  not run  environment               0 s  no NVIDIA driver
  passed   test/ops/linear    1 min 11 s  12 tests

PASSED: 1 passed, 0 failed, 1 not run; not run on a GPU`,
  )
})

test('one failed check fails all', (t) => {
  const report = makeReport({ ...facts, gpu }, [passed, failed, passed])
  t.false(report.ok)
  const lines = summary(report).split('\n')
  t.is(lines[2], '  device   cuda:0 (Big GPU, cuBLASLt), 80 GiB, driver 580.1')
  t.is(lines.at(-1), 'FAILED: 2 passed, 1 failed, 0 not run; run on cuda:0 (Big GPU, cuBLASLt)')
})

test('what nvidia-smi does not say is left out', (t) => {
  const report = makeReport({ ...facts, gpu: { ...gpu, driver: null, memory: null } }, [passed])
  t.is(summary(report).split('\n')[2], '  device   cuda:0 (Big GPU, cuBLASLt)')
})
