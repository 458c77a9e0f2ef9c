/** Device strings: cpu, reference, emulated, cuda:N; several joined by commas. */
import { AotError } from '../errors.js'

const simple = ['cpu', 'reference', 'emulated']

/**
 * The devices that `texts` name, in order; a device may come twice. `cuda` is cuda:0.
 * Whether a device is there is not asked here.
 * @throws AotError AOT_DEVICE naming the piece that is no device.
 */
export function parseDevices(texts: readonly string[]): string[] {
  return texts.flatMap((text) => text.split(',').map((piece) => parseDevice(piece, text)))
}

function parseDevice(piece: string, text: string): string {
  const name = piece.trim().toLowerCase()
  const cuda = /^cuda(?::(\d{1,3}))?$/.exec(name)
  if (cuda !== null) return `cuda:${Number(cuda[1] ?? 0)}`
  if (simple.includes(name)) return name
  const what = name === '' ? 'an empty name' : `"${piece.trim()}"`
  const where = text.includes(',') ? ` in "${text}"` : ''
  throw new AotError('AOT_DEVICE', `--device: ${what}${where} is no device; known are cpu, cuda:N, emulated, reference`)
}

/**
 * The one device that a command works on.
 * @throws AotError AOT_DEVICE when several are given.
 */
export function oneDevice(devices: readonly string[]): string {
  if (devices.length > 1) {
    throw new AotError(
      'AOT_DEVICE',
      `--device: ${devices.join(',')} are ${devices.length} devices, and this works on one: give one`,
    )
  }
  return devices[0] as string
}
