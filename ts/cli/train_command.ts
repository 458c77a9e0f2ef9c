/** What aot-train does: resolves all configs, then trains the one run, or hands several to the queue. */
import { loadConfigFile } from '../config/load.js'
import { checkRunNames, resolveRun } from '../config/resolve.js'
import type { ResolvedRun, TrainRun } from '../config/types.js'
import { placesOf, threadsEach } from '../devices/places.js'
import { shareOfDevices } from '../devices/share.js'
import type { NativeWorld } from '../native_world.js'
import { QueueLink } from '../queue/link.js'
import { exitStatus, outlastReaders, stopOnSignals } from './command.js'
import { parseTrainArguments, type TrainArguments } from './train_arguments.js'
import { joinJob, speaksFirst, together } from './train_world.js'

/** @param loadLoop gives the training loop; called only when there is something to train, for it loads the engine. */
export async function trainCommand(words: readonly string[], loadLoop: () => Promise<TrainRun>): Promise<void> {
  const request = await parseTrainArguments(words).catch((error) => {
    if (speaksFirst()) throw error
    process.exitCode = exitStatus(error)
    return null
  })
  if (request === null) return
  if (request.kind === 'print') {
    process.stdout.write(request.text)
    return
  }
  outlastReaders()
  const world = await joinJob(request.arguments.devices, request.arguments.rankTimeout)
  if (world !== null) return together(world, () => trainTogether(world, request.arguments, loadLoop))
  const { configs, devices, devicesPerRun, shared, noStepPickup, cooldownNow, initFrom } = request.arguments
  const { places, notes } = placesOf(devices, configs.length, devicesPerRun)
  const planned = places.map((place) => planRuns(request.arguments, place.join(',')))
  const runs = planned[0] as ResolvedRun[]
  for (const run of runs) notes.push(...run.notes.map((note) => `${run.configPath}: note: ${note}`))
  for (const note of notes) process.stderr.write(`aot-train: ${note}\n`)
  if (runs.length > 1) {
    const { queueCommand } = await import('../queue/command.js')
    const threads = request.arguments.threads ?? (await sharedThreads(places))
    const candidates = runs.map((_, index) =>
      planned.map((atPlace) => ({ ...(atPlace[index] as ResolvedRun), threads })),
    )
    await queueCommand({ candidates, places, shared, noStepPickup, cooldownNow })
    return
  }
  if (devices.length > 1) {
    const { freeMemory } = await import('../queue/memory.js')
    await freeMemory(places.flat()) // asks whether they are there
  }
  const trainRun = await loadLoop()
  const [run] = runs as [ResolvedRun]
  const link = QueueLink.connect()
  const told = stopOnSignals('aot-train')
  const signal = link === null ? told : AbortSignal.any([told, link.gone])
  const train = () => trainRun(run, { noStepPickup, cooldownNow, initFrom, signal, watcher: link?.watcher })
  await (link === null ? train() : link.during(train))
}

/** The runs one after another, each on all processes. */
async function trainTogether(world: NativeWorld, given: TrainArguments, loadLoop: () => Promise<TrainRun>) {
  const hosts = world.members.map(({ host }) => host)
  const runs = planRuns(given, shareOfDevices(given.devices, hosts, world.rank).join(','))
  if (world.rank === 0) {
    for (const run of runs) {
      for (const note of run.notes) process.stderr.write(`aot-train: ${run.configPath}: note: ${note}\n`)
    }
  }
  const trainRun = await loadLoop()
  const signal = stopOnSignals('aot-train', world.rank === 0 ? undefined : null)
  const { noStepPickup, cooldownNow, initFrom } = given
  for (const run of runs) {
    const { stopped } = await trainRun(run, { noStepPickup, cooldownNow, initFrom, signal, world })
    if (stopped) return
  }
}

async function sharedThreads(places: string[][]): Promise<number | undefined> {
  const { native } = await import('../native.js')
  return threadsEach(places, native.availableCores())
}

/** The runs that the command line asks for, in its order, on these devices. @throws AotError before any of them begins. */
export function planRuns(
  { configs, threads, projectName, runNames, overrides }: TrainArguments,
  device: string,
): ResolvedRun[] {
  const runs = configs.map((configPath, index) =>
    resolveRun(loadConfigFile(configPath, overrides), {
      configPath,
      projectName,
      runName: runNames[index],
      device,
      threads,
    }),
  )
  checkRunNames(runs)
  return runs
}
