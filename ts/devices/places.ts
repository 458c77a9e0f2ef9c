/** Which devices a run gets: `--device` and `--devices-per-run`. */
import { AotError } from '../errors.js'

export interface Placement {
  /** The devices of each place that a run can have, at least one place. */
  places: string[][]
  /** Lines for the user: devices that no run will have. */
  notes: string[]
}

/**
 * Cuts the devices into places of `perRun`, in their order; without it one run gets all, several get one each.
 * @throws AotError AOT_DEVICE when there are fewer devices than a run is to have.
 */
export function placesOf(devices: readonly string[], runs: number, perRun: number | undefined): Placement {
  const each = perRun ?? (runs === 1 ? devices.length : 1)
  if (devices.length < each) {
    const given = devices.length === 1 ? 'one is' : `${devices.length} are`
    throw new AotError(
      'AOT_DEVICE',
      `--devices-per-run ${each}: only ${given} given (${devices.join(',')}): name more with --device, or lower it`,
    )
  }
  const used = Math.min(runs, Math.floor(devices.length / each))
  const places = Array.from({ length: used }, (_, place) => devices.slice(place * each, (place + 1) * each))
  const left = devices.slice(used * each)
  if (left.length === 0) return { places, notes: [] }
  const why = runs === used ? `${runs} ${runs === 1 ? 'run takes' : 'runs take'} ${used * each}` : `a run takes ${each}`
  return { places, notes: [`--device: ${left.join(',')} will not be used: ${why} of the ${devices.length} devices`] }
}

/** Threads for each cpu of the places when all of them work at once; undefined where no cpu shares the cores. */
export function threadsEach(places: readonly string[][], cores: number): number | undefined {
  const cpus = places.flat().filter((device) => device === 'cpu').length
  return cpus > 1 ? Math.max(1, Math.floor(cores / cpus)) : undefined
}
