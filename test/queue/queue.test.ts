/** The queue with processes that stand in for runs. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import { AotError } from '../../ts/errors.js'
import { Queue, type QueueItem } from '../../ts/queue/queue.js'
import type { QueueRun } from '../../ts/queue/state.js'
import { queueStatus, summaryTable } from '../../ts/queue/summary.js'

const script = fileURLToPath(new URL('./fake_run.js', import.meta.url))

interface Made {
  queue: Queue
  folder: string
  lines: string[]
  /** Resolves when a line has the text. */
  said(text: string): Promise<void>
}

interface Options {
  places?: number
  /** Of memory, of which `free` are there. */
  sizes?: Record<string, number>
  free?: number
  /** The memory cannot be asked once this says so. */
  isLost?: () => boolean
  finished?: string[]
}

function make(
  t: ExecutionContext,
  plays: Record<string, string[]>,
  { places = 2, sizes = {}, free = 1e9, finished = [], isLost = () => false }: Options = {},
): Made {
  t.timeout(60_000)
  const folder = mkdtempSync(join(tmpdir(), 'aot-queue-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const lines: string[] = []
  const listeners = new Set<() => void>()
  const items = Object.entries(plays).map(([name, play]): QueueItem => {
    const words = [script, JSON.stringify(play.map((word) => word.replace('@', `${folder}/`))), folder]
    return {
      name,
      folder: join(folder, 'runs', name),
      aggregate: 2,
      finished: finished.includes(name) ? { step: 7, validLoss: 3.5 } : null,
      needs: Array.from({ length: places }, () => new Map([['memory', sizes[name] ?? 1]])),
      words: () => words,
    }
  })
  const write = (text: string) => {
    lines.push(...text.trimEnd().split('\n'))
    for (const listener of listeners) listener()
    return true
  }
  // A run has its memory when it trains.
  const taken = ({ name, state }: QueueRun) =>
    state.kind === 'running' && state.position?.loss != null ? (sizes[name] ?? 1) : 0
  const freeMemory = async () => {
    if (isLost()) throw new AotError('AOT_DEVICE', 'device cuda:0: lost')
    return new Map([['memory', queue.runs.reduce((left, run) => left - taken(run), free)]])
  }
  const queue: Queue = new Queue({
    items,
    places: Array.from({ length: places }, () => ['cpu']),
    freeMemory,
    stream: { write },
    lineSeconds: 0,
  })
  const said = (text: string) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (lines.some((line) => line.includes(text))) resolve()
      }
      listeners.add(look)
      look()
    })
  return { queue, folder, lines, said }
}

const states = ({ queue }: Made) => Object.fromEntries(queue.runs.map(({ name, state }) => [name, state.kind]))
const table = ({ queue }: Made) => summaryTable(queue.runs, { width: 100, colours: false })
const good = ['begin', 'steps', 'done']

test('all are done, in whatever order they end', async (t) => {
  const made = make(t, {
    slow: ['begin', 'wait:@third', ...good.slice(1)],
    second: good,
    third: good,
  })
  const over = made.queue.run()
  await made.said('third: done')
  writeFileSync(join(made.folder, 'third'), '')
  await over
  t.deepEqual(states(made), { slow: 'done', second: 'done', third: 'done' })
  t.is(queueStatus(made.queue.runs), 0)
  const ends = made.lines.flatMap((line) => /^(\w+): done: 100 steps, validation loss 4\.2500, /.exec(line)?.[1] ?? [])
  t.deepEqual(ends, ['second', 'third', 'slow'])
  t.regex(table(made), /^slow +cpu +100 +4\.2500 +\d.* done$/m)
  t.true(
    made.lines.some((line) => /^second: step \d+ of 100: loss 4\.\d{4}/.test(line)),
    made.lines.join('\n'),
  )
})

test('one that fails, crashes or is not to be understood takes no other with it', async (t) => {
  const made = make(t, {
    fails: ['begin', 'fail'],
    good,
    crashes: ['begin', 'say:last words', 'segv'],
    early: ['say:aot-train: x.json: seed: must be a number', 'exit:2'],
    odd: ['junk', 'begin', 'junk', 'steps', 'done'],
    silent: ['exit:0'],
    huge: ['begin', 'huge', 'steps', 'done'],
  })
  const log = (name: string) => join(made.folder, 'runs', name, 'log.txt')
  mkdirSync(join(made.folder, 'runs', 'crashes'), { recursive: true })
  writeFileSync(log('crashes'), 'of an earlier start\n')
  await made.queue.run()
  const kinds = {
    fails: 'failed',
    good: 'done',
    crashes: 'failed',
    early: 'failed',
    odd: 'done',
    silent: 'failed',
    huge: 'done',
  }
  t.deepEqual(states(made), kinds)
  t.is(queueStatus(made.queue.runs), 1)
  t.deepEqual(table(made).split('\n').slice(-4), [
    'fails: the data is no data',
    `crashes: its process crashed (SIGSEGV); log: ${log('crashes')}`,
    'early: x.json: seed: must be a number',
    `silent: its process ended with status 0 before the run was over; log: ${log('silent')}`,
  ])
  t.true(made.lines.includes('crashes | last words'))
  t.true(readFileSync(log('huge')).length > 20 << 20)
  t.regex(readFileSync(log('crashes'), 'utf8'), /^of an earlier start\n--- \d{4}-\d\d-\d\dT\S+ .*\nlast words\n$/)
})

