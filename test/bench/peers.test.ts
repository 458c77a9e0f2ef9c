/** The protocol of peers, with planted programs in place of python3. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import type { Ceilings } from '../../ts/bench/ceilings.js'
import { addPeerCeilings, peerOpRows, peerTrainRows } from '../../ts/bench/peer_rows.js'
import { Peers, type PeersOptions } from '../../ts/bench/peers.js'
import { type Row, row as rowSchema, timeOf } from '../../ts/bench/record.js'
import { shapeSets } from '../../ts/bench/shapes.js'

const folder = mkdtempSync(join(tmpdir(), 'aot-peers-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))
let made = 0

/** A program that reads its request and then does as the script says. */
function planted(script: string): string {
  const file = join(folder, `planted-${made++}`)
  writeFileSync(
    file,
    `#!${process.execPath}\nconst request = JSON.parse(require('fs').readFileSync(0, 'utf8'))\n${script}\n`,
  )
  chmodSync(file, 0o755)
  return file
}

function peersOf(python: string, more: Partial<PeersOptions> = {}) {
  const lines: string[] = []
  return { lines, peers: new Peers({ python, onLine: (line) => lines.push(line), ...more }) }
}

const say = (value: object) => `console.log(JSON.stringify(${JSON.stringify(value)}))`
const on = { device: 'cpu', threads: 1, tf32: false }
const matmul = { ...on, size: 64, precision: 'fp32' as const, seconds: 0.1 }
const product = { by: 'Planted 1.0', samples: [0.5, 0.25], flops: 1e9, settings: '' }
const ceilingsOf = (): Ceilings => ({ matmul: { fp32: 1e9, bf16: null }, copy: 1e9, copyOf: async () => 1e9 })

test('answers are taken, what is absent or failed is a line, said once', async (t) => {
  const { lines, peers } = peersOf(
    planted(
      [
        say(product),
        say({ absent: 'tiktoken', why: 'No module named tiktoken' }),
        say({ failed: true, by: 'Planted 1.0', why: 'no compiler' }),
      ].join('\n'),
    ),
  )
  t.deepEqual(await peers.python('matmul', matmul), [product])
  t.deepEqual(await peers.python('matmul', matmul), [product])
  t.deepEqual(lines, ['tiktoken: absent (No module named tiktoken)', 'Planted 1.0: failed (no compiler)'])
})

test('the request is what was asked, with its bench', async (t) => {
  const { peers } = peersOf(
    planted(`console.log(JSON.stringify({ by: JSON.stringify(request), samples: [1], flops: 1, settings: '' }))`),
  )
  const [answer] = await peers.python('matmul', matmul)
  t.like(JSON.parse(answer?.by as string), { bench: 'matmul', ...matmul })
})

test('a python that is not there is a line', async (t) => {
  const { lines, peers } = peersOf(join(folder, 'none'))
  t.deepEqual(await peers.python('matmul', matmul), [])
  t.is(lines.length, 1)
  t.regex(lines[0] as string, /none: absent \(there is no such program; AOT_PYTHON names another\)$/)
})

