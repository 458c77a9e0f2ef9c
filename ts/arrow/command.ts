/** What aot-arrow does once its command line is understood: trains the runs of a comparison, or takes those that are there. */
import type { ArrowArguments } from '../cli/arrow_arguments.js'
import { stopOnSignals } from '../cli/command.js'
import { placesOf } from '../devices/places.js'
import { AotError } from '../errors.js'
import { formatNumberOf } from '../logging/amounts.js'
import { resultsIn } from './comparison.js'
import { finishArrow, resultOf, unlessStopped } from './finish.js'
import { checkComparable } from './groups.js'
import { type ArrowPlan, planArrow } from './plan.js'
import { readRun } from './read_run.js'
import { tellResults } from './tell.js'
import { trainArrow } from './train.js'
import type { ArrowResult } from './types.js'

const stoppedLate = 'stopped; the runs are whole, and the same command goes on'

const say = (line: string) => process.stderr.write(`aot-arrow: ${line}\n`)

export async function trainAndCompare(given: Extract<ArrowArguments, { kind: 'train' }>): Promise<void> {
  const plan = planArrow(given.request)
  const isGrid = plan.cells.length > 1
  resultsIn(plan.folder) // one that is damaged is told before the training, not after it
  const runs = plan.cells.flatMap(({ seeds }) => seeds.flat())
  const perRun = given.devicesPerRun ?? 1
  const { places, notes } = placesOf(given.devices, runs.length, perRun)
  for (const note of new Set([...notes, ...plan.cells.flatMap((cell) => cell.notes)])) say(`note: ${note}`)
  say(`${introduction(plan)} in ${plan.folder}, each with its log.txt`)
  const stopping = 'aot-arrow: stopping; the runs save their state, and the same command goes on'
  const signal = stopOnSignals('aot-arrow', null)
  const trained = await trainArrow(plan, { places, say, signal, stopping })
  if (trained.stopped) return
  if (trained.status !== 0) process.exitCode = trained.status
  const device = places[0]?.join(',') as string
  const results = await unlessStopped(signal, finishArrow(plan, { device, threads: given.threads, signal, say }))
  if (results === null) {
    say(stoppedLate)
    return
  }
  if (results.length === 0) {
    if (trained.status !== 0) return
    throw new AotError('AOT_DATA', `no run in ${plan.folder} has a validation: there is nothing to compare`)
  }
  print(await tellResults(plan.folder, plan.name, results), results, { json: given.json, isGrid })
}

function introduction({ cells }: ArrowPlan): string {
  const [first] = cells
  const seeds = first?.seeds.length as number
  const directions = first?.seeds[0]?.length as number
  const counts = [formatNumberOf(directions, 'direction'), formatNumberOf(seeds, 'seed')]
  if (cells.length > 1) counts.unshift(formatNumberOf(cells.length, 'cell'))
  return `${counts.join(' x ')}: ${formatNumberOf(cells.length * seeds * directions, 'run')}`
}

export async function compareRuns({
  folders,
  output,
  devices,
  threads,
  json,
}: Extract<ArrowArguments, { kind: 'runs' }>) {
  const runs = folders.map(readRun)
  checkComparable(runs)
  const name = runs[0]?.config.model as string
  const signal = stopOnSignals('aot-arrow', null)
  const before = resultsIn(output)
  const options = { device: devices.join(','), threads, signal, say }
  const result = await unlessStopped(signal, resultOf({ name, cell: {}, runs }, before, options))
  if (signal.aborted) {
    say(stoppedLate)
    return
  }
  if (result === null) {
    throw new AotError('AOT_DATA', `${folders.join(' and ')} have no validation in common: train both to the same step`)
  }
  print(await tellResults(output, name, [result]), [result], { json, isGrid: false })
}

function print(text: string, results: ArrowResult[], { json, isGrid }: { json: boolean; isGrid: boolean }): void {
  if (!json) {
    process.stdout.write(`\n${text}`)
    return
  }
  process.stderr.write(`\n${text}`)
  process.stdout.write(`${JSON.stringify(isGrid ? { results } : results[0], null, 2)}\n`)
}