test('failures of the user alone make status 2', async (t) => {
  const made = make(t, { fails: ['begin', 'fail'], good }, { places: 1 })
  await made.queue.run()
  t.deepEqual(states(made), { fails: 'failed', good: 'done' })
  t.is(queueStatus(made.queue.runs), 2)
})

test('a mistake of ours makes status 1', async (t) => {
  const made = make(t, { inside: ['begin', 'fail inside'], fails: ['fail'] })
  await made.queue.run()
  t.is(queueStatus(made.queue.runs), 1)
})

test('told to stop: runs save, and none begins', async (t) => {
  const made = make(t, { first: ['begin', 'steps', 'hang'], second: ['begin', 'steps', 'hang'], third: good })
  const over = made.queue.run()
  await Promise.all([made.said('first: step 100'), made.said('second: step 100')])
  made.queue.stop()
  await over
  t.deepEqual(states(made), { first: 'stopped', second: 'stopped', third: 'stopped' })
  t.false(existsSync(join(made.folder, 'runs', 'third')))
  t.true(made.lines.includes('first: stopped at step 100'))
  t.regex(table(made), /^third +not begun$/m)
})

test('one that does not hear is killed at the second time', async (t) => {
  const made = make(t, { deaf: ['deaf', 'begin', 'steps', 'hang'], hears: ['begin', 'steps', 'hang'] })
  const over = made.queue.run()
  await Promise.all([made.said('deaf: step 100'), made.said('hears: step 100')])
  made.queue.stop()
  await made.said('hears: stopped')
  t.deepEqual(states(made), { deaf: 'running', hears: 'stopped' })
  made.queue.kill()
  await over
  t.deepEqual(states(made), { deaf: 'stopped', hears: 'stopped' })
})

test('told to stop before anything has begun', async (t) => {
  const made = make(t, { first: good, second: good })
  const over = made.queue.run()
  made.queue.stop()
  await over
  t.deepEqual(states(made), { first: 'stopped', second: 'stopped' })
  t.false(existsSync(join(made.folder, 'runs')))
})

test('what is finished is not started again', async (t) => {
  const made = make(t, { before: good, now: good }, { finished: ['before'] })
  await made.queue.run()
  t.deepEqual(states(made), { before: 'done', now: 'done' })
  t.false(existsSync(join(made.folder, 'runs', 'before')))
  t.true(made.lines.includes('before: done before: 7 steps, validation loss 3.5000'))
  t.regex(table(made), /^before +7 +3\.5000 +done before$/m)
})

test('memory: what can never fit fails at once, what does not fit now waits', async (t) => {
  // The second would do for both places, but the first has its memory until it has ended.
  const made = make(
    t,
    { first: ['begin', 'wait:@never', ...good.slice(1)], never: good, second: good },
    { sizes: { first: 600, never: 1100, second: 600 }, free: 1000 },
  )
  const over = made.queue.run()
  await made.said('never: failed')
  await made.said('first: begins')
  t.deepEqual(states(made), { first: 'running', never: 'failed', second: 'waiting' })
  t.true(
    made.lines.includes(
      'never: failed: it needs about 1.10 kB of memory, and 1.00 kB are free: lower training_params.batch_size (and raise aggregate), or take a smaller model',
    ),
    made.lines.join('\n'),
  )
  writeFileSync(join(made.folder, 'never'), '')
  await over
  t.deepEqual(states(made), { first: 'done', never: 'failed', second: 'done' })
  const order = made.lines
    .filter((line) => /^(first: done|second: begins)/.test(line))
    .map((line) => line.split(' ')[0])
  t.deepEqual(order, ['first:', 'second:'])
})

test('a device that is lost takes what waits, and not what is at work', async (t) => {
  let isLost = false
  const made = make(
    t,
    { slow: ['begin', 'wait:@third', ...good.slice(1)], crashes: ['begin', 'wait:@crash', 'segv'], third: good },
    { isLost: () => isLost },
  )
  const over = made.queue.run()
  await Promise.all([made.said('slow: begins'), made.said('crashes: begins')])
  isLost = true
  writeFileSync(join(made.folder, 'crash'), '')
  await made.said('third: failed: device cuda:0: lost')
  t.is(states(made).slow, 'running')
  writeFileSync(join(made.folder, 'third'), '')
  await over
  t.deepEqual(states(made), { slow: 'done', crashes: 'failed', third: 'failed' })
})

test("a folder that cannot be made is the user's to mend", async (t) => {
  const made = make(t, { first: good, second: good })
  writeFileSync(join(made.folder, 'runs'), 'a file')
  await made.queue.run()
  t.is(queueStatus(made.queue.runs), 2)
  t.true(made.lines.includes(`first: failed: cannot create the run folder ${made.folder}/runs/first: not a directory`))
})
