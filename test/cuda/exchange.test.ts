/** Sums over replicas by copies between their devices: exchange.cpp on emulated ones. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import test from 'ava'
import { packageRoot } from '../../ts/native.js'
import { devices } from '../devices.js'

const emulatedTest = devices.includes('emulated') ? test : test.skip

function exchange(...args: (string | number)[]): string[] {
  const { AOT_NCCL: _, ...env } = process.env
  const program = join(packageRoot, 'build/Release/aot_exchange')
  const ran = spawnSync(program, args.map(String), { env, encoding: 'utf8', timeout: 120_000 })
  if (ran.signal !== null || ran.stderr !== '') return [`ended by ${ran.signal}: ${ran.stderr}`]
  return ran.stdout.trim() === '' ? [] : ran.stdout.trim().split('\n')
}

emulatedTest('every rank gets the sum in the order of the ranks, whatever runs first', (t) => {
  for (const order of [0, 1, 2, 3]) {
    for (const [ranks, count, offset] of [
      [1, 100, 0],
      [2, 4096, 0],
      [2, 20003, 3],
      [3, 1003, 0],
      [3, 5, 1],
      [5, 3, 0],
      [5, 6007, 4],
    ] as const) {
      const label = `${ranks} ranks, ${count} floats at ${offset}, order ${order}`
      t.deepEqual(exchange('sum', ranks, count, offset, 4, order), [`ok threads ${ranks - 1}`], label)
    }
  }
})

emulatedTest(
  'a replica that does not come, comes with other data, stops or leaves ends the others with one line',
  (t) => {
    t.deepEqual(exchange('absent'), [
      'rank 0: AOT_DEVICE replica 1 (emulated) has not come to where the others wait for 1 seconds: it hangs',
    ])
    const differ = 'AOT_INTERNAL replicas that exchange different buckets: report this'
    t.deepEqual(exchange('differ'), [`rank 0: ${differ}`, `rank 1: ${differ}`])
    t.deepEqual(exchange('stop'), ['rank 0: AOT_DEVICE replica 1 (emulated) stopped: no more batches'])
    t.deepEqual(exchange('leave'), ['rank 0: AOT_DEVICE another replica has stopped'])
  },
)
