/**
 * The sink wandb, with the real @wandb/sdk, against a server on the loopback; one test after the other, for the address and
 * the key come from the environment.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ava, { type ExecutionContext, type TestFn } from 'ava'
import type { ResolvedRun } from '../../ts/config/types.js'
import { noRecord, RecordFiles } from '../../ts/logging/record_files.js'
import { Sinks } from '../../ts/logging/sinks.js'
import { Wandb, type WandbOptions } from '../../ts/logging/wandb.js'
import { trainRun } from '../../ts/train/run.js'
import { type Faults, fakeSurroundings } from '../train/fakes.js'
import { comparable, folderWithText, makeRun, plain, readLines } from '../train/runs.js'
import { type Row, WandbServer } from './wandb_server.js'

const test = ava.serial as TestFn

const key = 'k'.repeat(40)

/** The environment of a user who is logged in at that server, with no ~/.netrc of their own. */
function environment(t: ExecutionContext, url: string, more: Record<string, string | undefined> = {}): string {
  const folder = folderWithText(t)
  const wanted = {
    WANDB_BASE_URL: url,
    WANDB_API_KEY: key,
    WANDB_MODE: undefined,
    WANDB_ENTITY: undefined,
    HOME: folder,
  }
  for (const [name, value] of Object.entries({ ...wanted, ...more })) {
    const before = process.env[name]
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
    t.teardown(() => {
      if (before === undefined) delete process.env[name]
      else process.env[name] = before
    })
  }
  return folder
}

function runWith(folder: string, settings = {}): ResolvedRun {
  const run = makeRun(folder, { steps_to_train: 30, ...settings })
  return { ...run, config: { ...run.config, logging: ['wandb'] } }
}

async function train(run: ResolvedRun, options = {}, faults: Faults = {}) {
  const surroundings = fakeSurroundings(faults)
  const result = await trainRun(run, { ...plain, ...options }, surroundings)
  return { result, lines: surroundings.lines.filter((line) => line.startsWith('wandb')) }
}

function stopAfter(minibatch: number): [object, Faults] {
  const controller = new AbortController()
  return [{ signal: controller.signal }, { onMinibatch: (done) => done === minibatch && controller.abort() }]
}

/** The rows that a whole run makes of its record. */
function wantedRows(run: ResolvedRun): Map<number, Record<string, unknown>> {
  const rows = new Map<number, Record<string, unknown>>()
  for (const { time, step, 'loss/valid_by_position': _, ...values } of readLines(run.runFolder)) {
    rows.set(step, { ...rows.get(step), ...values, batches: step, _step: step, _timestamp: time })
  }
  for (const { step, text } of readLines(run.runFolder, 'samples.jsonl')) {
    rows.set(step, { ...rows.get(step), gen_samples: text })
  }
  return rows
}

const withoutRuntime = ({ _runtime, ...row }: Row) => row

/** A sink by itself over a record that is written by hand. */
function sinkAlone(run: ResolvedRun, lines: string[], options: Partial<WandbOptions> = {}) {
  mkdirSync(run.runFolder, { recursive: true })
  const record = RecordFiles.open(run.runFolder, 0, noRecord)
  const print = (line: string) => lines.push(line)
  const wandb = new Wandb({ run, print, requestSeconds: 60, closeSeconds: 60, retrySeconds: 0.05, ...options })
  return new Sinks({ record, others: [wandb], print })
}

