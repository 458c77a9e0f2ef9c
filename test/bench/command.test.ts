/** aot-bench as a person runs it. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { benchFile } from '../../ts/bench/record.js'
import { packageRoot } from '../../ts/native.js'
import { devices } from '../devices.js'

const command = join(packageRoot, 'bin/aot-bench.js')
const folder = mkdtempSync(join(tmpdir(), 'aot-bench-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...args], {
    encoding: 'utf8',
    cwd: folder,
    env: { ...process.env, AOT_PYTHON: join(folder, 'no-python') },
  })
  return { status, stdout, stderr }
}

const quick = ['--shapes', 'tiny', '--seconds', '0.01']

for (const device of devices.filter((name) => name !== 'reference')) {
  test(`ops, train and files on ${device}`, (t) => {
    const json = `${device}.json`
    const ops = run(
      'ops',
      ...quick,
      '-d',
      device,
      '--op',
      'layernorm',
      '--precision',
      'fp32',
      '--json',
      json,
      '--csv',
      `${device}.csv`,
    )
    t.is(ops.status, 0, ops.stderr)
    t.regex(ops.stdout, /layernorm_backward/)
    const train = run(
      'train',
      'gru_tiny',
      '--shapes',
      'tiny',
      '-d',
      device,
      '--precision',
      'bf16',
      '--steps',
      '2',
      '--json',
      json,
    )
    t.is(train.status, 0, train.stderr)
    t.regex(train.stdout, /tokens\/s/)
    const { runs } = benchFile.parse(JSON.parse(readFileSync(join(folder, json), 'utf8')))
    t.deepEqual(
      runs.map(({ rows }) => [...new Set(rows.map(({ bench }) => bench))]),
      [
        ['ceiling', 'ops'],
        ['ceiling', 'train', 'train_op'],
      ],
    )
    t.true(runs.every(({ machine }) => machine.devices[0]?.startsWith(device)))
    t.is(
      runs[0]?.command,
      `aot-bench ops ${[...quick, '-d', device].join(' ')} --op layernorm --precision fp32 --json ${json} --csv ${device}.csv`,
    )
    const scaling = run('scaling', json, '--link', 'ethernet-10g', '--devices', '4')
    t.is(scaling.status, 0, scaling.stderr)
    t.regex(scaling.stdout, /^gru_tiny, bf16.*2 × 16 tokens\n[\s\S]*a batch as large on each device/)
    const lines = readFileSync(join(folder, `${device}.csv`), 'utf8')
      .trimEnd()
      .split('\n')
    t.is(lines.length, 1 + (runs[0]?.rows.length as number))

    const same = run('--compare', json, json)
    t.is(same.status, 0)
    t.regex(same.stdout, /0 faster, 0 slower, \d+ within the noise/)
    if (device === 'emulated') t.regex(ops.stderr, /times of the emulation; they say nothing of a GPU/)
  })
}

test('a file of something else is refused before anything is measured, and left as it is', (t) => {
  const file = join(folder, 'notes.txt')
  writeFileSync(file, 'my notes\n')
  for (const option of ['--json', '--csv']) {
    const { status, stdout, stderr } = run('ops', ...quick, option, 'notes.txt')
    t.is(status, 2)
    t.is(stdout, '')
    t.regex(stderr, /^aot-bench: .*notes\.txt .*\n$/)
    t.is(readFileSync(file, 'utf8'), 'my notes\n')
  }
})

test('peers that are not there are a line and no error', (t) => {
  const { status, stderr } = run(
    'train',
    'gpt_tiny',
    '--shapes',
    'tiny',
    '--steps',
    '1',
    '--precision',
    'fp32',
    '--peers',
  )
  t.is(status, 0, stderr)
  t.is(stderr.match(/absent/g)?.length, 1, stderr)
})

test('scaling of a GPU at its best is said to be a bound', (t) => {
  const { status, stdout, stderr } = run('scaling', '--peak', '989,3350', '--link', 'nvlink4')
  t.is(status, 0, stderr)
  t.regex(stdout, /^a GPU at its best \(least times that FLOPs and bytes allow: bounds, nothing of it was measured\)/)
  for (const model of ['nano', 'XL', 'lstm_big']) t.regex(stdout, new RegExp(`^${model} .* bf16 `, 'm'))
})

test('errors are one line', (t) => {
  for (const [args, line] of [
    [['train', 'none.json'], /^aot-bench: .*none\.json: no such file\n$/],
    [['ops', '-d', 'cuda:77'], /^aot-bench: .*cuda:77.*\n$/],
    [['ops', '-d', 'reference'], /^aot-bench: --device: the reference is plain loops, not to be timed; use cpu\n$/],
    [['scaling', 'none.json', '--link', 'pcie4'], /^aot-bench: .*none\.json.*\n$/],
    [['scaling', '--peak', '1,1', '--link', 'pcie4', '--model', 'x'], /^aot-bench: "x" is no config file and none of /],
    [['--compare', 'a.json', 'b.json'], /^aot-bench: .*a\.json.*\n$/],
  ] as const) {
    const { status, stdout, stderr } = run(...args)
    t.is(status, 2, stderr)
    t.is(stdout, '')
    t.regex(stderr, line)
  }
})

/** Stops it some time after it has named the device; the status and what is in the file, if there is one. */
async function stopAfter(delay: number) {
  const file = join(folder, `stopped-${delay}.json`)
  const child = spawn(process.execPath, [command, 'ops', '--shapes', 'tiny', '--seconds', '1', '--json', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (said === '') setTimeout(() => child.kill('SIGINT'), delay)
    said += text
  })
  const status = await new Promise((resolve) => child.once('close', resolve))
  const rows = existsSync(file)
    ? benchFile.parse(JSON.parse(readFileSync(file, 'utf8'))).runs.flatMap((one) => one.rows)
    : []
  return { status, said, rows }
}

test('stopped half-way it keeps what was measured', async (t) => {
  // Later and later, until something was measured before.
  for (const delay of [1500, 5000, 15_000]) {
    const { status, said, rows } = await stopAfter(delay)
    t.is(status, 130, said)
    t.regex(said, /stopping; what was measured so far is kept/)
    if (rows.length > 0) return
  }
  t.fail('nothing was kept')
})
