/** Several processes on one run, played by several loops in one process. */
import test from 'ava'
import type { TrainWorld } from '../../ts/config/types.js'
import { shareOfDevices } from '../../ts/devices/share.js'
import { openDataset } from '../../ts/train/dataset.js'
import { trainRun } from '../../ts/train/run.js'
import { configHash } from '../../ts/train/state.js'
import { type Faults, fakeSurroundings } from './fakes.js'
import { comparable, folderWithText, makeRun, plain, type Settings } from './runs.js'

/** Worlds whose calls meet in memory; a text that does not come from all in the same call is an error. */
function worlds(size: number): TrainWorld[] {
  type Call = { texts: (string | null)[]; kind: string; settle: ((texts: string[]) => void)[] }
  const calls: Call[] = []
  const counts = new Array<number>(size).fill(0)
  const members = Array.from({ length: size }, (_, rank) => ({ host: `node${rank}`, process: 100 + rank }))
  const meet = (rank: number, kind: string, text: string | null) =>
    new Promise<string[]>((resolve, reject) => {
      const number = counts[rank] as number
      counts[rank] = number + 1
      calls[number] ??= { texts: [], kind, settle: [] }
      const call = calls[number]
      if (call.kind !== kind)
        reject(new Error(`process ${rank} makes the call ${kind} where another made ${call.kind}`))
      call.texts[rank] = text
      call.settle.push(resolve)
      if (call.settle.length === size) for (const settle of call.settle) settle(call.texts.map((one) => one ?? ''))
    })
  return members.map((_, rank) => ({
    rank,
    size,
    members,
    broadcast: async (text) => (await meet(rank, 'broadcast', text))[0] as string,
    allGather: (text) => meet(rank, 'allGather', text),
  }))
}

interface Part {
  settings?: Settings
  faults?: Faults
  signal?: AbortSignal
  folder?: string
}

/** One loop a part; gives what came of each, and what it printed. */
async function together(folder: string, name: string, settings: Settings, parts: Part[]) {
  const all = worlds(parts.length)
  return Promise.all(
    parts.map(async ({ settings: own, faults, signal, folder: place }, rank) => {
      const surroundings = fakeSurroundings(faults)
      const run = makeRun(place ?? folder, { ...settings, ...own }, name)
      const options = { ...plain, world: all[rank] as TrainWorld, signal }
      const outcome = await trainRun(run, options, surroundings).then(
        (result) => ({ result, error: null }),
        (error: Error) => ({ result: null, error }),
      )
      return { ...outcome, run, lines: surroundings.lines }
    }),
  )
}

test('the first keeps the run and speaks; the others save with it and say nothing', async (t) => {
  const folder = folderWithText(t)
  const settings = { steps_to_train: 30 }
  const single = makeRun(folder, settings, 'single')
  await trainRun(single, plain, fakeSurroundings())
  const saves: string[] = []
  const watched = { faults: { onSave: (place: string) => saves.push(place) } }
  const [first, ...others] = await together(folder, 'run', settings, [{}, watched, {}])
  t.deepEqual(saves, ['', '', ''], 'it takes part in the saves at 10, 20 and 30')
  t.is(first?.error, null)
  t.deepEqual(comparable(first?.run.runFolder as string), comparable(single.runFolder))
  t.true((first?.lines.length ?? 0) > 5)
  for (const other of others) {
    t.is(other.error, null)
    t.is(other.result?.step, 30)
    t.is(other.result?.validLoss, first?.result?.validLoss)
    t.deepEqual(other.lines, [])
  }
})

test('one is told to stop: all stop at the same step, and go on together', async (t) => {
  const folder = folderWithText(t)
  const settings = { steps_to_train: 60 }
  const single = makeRun(folder, settings, 'single')
  await trainRun(single, plain, fakeSurroundings())
  const controller = new AbortController()
  const onMinibatch = (done: number) => done === 27 && controller.abort()
  const stopped = await together(folder, 'run', settings, [{}, { faults: { onMinibatch }, signal: controller.signal }])
  const steps = stopped.map(({ result }) => result?.step)
  t.true(stopped.every(({ result }) => result?.stopped === true))
  t.is(steps[0], steps[1])
  t.true((steps[0] as number) >= 27 && (steps[0] as number) < 60)
  const [again] = await together(folder, 'run', settings, [{}, {}])
  t.deepEqual(comparable(again?.run.runFolder as string), comparable(single.runFolder))
})

test('another config or another token file is told by the process that has it', async (t) => {
  const folder = folderWithText(t)
  const other = folderWithText(t, 3000)
  const run = makeRun(folder)
  const [first] = worlds(2) as [TrainWorld, TrainWorld]
  // What the first process of a run begins with is played to a second one.
  const heard = async (wrong: Partial<Awaited<ReturnType<typeof begin>>>) => {
    const text = JSON.stringify({ ...(await begin()), ...wrong })
    const world: TrainWorld = { ...first, rank: 1, broadcast: async () => text }
    return t.throwsAsync(trainRun(run, { ...plain, world }, fakeSurroundings()))
  }
  const begin = async () => {
    const { identity } = await openDataset(makeRun(other), fakeSurroundings().native, null)
    return { step: 0, before: null, dataset: identity, config: configHash(run) }
  }
  const config = await heard({ config: 'another' })
  t.regex(config?.message ?? '', /config-.*json is another config on process 1 \(node1\) than for the first process/)
  const tokens = await heard({})
  t.regex(tokens?.message ?? '', /text.h5 on process 1 \(node1\) is not the token file of the first process \(2000 tok/)
})

test('the devices of a machine are shared by its processes in their order', (t) => {
  const hosts = ['a', 'a', 'b', 'b']
  const four = ['cuda:0', 'cuda:1', 'cuda:2', 'cuda:3']
  t.deepEqual(
    hosts.map((_, rank) => shareOfDevices(four, hosts, rank).join()),
    ['cuda:0,cuda:1', 'cuda:2,cuda:3', 'cuda:0,cuda:1', 'cuda:2,cuda:3'],
  )
  t.deepEqual(shareOfDevices(four, ['a', 'b'], 1), four)
  t.deepEqual(
    hosts.map((_, rank) => shareOfDevices(['cpu'], hosts, rank).join()),
    ['cpu', 'cpu', 'cpu', 'cpu'],
  )
  const error = t.throws(() => shareOfDevices(['cpu', 'cpu', 'cpu'], hosts, 0), { code: 'AOT_DEVICE' })
  t.regex(error?.message ?? '', /^--device: 3 devices \(cpu,cpu,cpu\) cannot be shared by the 2 processes on a/)
})