/** Waits for what another thread does; the test's own time limit is the limit. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

const metricsAt = { loss: 2, lr: 0.1, gradNorm: 1, tokensPerSecond: 5 }
const place = (step: number) => ({ step, epochs: step / 100, ksamples: step / 1000 })

test('a run is made with project, name, config and id, and has the history under the names of the original', async (t) => {
  const server = await WandbServer.start(t)
  const run = runWith(environment(t, server.url))
  const { lines } = await train(run)
  const { id } = JSON.parse(readFileSync(join(run.runFolder, 'wandb.json'), 'utf8'))
  t.deepEqual(lines, [`wandb: ${server.url}/someone/project/runs/${id}`])
  const served = server.run
  t.like(served.variables, { name: id, project: 'project', entity: 'someone', displayName: 'run' })
  t.deepEqual(served.config, { ...run.config, device: 'cpu' } as object)
  t.deepEqual(served.history.map(withoutRuntime), [...wantedRows(run).values()] as Row[])
  t.deepEqual(
    ['loss/train_step', 'loss/valid', 'lr', 'epochs', 'batches', 'ksamples', 'gen_samples'].filter(
      (name) => !served.history.some((row) => name in row),
    ),
    [],
  )
  t.is(served.history.at(-1)?._step, 30)
  t.is(served.summary['loss/valid'], served.history.at(-1)?.['loss/valid'])
  t.is(served.exitCode, 0)
  t.true(server.requests.every(({ user }) => user === `api:${key}`))
})

test('a stopped run goes on as the same run, and no row is sent twice', async (t) => {
  const server = await WandbServer.start(t)
  const run = runWith(environment(t, server.url))
  // 25 has a validation, which a stop at 25 leaves to the next start; 12 and 24 have a line of metrics.
  for (const minibatch of [12, 25]) {
    const { result } = await train(run, ...stopAfter(minibatch))
    t.true(result.stopped)
    t.true((server.run.history.at(-1)?._step ?? 0) <= minibatch)
  }
  await train(run)
  t.deepEqual(server.run.history.map(withoutRuntime), [...wantedRows(run).values()] as Row[])
  t.deepEqual(server.twice, [])
  t.is(server.run.exitCode, 0)
  const { lines } = await train(run)
  t.is(lines.length, 1)
  t.deepEqual(server.twice, [], 'a finished run that is started again')
})

test('faults of the server: one line, one more at the end, and the same run', async (t) => {
  const server = await WandbServer.start(t)
  const folder = environment(t, server.url)
  const without = makeRun(folder, { steps_to_train: 30 }, 'without')
  await trainRun(without, plain, fakeSurroundings())
  const unsent = (reason: string) =>
    `wandb: 9 of 9 metric lines were not sent: ${reason}; metrics.jsonl has them all, and the next start of this run with wandb sends them`
  const later = (answer: ReturnType<WandbServer['answer']>) => (path: string) => (path === '/graphql' ? 'well' : answer)
  const faults: Record<string, [WandbServer['answer'], string]> = {
    refuses: [() => 'refuse', 'the server refused the API key (HTTP 401)'],
    breaks: [() => 'break', 'the server answers with an error'],
    drops: [() => 'drop', 'no network (ECONNRESET)'],
    hangs: [() => 'hang', 'the server took longer than 1 s'],
    'hangs later': [later('hang'), 'the server took longer than 1 s'],
    'breaks later': [later('break'), 'the server answers with HTTP 500'],
    'refuses later': [later('refuse'), 'the server refused the API key (HTTP 401)'],
  }
  for (const [name, [answer, reason]] of Object.entries(faults)) {
    server.answer = answer
    const run = makeRun(folder, { steps_to_train: 30 }, name)
    const surroundings = fakeSurroundings()
    const print = (line: string) => surroundings.lines.push(line)
    const begun = performance.now()
    const sinks = [new Wandb({ run, print, requestSeconds: 60, closeSeconds: name.startsWith('hangs') ? 1 : 25 })]
    await trainRun(run, plain, { ...surroundings, sinks })
    t.true(performance.now() - begun < 25_000, `${name} holds up the run`)
    t.deepEqual(comparable(run.runFolder), comparable(without.runFolder), name)
    const lines = surroundings.lines.filter((line) => line.startsWith('wandb: ') && !line.includes('/runs/'))
    t.is(lines.at(-1), unsent(reason), name)
    // Where the trouble came before the end, it was told then, once.
    const before = lines.slice(0, -1)
    t.true(before.length <= 1 && before.every((line) => line.includes(`: ${reason};`)), `${name}: ${before}`)
  }
})

test('a server that dies midway: the same sink goes on when it is back, and otherwise the next start', async (t) => {
  const server = await WandbServer.start(t)
  const run = runWith(environment(t, server.url))
  const lines: string[] = []
  const sinks = sinkAlone(run, lines)
  await sinks.during(0, async () => {
    for (let step = 1; step <= 10; step++) sinks.train(place(step), metricsAt)
    await until(() => server.runs.size === 1 && server.run.history.length === 9)
    server.answer = () => 'drop'
    for (let step = 11; step <= 20; step++) sinks.train(place(step), metricsAt)
    await until(() => lines.length === 2)
    t.regex(
      lines[1] ?? '',
      /^wandb: what is not sent now is sent later: no network \(\w+\); metrics\.jsonl has everything$/,
    )
    await until(() => server.requests.filter(({ answer }) => answer === 'drop').length >= 3)
    server.answer = () => 'well'
    await until(() => server.run.history.length === 19)
    server.answer = () => 'drop'
    for (let step = 21; step <= 25; step++) sinks.train(place(step), metricsAt)
    return { step: 25, stopped: false }
  })
  t.regex(
    lines.at(-1) ?? '',
    /^wandb: 6 of 25 metric lines were not sent: no network \(\w+\); metrics\.jsonl has them all/,
  )
  server.answer = () => 'well'
  const again: string[] = []
  const second = new Sinks({
    record: RecordFiles.open(run.runFolder, 25, sinks.bytes),
    others: [new Wandb({ run, print: (line) => again.push(line) })],
    print: (line) => again.push(line),
  })
  await second.during(25, async () => ({ step: 25, stopped: false }))
  t.deepEqual(again, [lines[0]], 'the same W&B run')
  t.deepEqual(
    server.run.history.map(({ _step }) => _step),
    Array.from({ length: 25 }, (_, i) => i + 1),
  )
  t.deepEqual(server.twice, [])
})

test('what was trained without network, or without wandb, is sent by a later start', async (t) => {
  const server = await WandbServer.start(t)
  const folder = environment(t, server.url)
  const run = makeRun(folder, { steps_to_train: 30 })
  await train(run)
  const { lines } = await train(runWith(folder))
  t.is(lines.length, 1)
  t.deepEqual(server.run.history.map(withoutRuntime), [...wantedRows(run).values()] as Row[])
  const runtimes = server.run.history.map(({ _runtime }) => _runtime as number)
  t.deepEqual(
    runtimes,
    runtimes.toSorted((a, b) => a - b),
  )
})

test('more rows than are sent at once', async (t) => {
  const server = await WandbServer.start(t)
  const run = runWith(environment(t, server.url))
  const lines: string[] = []
  const sinks = sinkAlone(run, lines)
  await sinks.during(0, async () => {
    for (let step = 1; step <= 4500; step++) sinks.train(place(step), metricsAt)
    return { step: 4500, stopped: false }
  })
  t.is(lines.length, 1)
  t.deepEqual(
    server.run.history.map(({ _step }) => _step),
    Array.from({ length: 4500 }, (_, i) => i + 1),
  )
  t.deepEqual(server.twice, [])
})

test('nothing is sent without the SDK, without a login, or when WANDB_MODE says so', async (t) => {
  const server = await WandbServer.start(t)
  const cases: [Record<string, string>, Partial<WandbOptions>, string][] = [
    [{}, { sdk: '@wandb/not-there' }, '@wandb/sdk is not installed: npm install @wandb/sdk@0.5.1'],
    [{ WANDB_API_KEY: '' }, {}, 'not logged in: set WANDB_API_KEY, or let wandb login write it into ~/.netrc'],
    [{ WANDB_MODE: 'offline' }, {}, 'WANDB_MODE is offline'],
    [{ WANDB_MODE: 'disabled' }, {}, 'WANDB_MODE is disabled'],
  ]
  for (const [variables, options, reason] of cases) {
    const run = runWith(environment(t, server.url, variables))
    const lines: string[] = []
    const sinks = sinkAlone(run, lines, options)
    await sinks.during(0, async () => {
      sinks.train(place(1), metricsAt)
      await until(() => lines.length === 1)
      return { step: 1, stopped: false }
    })
    t.deepEqual(lines, [
      `wandb: nothing is sent: ${reason}; metrics.jsonl has everything`,
      `wandb: 1 of 1 metric lines were not sent: ${reason}; metrics.jsonl has them all, and the next start of this run with wandb sends them`,
    ])
  }
  t.deepEqual(server.requests, [])
})

test('the key may be in ~/.netrc', async (t) => {
  const server = await WandbServer.start(t)
  const folder = environment(t, server.url, { WANDB_API_KEY: undefined })
  writeFileSync(
    join(folder, '.netrc'),
    `machine ${server.url.replace('http://', '')}\n  login user\n  password ${key}\n`,
  )
  await train(runWith(folder))
  t.is(server.run.history.at(-1)?._step, 30)
  t.true(server.requests.every(({ user }) => user === `api:${key}`))
})

test('a damaged wandb.json begins no second W&B run', async (t) => {
  const server = await WandbServer.start(t)
  const run = runWith(environment(t, server.url))
  mkdirSync(run.runFolder, { recursive: true })
  for (const damaged of ['', '{"id": "a', '{"id":"a","rows":-1,"step":0}', '[]']) {
    writeFileSync(join(run.runFolder, 'wandb.json'), damaged)
    const { lines } = await train(run)
    t.regex(lines[0] ?? '', /wandb\.json cannot be read: remove it to begin a new run at W&B/)
  }
  t.deepEqual(server.requests, [])
})
