import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { describeFailure, runChild } from '../../ts/gpu_check/child.js'
import { countTap } from '../../ts/gpu_check/tests.js'

const folder = mkdtempSync(join(tmpdir(), 'aot-gpu-check-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

const run = (name: string, script: string, limit = 60, env = {}) =>
  runChild([process.execPath, '-e', script], { folder, log: join(folder, name), limit, env })

test('a child ends: status, output, log', async (t) => {
  const result = await run('ends', 'console.log(process.env.WORD); console.error("second"); process.exitCode = 3', 60, {
    WORD: 'first',
  })
  t.like(result, { status: 3, timedOut: false, output: 'first\nsecond\n' })
  t.is(readFileSync(join(folder, 'ends'), 'utf8'), 'first\nsecond\n')
  t.is(describeFailure(result, 'a log'), 'exit status 3: second (a log)')
})

test('a child that hangs is killed with its children', async (t) => {
  const script = `
    const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    console.log(child.pid)
    setInterval(() => {}, 1000)`
  const result = await run('hangs', script, 1)
  t.like(result, { status: null, timedOut: true })
  t.is(describeFailure(result, 'a log'), `stopped after 1 s: ${result.output.trim()} (a log)`)
  const isAlive = () => {
    try {
      return /^State:\s+[^Z]/m.test(readFileSync(`/proc/${result.output.trim()}/status`, 'utf8'))
    } catch {
      return false
    }
  }
  for (let tries = 0; isAlive() && tries < 50; tries++) await new Promise((resolve) => setTimeout(resolve, 100))
  t.false(isAlive())
})

test('a program that is not there', async (t) => {
  const result = await runChild([join(folder, 'none')], { folder, log: join(folder, 'log'), limit: 5 })
  t.like(result, { status: null, timedOut: false, output: '' })
})

test('the count of a TAP report', (t) => {
  t.deepEqual(countTap('TAP version 13\nok 1 - a\nok 2 - b\n1..2\n'), { passed: 2, failed: [], details: '2 tests' })
  t.deepEqual(countTap('ok 1 - a\n    not ok inside\nnot ok 2 - op › b\n'), {
    passed: 1,
    failed: ['op › b'],
    details: '1 of 2 tests: op › b',
  })
})
