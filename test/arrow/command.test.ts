import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import type { ArrowResult } from '../../ts/arrow/types.js'
import { native } from '../../ts/native.js'
import { until } from '../cli/start.js'
import { readLines, temporaryFolder } from '../train/runs.js'
import { folderOf, outcome, results, sizeOf, start, writeConfig } from './arrow_command.js'

function lastLoss(runFolder: string): number {
  return readLines(runFolder).at(-1)?.['loss/valid'] as number
}

test.serial('a pair: trained in turns, compared, reported; the same command changes nothing', async (t) => {
  t.timeout(120_000)
  const folder = temporaryFolder(t)
  writeConfig(folder)
  const first = await start(folder, 'tiny.json', '--seeds', '2', '--json').ended
  t.is(first.status, 0, first.stderr)
  const [result] = results(folder) as [ArrowResult]
  t.deepEqual(JSON.parse(first.stdout), result)
  const losses = [0, 1].map((seed) =>
    ['forward', 'backward'].map((name) => lastLoss(join(folderOf(folder), `seed-${seed}-${name}`))),
  )
  t.deepEqual(
    result.seeds.map(({ losses }) => [losses.forward, losses.backward]),
    losses,
  )
  const mean = (index: number) => ((losses[0]?.[index] as number) + (losses[1]?.[index] as number)) / 2
  t.true(Math.abs(result.fw - mean(0)) < 1e-12 && Math.abs(result.bw - mean(1)) < 1e-12)
  t.false(result.established)
  t.is(result.interval?.over, 'seeds and windows')
  t.true(result.finished)
  t.is(result.known?.language, 'copy')
  t.is(result.sources?.windows, 256)
  t.deepEqual(result.directions, ['forward', 'backward'])
  t.regex(first.stderr, /2 directions x 2 seeds: 4 runs in runs\/arrows-of-time\/tiny/)
  t.regex(first.stderr, /seed 1, step 60: FW \d\.\d{4} {2}BW \d\.\d{4} {2}BW-FW [+-]\d\.\d{4} nats \[/)
  t.regex(first.stderr, /report: {2}runs\/arrows-of-time\/tiny\/report\.html\npicture: \S+\.png/)

  const before = outcome(folder)
  const again = await start(folder, 'tiny.json', '--seeds', '2').ended
  t.is(again.status, 0, again.stderr)
  t.deepEqual(outcome(folder), before)
  t.notRegex(again.stderr, /training/)

  // The runs that are there, compared by their folders.
  const runs = ['forward', 'backward'].map((name) => join(folderOf(folder), `seed-1-${name}`))
  const other = await start(folder, '--runs', ...runs, '-o', 'compared').ended
  t.is(other.status, 0, other.stderr)
  t.regex(other.stdout, /one seed: sign not established/)
  t.true(existsSync(join(folder, 'compared/report.html')))
})

test.serial('killed at any moment, or stopped, and started again: the same report', async (t) => {
  t.timeout(240_000)
  const folders = ['whole', 'killed'].map(() => temporaryFolder(t)) as [string, string]
  for (const folder of folders) writeConfig(folder)
  const [whole, killed] = folders
  const words = ['tiny.json', '--seeds', '2', '--directions', 'forward,backward,even_odd']
  t.is((await start(whole, ...words).ended).status, 0)
  const inRun = (name: string) => join(folderOf(killed), name)
  const moments: [NodeJS.Signals, () => boolean][] = [
    ['SIGKILL', () => sizeOf(inRun('seed-0-forward/metrics.jsonl')) > 0],
    ['SIGKILL', () => existsSync(inRun('seed-0-backward/state/20'))],
    ['SIGINT', () => sizeOf(inRun('seed-1-forward/metrics.jsonl')) > 300],
    ['SIGKILL', () => readText(inRun('seed-1-even_odd/metrics.jsonl')).includes('loss/valid')],
  ]
  for (const [signal, moment] of moments) {
    const { child, ended } = start(killed, ...words)
    let over = false
    void ended.then(() => {
      over = true
    })
    await until(() => over || moment())
    child.kill(signal)
    const { status, stderr } = await ended
    if (signal === 'SIGINT') t.regex(stderr, /stopping; the runs save their state, and the same command goes on/)
    if (signal === 'SIGINT') t.is(status, 130)
  }
  const last = await start(killed, ...words).ended
  t.is(last.status, 0, last.stderr)
  t.deepEqual(outcome(killed), outcome(whole))
})

const readText = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : '')

test.serial('a grid goes through the queue and ends in one report', async (t) => {
  t.timeout(240_000)
  const folder = temporaryFolder(t)
  writeConfig(folder, { steps_to_train: 20 })
  const words = ['tiny.json', '--seeds', '1', '--grid', 'attn_length=6,12', '--grid', 'model=gpt,gru', '-d', 'cpu,cpu']
  const { status, stdout, stderr } = await start(folder, ...words).ended
  t.is(status, 0, stderr)
  const cells = results(folder)
  t.deepEqual(
    cells.map(({ cell }) => cell),
    [
      ...[
        { attn_length: 6, model: 'gpt' },
        { attn_length: 6, model: 'gru' },
      ],
      ...[
        { attn_length: 12, model: 'gpt' },
        { attn_length: 12, model: 'gru' },
      ],
    ],
  )
  for (const { name, fw, bw } of cells) {
    t.is(fw, lastLoss(join(folderOf(folder), name, 'seed-0-forward')))
    t.is(bw, lastLoss(join(folderOf(folder), name, 'seed-0-backward')))
    t.regex(stdout, new RegExp(`${fw.toFixed(4)} +${bw.toFixed(4)} `))
  }
  t.regex(stderr, /attn_length=12,model=gru \| step 20: FW/)

  // One cell's run is lost: only that is trained again, and the report is the same.
  const before = outcome(folder)
  rmSync(join(folderOf(folder), 'attn_length=12,model=gru/seed-0-backward'), { recursive: true })
  const again = await start(folder, ...words).ended
  t.is(again.status, 0, again.stderr)
  t.deepEqual(outcome(folder), before)
})

