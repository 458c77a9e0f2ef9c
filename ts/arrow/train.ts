/** Trains what a plan of comparisons lacks: in turns on one device, or through the queue on several or for a grid. */
import { dirname } from 'node:path'
import { terminalStyle } from '../bench/columns.js'
import { ioError, makeFolder, replaceFile } from '../checkpoints/durable.js'
import type { ResolvedRun } from '../config/types.js'
import { threadsEach } from '../devices/places.js'
import { native } from '../native.js'
import { runOnSignals } from '../queue/command.js'
import { queueItem } from '../queue/items.js'
import { freeMemory, memoryNeed } from '../queue/memory.js'
import { Queue, type QueueItem } from '../queue/queue.js'
import { queueStatus, summaryTable } from '../queue/summary.js'
import { ensureSynth } from '../synth/ensure.js'
import { finishedRun } from '../train/finished.js'
import { configHash } from '../train/state.js'
import { unlessStopped } from './finish.js'
import { trainInTurns } from './in_turns.js'
import { LiveArrow } from './live.js'
import type { ArrowPlan, PlannedCell, PlannedRun } from './plan.js'
import { lookAtState } from './run_state.js'
import { TrainingProgress } from './training_progress.js'

const plain = { noStepPickup: false, cooldownNow: false }

/** Between two looks at what the runs of the queue have written. */
const lookSeconds = 2

export interface TrainArrowOptions {
  places: string[][]
  /** Aborted on ^C; the queue listens to it by itself. */
  signal: AbortSignal
  /** What is said then, above the bar; nothing when it has been said already. */
  stopping?: string | undefined
  /** Takes lines for the user. */
  say(line: string): void
}

export interface Trained {
  stopped: boolean
  /** 0, or that of the runs that failed. */
  status: number
}

/** @throws AotError when a run of a pair fails; what fails in the queue is told there and is in the status. */
export async function trainArrow(plan: ArrowPlan, options: TrainArrowOptions): Promise<Trained> {
  const runs = plan.cells.flatMap(({ seeds }) => seeds.flat())
  if ((await unlessStopped(options.signal, prepare(runs, options))) === null) {
    options.say('stopped before the training; the same command goes on')
    return { stopped: true, status: 0 }
  }
  const isPair = plan.cells.length === 1 && options.places.length === 1
  const trained = await (isPair ? trainPair(plan.cells[0] as PlannedCell, options) : trainQueued(plan, options))
  if (!trained.stopped) tellEndedBefore(runs, options)
  return trained
}

/** A run that had ended with other settings was not trained on with these: its own stand. */
function tellEndedBefore(runs: readonly PlannedRun[], { places, say }: TrainArrowOptions): void {
  for (const planned of runs) {
    const ways = places.map((place) => planned.on(place.join(',')))
    const { runFolder } = ways[0] as ResolvedRun
    const trainedWith = lookAtState(runFolder)?.state.config_sha256
    if (trainedWith === undefined || ways.some((run) => configHash(run) === trainedWith)) continue
    say(`note: ${runFolder} had ended with other settings, which stand: give another --run-name to train with these`)
  }
}

/** Makes the data and the configs. @returns the number of runs */
async function prepare(runs: PlannedRun[], { places, say, signal }: TrainArrowOptions): Promise<number> {
  for (const run of runs) {
    const { config, configPath } = run.on(places[0]?.join(',') as string)
    await ensureSynth(config, { print: say, signal })
    signal.throwIfAborted()
    const folder = dirname(configPath)
    await makeFolder(folder).catch((error) => {
      throw ioError('make the folder', folder, error)
    })
    await replaceFile(configPath, `${JSON.stringify(config, null, 2)}\n`)
  }
  return runs.length
}

function liveOf(cells: readonly PlannedCell[], print: (line: string) => void): LiveArrow {
  const labelOf = (cell: PlannedCell, seed: number) =>
    `${cells.length > 1 ? `${cell.name} | ` : ''}${cell.seeds.length > 1 ? `seed ${seed}, ` : ''}`
  const seeds = cells.flatMap((cell) =>
    cell.seeds.map((runs) => ({
      label: labelOf(cell, runs[0]?.seed as number),
      folders: runs.map((run) => run.on('cpu').runFolder),
    })),
  )
  return new LiveArrow(seeds, print)
}

/** One seed after the other, the directions of each in turns. */
async function trainPair(cell: PlannedCell, { places, signal, stopping, say }: TrainArrowOptions): Promise<Trained> {
  const device = places[0]?.join(',') as string
  await freeMemory(device.split(',')) // asks whether they are there
  const progress = new TrainingProgress(cell)
  const live = liveOf([cell], (line) => progress.log(line))
  if (stopping !== undefined) signal.addEventListener('abort', () => progress.log(stopping))
  try {
    for (const planned of cell.seeds) {
      const runs: ResolvedRun[] = []
      for (const run of planned) {
        const resolved = run.on(device)
        const finished = await finishedRun(resolved, plain)
        if (finished === null) runs.push(resolved)
        else progress.done(run, finished.step)
      }
      if (runs.length === 0) continue
      const groups = (await fitTogether(runs, device)) ? [runs] : runs.map((run) => [run])
      if (groups.length > 1)
        say(`seed ${runs[0]?.config.seed}: the models do not fit into memory together: one after the other`)
      for (const group of groups) {
        const { stopped } = await trainInTurns(group, {
          signal,
          watcher: (member) => ({
            begun: (step, total) => progress.begun(group[member] as ResolvedRun, step, total),
            stepped: ({ step, loss }) => progress.stepped(group[member] as ResolvedRun, step, loss),
            validated: () => live.look(),
          }),
        })
        if (stopped) return { stopped, status: 0 }
      }
      live.look()
    }
    return { stopped: false, status: 0 }
  } finally {
    progress.end()
  }
}

async function fitTogether(runs: readonly ResolvedRun[], device: string): Promise<boolean> {
  const free = await freeMemory(device.split(','))
  const need = new Map<string, number>()
  for (const run of runs) {
    for (const [pool, bytes] of memoryNeed(run, device.split(','))) need.set(pool, (need.get(pool) ?? 0) + bytes)
  }
  return [...need].every(([pool, bytes]) => bytes <= (free.get(pool) ?? 0))
}

async function trainQueued(plan: ArrowPlan, { places }: TrainArrowOptions): Promise<Trained> {
  const devices = places.flat()
  await freeMemory(devices)
  const threads = threadsEach(places, native.availableCores())
  const items: QueueItem[] = []
  for (const { cell, seeds } of plan.cells) {
    const values = Object.values(cell.values)
    for (const run of seeds.flat()) {
      const candidates = places.map((place) => {
        const resolved = run.on(place.join(','))
        return resolved.threads === undefined && threads !== undefined ? { ...resolved, threads } : resolved
      })
      const item = await queueItem(candidates, places, { shared: [], ...plain })
      items.push({ ...item, name: values.length > 0 ? `${values.join()} ${item.name}` : item.name })
    }
  }
  const queue = new Queue({ items, places, freeMemory: () => freeMemory(devices), stream: process.stderr })
  const live = liveOf(plan.cells, (line) => queue.log(line))
  const looking = setInterval(() => live.look(), 1000 * lookSeconds)
  let stopped: boolean
  try {
    stopped = await runOnSignals(queue, 'aot-arrow')
  } finally {
    clearInterval(looking)
  }
  live.look()
  process.stderr.write(`${summaryTable(queue.runs, terminalStyle(process.stderr))}\n`)
  return { stopped, status: queueStatus(queue.runs) }
}
