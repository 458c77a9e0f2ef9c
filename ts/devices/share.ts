/** Which devices of a machine each of its processes takes. */
import { AotError } from '../errors.js'

/**
 * `devices` are those of one machine. One alone is for every process; several are cut into equal parts for the processes
 * of the machine, in the order of their ranks. hosts: of all processes, by rank.
 * @throws AotError AOT_DEVICE when they cannot be cut so.
 */
export function shareOfDevices(devices: readonly string[], hosts: readonly string[], rank: number): string[] {
  if (devices.length === 1) return [...devices]
  const host = hosts[rank] as string
  const neighbours = hosts.filter((other) => other === host).length
  const place = hosts.slice(0, rank).filter((other) => other === host).length
  if (devices.length % neighbours !== 0) {
    throw new AotError(
      'AOT_DEVICE',
      `--device: ${devices.length} devices (${devices.join(',')}) cannot be shared by the ${neighbours} processes on ${host}: name as many for each, or one for all`,
    )
  }
  const each = devices.length / neighbours
  return devices.slice(place * each, (place + 1) * each)
}