test('garbage, and a program that dies, are lines, and what was answered before is kept', async (t) => {
  const garbage = peersOf(planted(`console.log('Traceback (most recent call last):')\n${say(product)}`))
  t.deepEqual(await garbage.peers.python('matmul', matmul), [product])
  t.regex(garbage.lines[0] as string, /what it said is no answer: "Traceback/)
  const negative = peersOf(planted(say({ ...product, samples: [-1] })))
  t.deepEqual(await negative.peers.python('matmul', matmul), [])
  t.is(negative.lines.length, 1)
  const dying = peersOf(planted(`${say(product)}\nconsole.error('out of memory')\nprocess.exitCode = 3`))
  t.deepEqual(await dying.peers.python('matmul', matmul), [product])
  t.regex(dying.lines[0] as string, /failed \(exit status 3: out of memory\)/)
  const killed = peersOf(planted(`process.kill(process.pid, 'SIGSEGV')`))
  t.deepEqual(await killed.peers.python('matmul', matmul), [])
  t.regex(killed.lines[0] as string, /failed \(ended by SIGSEGV\)/)
})

test('a program that says nothing more is stopped', async (t) => {
  const { lines, peers } = peersOf(planted(`${say(product)}\nsetInterval(() => {}, 1000)`), { limit: 1, grace: 0.5 })
  t.deepEqual(await peers.python('matmul', matmul), [product])
  t.regex(lines[0] as string, /failed \(stopped after 1\.5 s without an answer\)/)
})

test('an abort ends what runs', async (t) => {
  const controller = new AbortController()
  const { peers } = peersOf(planted('setInterval(() => {}, 1000)'), { signal: controller.signal })
  setTimeout(() => controller.abort(), 100)
  t.is(await peers.python('matmul', matmul).catch((error: Error) => error.name), 'AbortError')
})

test("the better of our product and a peer's is the ceiling", async (t) => {
  // 1e9 FLOPs in 0.25 to 0.5 s, the median 0.375; ours are 1e9 FLOP/s.
  const { peers } = peersOf(
    planted(
      `if (request.bench === 'matmul') { ${say(product)} } else { ${say({ by: 'Planted 1.0', samples: [1, 1], bytes: 5e8 })} }`,
    ),
  )
  const ceilings = ceilingsOf()
  const rows = await addPeerCeilings(peers, ceilings, {
    device: 'cpu',
    threads: 1,
    precisions: ['fp32', 'bf16'],
    seconds: 0.1,
  })
  for (const row of rows) rowSchema.parse(row)
  t.deepEqual(
    rows.map(({ name, precision }) => [name, precision]),
    [
      ['matmul', 'fp32'],
      ['matmul', 'bf16'],
      ['copy', null],
    ],
  )
  t.is(ceilings.matmul.fp32, 1e9 / 0.375)
  t.is(ceilings.matmul.bf16, 1e9 / 0.375)
  t.is(ceilings.copy, 1e9, 'ours is the better')
})

test("a peer's rows are those of our calls, with figures of its time", async (t) => {
  const { lines, peers } = peersOf(
    planted(`for (const { id, op } of request.calls) {
      if (op === 'linear_backward_input') console.log(JSON.stringify({ by: 'Planted 1.0', id, samples: [0.001, 0.001], settings: '' }))
      else console.log(JSON.stringify({ failed: true, by: 'Planted 1.0', why: 'unknown', id }))
    }`),
  )
  const our = (name: string): Row => ({
    bench: 'ops',
    name,
    by: 'arrows-of-time',
    device: 'cpu',
    precision: 'fp32',
    shape: { batch: 2, window: 5, width: 10, out: 20, rate: 0.1 },
    time: timeOf([0.002]),
    figures: {},
  })
  const rows = await peerOpRows(
    peers,
    [our('adamw'), our('linear_backward_input_fp32')],
    { device: 'cpu', threads: 1, seconds: 0.1 },
    ceilingsOf(),
  )
  t.is(rows.length, 1)
  t.like(rows[0], { name: 'linear_backward_input_fp32', by: 'Planted 1.0', shape: { batch: 2, rate: 0.1 } })
  // 2 * 10 rows * 10 * 20 FLOPs in a millisecond.
  t.true(Math.abs((rows[0]?.figures.tflops as number) / 4e-6 - 1) < 1e-12)
  t.deepEqual(lines, ['Planted 1.0, adamw: failed (unknown)'])
})

test('peers train eagerly and compiled', async (t) => {
  const { peers } = peersOf(
    planted(
      `console.log(JSON.stringify({ by: request.compile ? 'Planted compile' : 'Planted eager', samples: [0.5], peak_memory: 7, settings: '' }))`,
    ),
  )
  const shape = shapeSets.tiny.gpt_tiny
  const rows = await peerTrainRows(
    peers,
    'gpt_tiny',
    { device: 'cpu', precision: 'fp32', threads: 1, shape, steps: 2 },
    ceilingsOf(),
  )
  t.deepEqual(
    rows.map(({ by }) => by),
    ['Planted eager', 'Planted compile'],
  )
  t.is(rows[0]?.figures.tokens_per_s, (2 * 32) / 0.5)
  t.is(rows[0]?.figures.peak_memory, 7)
})

test('a device that peers do not know is a line', async (t) => {
  const { lines, peers } = peersOf(planted(say(product)))
  const request = {
    device: 'emulated',
    precision: 'fp32',
    threads: 1,
    shape: shapeSets.tiny.gpt_tiny,
    steps: 2,
  } as const
  t.deepEqual(await peerTrainRows(peers, 'gpt_tiny', request, ceilingsOf()), [])
  t.deepEqual(lines, ['peers: none has the device emulated'])
})