test.serial('where a run of the grid fails the rest is reported, and the status tells', async (t) => {
  t.timeout(120_000)
  const folder = temporaryFolder(t)
  writeConfig(folder, { steps_to_train: 20 })
  const grid = ['--grid', 'lr=0.01,1e30']
  const { status, stdout, stderr } = await start(
    folder,
    'tiny.json',
    '--seeds',
    '1',
    '--set',
    'warmup_steps=0',
    ...grid,
  ).ended
  t.is(status, 2, stderr)
  t.deepEqual(
    results(folder).map(({ cell }) => cell),
    [{ lr: 0.01 }],
  )
  t.regex(stderr, /lr=1e\+30: /)
  t.regex(stdout, /report: {2}/)
})

const misuse: Record<string, [string[], RegExp]> = {
  'no config': [[], /^aot-arrow: no config given: aot-arrow config\.json/],
  'two configs': [['tiny.json', 'tiny.json'], /one config at a time/],
  'no such config': [['none.json'], /none\.json: no such file/],
  'no seeds': [['tiny.json', '--seeds', '0'], /--seeds: must be a whole number from 1 to 1024, not 0/],
  'an unknown option': [['tiny.json', '--seed', '3'], /unknown option --seed; did you mean --seeds\?/],
  'an unknown direction': [['tiny.json', '--directions', 'forward,backward,up'], /there is no order "up"/],
  'a device that is none': [['tiny.json', '-d', 'gpu'], /gpu/],
  'runs that are none': [['--runs', 'a', 'b'], /^aot-arrow: a /],
  'one run': [['--runs', 'a'], /name the folders of a forward and a backward run/],
  'runs with what is for training': [['--runs', 'a', 'b', '--grid', 'lr=1,2'], /--grid is for training/],
  'a direction set in vain': [['tiny.json', '--set', 'backwards=true'], /backwards=true: each direction is trained/],
  'a grid of orders': [['tiny.json', '--grid', 'permutation=end_in,even_odd'], /ORDER lets an order join/],
  'a grid of places': [['tiny.json', '--grid', 'save_loc=a,b'], /save_loc=a: the cells of a grid lie in one place/],
  'a window that is no whole example': [['tiny.json', '--grid', 'attn_length=7,12'], /attn_length/],
}

for (const [what, [words, message]] of Object.entries(misuse)) {
  test.serial(`told in one line: ${what}`, async (t) => {
    const folder = temporaryFolder(t)
    writeConfig(folder)
    const { status, stdout, stderr } = await start(folder, ...words).ended
    t.is(status, 2)
    t.is(stdout, '')
    t.regex(stderr, message)
    t.is(stderr.trimEnd().split('\n').length, 1, stderr)
    t.false(existsSync(join(folder, 'runs')))
  })
}

test.serial('a damaged arrow.json is named with its cure', async (t) => {
  const folder = temporaryFolder(t)
  writeConfig(folder, { steps_to_train: 5, step_log: 5 })
  t.is((await start(folder, 'tiny.json', '--seeds', '1').ended).status, 0)
  writeFileSync(join(folderOf(folder), 'arrow.json'), '{"format":')
  const { status, stderr } = await start(folder, 'tiny.json', '--seeds', '1').ended
  t.is(status, 2)
  t.regex(
    stderr,
    /^aot-arrow: .*arrow\.json is damaged or of another version \(it is no whole JSON document\): remove it, and the runs beside it are read instead\n$/,
  )
})

test.serial('^C while the data is made ends it at once', async (t) => {
  const folder = temporaryFolder(t)
  writeConfig(folder)
  // Some other process makes the data, and never ends.
  const data = join(folder, 'data')
  mkdirSync(data)
  const lock = new native.FileLock(join(data, 'lock'), { busy: 'busy' })
  const { child, ended } = start(folder, 'tiny.json', '--set', 'dataset_folder=data')
  let told = ''
  child.stderr.on('data', (text) => {
    told += text
  })
  await until(() => told.includes('waiting for it'))
  child.kill('SIGINT')
  const { status, stdout, stderr } = await ended
  lock.release()
  t.is(status, 130)
  t.is(stdout, '')
  t.regex(stderr, /stopped before the training; the same command goes on\n$/)
})

test.serial('a place that cannot be written to is told as it is', async (t) => {
  const folder = temporaryFolder(t)
  writeConfig(folder)
  const { status, stderr } = await start(folder, 'tiny.json', '--set', 'save_loc=tiny.json').ended
  t.is(status, 2)
  t.regex(stderr, /aot-arrow: cannot make the folder tiny\.json\/arrows-of-time\/tiny\/configs: not a directory\n$/)
})

test.serial('a finished comparison is not changed by other settings, and that is said', async (t) => {
  t.timeout(120_000)
  const folder = temporaryFolder(t)
  writeConfig(folder, { steps_to_train: 5, step_log: 5 })
  t.is((await start(folder, 'tiny.json', '--seeds', '1').ended).status, 0)
  const before = outcome(folder)
  const { status, stderr } = await start(folder, 'tiny.json', '--seeds', '1', '--set', 'lr=0.5').ended
  t.is(status, 0, stderr)
  t.regex(stderr, /note: \S+seed-0-backward had ended with other settings, which stand: give another --run-name/)
  t.deepEqual(outcome(folder), before)
})
