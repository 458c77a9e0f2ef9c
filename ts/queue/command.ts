/** aot-train with several configs. */
import { terminalStyle } from '../bench/columns.js'
import type { ResolvedRun } from '../config/types.js'
import { ensureSynth } from '../synth/ensure.js'
import { type ItemOptions, queueItem } from './items.js'
import { freeMemory } from './memory.js'
import { Queue, type QueueItem } from './queue.js'
import { queueStatus, summaryTable } from './summary.js'

export interface QueueCommand extends ItemOptions {
  /** Each run as it would be at each place. */
  candidates: ResolvedRun[][]
  places: string[][]
}

/** @throws AotError for everything that can be seen before the first run begins. */
export async function queueCommand({ candidates, places, ...options }: QueueCommand): Promise<void> {
  const devices = places.flat()
  await freeMemory(devices) // asks whether they are there
  const items: QueueItem[] = []
  const print = (line: string) => process.stderr.write(`aot-train: ${line}\n`)
  for (const runs of candidates) {
    await ensureSynth((runs[0] as ResolvedRun).config, { print })
    items.push(await queueItem(runs, places, options))
  }
  const queue = new Queue({ items, places, freeMemory: () => freeMemory(devices), stream: process.stderr })
  await runOnSignals(queue, 'aot-train')
  process.stdout.write(`${summaryTable(queue.runs, terminalStyle(process.stdout))}\n`)
  process.exitCode ??= queueStatus(queue.runs)
}

/** Runs the queue; the first ^C or SIGTERM stops it, the second kills its runs. Gives whether there was one. */
export async function runOnSignals(queue: Queue, command: string): Promise<boolean> {
  const status = { SIGINT: 130, SIGTERM: 143 }
  let told = 0
  const onSignal = (signal: NodeJS.Signals) => {
    told++
    process.exitCode = status[signal as keyof typeof status]
    if (told === 1) {
      queue.log(
        `${command}: stopping: the runs save their state, and the same command goes on; ^C again ends them at once`,
      )
      queue.stop()
    } else {
      queue.kill()
    }
  }
  for (const name of Object.keys(status)) process.on(name, onSignal)
  try {
    await queue.run()
  } finally {
    for (const name of Object.keys(status)) process.removeListener(name, onSignal)
  }
  return told > 0
}
