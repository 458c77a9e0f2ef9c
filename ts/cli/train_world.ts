/** aot-train as one of the processes that mpirun or srun has started for one job. */
import type { NativeWorld } from '../native_world.js'
import { exitStatus } from './command.js'

/** A process that gives no sign of life for so many seconds is given up. */
const silenceSeconds = 30
/** How much longer one that lives may keep the others waiting. */
const stallFactor = 20

/** By what mpirun and srun tell a process that it is one of theirs; which they mean is for native/dist/mpi.cpp to say. */
const launchVariables = ['OMPI_COMM_WORLD_SIZE', 'PMI_SIZE', 'PMI_RANK', 'PMIX_RANK', 'SLURM_STEP_NUM_TASKS']

/** Whether this process speaks before the processes have found each other: alone, or the first of its job. */
export function speaksFirst(): boolean {
  const { OMPI_COMM_WORLD_RANK: open, PMI_RANK: pmi, PMIX_RANK: pmix } = process.env
  return Number(open ?? pmi ?? pmix ?? 0) === 0
}

/** The processes of the job, joined where the engine of these devices is; null where this one was started alone. */
export async function joinJob(
  devices: readonly string[],
  rankTimeout: number | undefined,
): Promise<NativeWorld | null> {
  if (launchVariables.every((name) => process.env[name] === undefined)) return null
  const { nativeFor } = await import('../native.js')
  const silence = rankTimeout ?? silenceSeconds
  const world = await nativeFor(devices.join(',')).joinWorld({
    silenceSeconds: silence,
    stallSeconds: silence * stallFactor,
  })
  return world.size > 1 ? world : null
}

/**
 * Does this process's part of the work. An error of any process ends the work of all; the first process says what it was,
 * and where that one is lost, each of the others does.
 */
export async function together(world: NativeWorld, work: () => Promise<void>): Promise<void> {
  try {
    await work()
    await world.leave()
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    world.fail(message)
    const firstIsLost = /^process 0 \(.*\) (died|has given no sign of life)/.test(message)
    if (world.rank === 0 || firstIsLost) throw error
    process.exitCode = exitStatus(error)
  }
}
