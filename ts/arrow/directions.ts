/** `--directions forward,backward,middle_out`: in which orders the windows are predicted. */
import type { Override } from '../config/overrides.js'
import { AotError } from '../errors.js'
import type { DirectionName } from './types.js'

const pair = ['forward', 'backward'] as const

/** Forward and backward first, for they are what is compared; the others in the order given. */
export function parseDirections(text: string | undefined): DirectionName[] {
  if (text === undefined) return [...pair]
  // The commas of random_chunk(3,16) are its own.
  const names = text.split(/,(?![^(]*\))/).map((name) => name.trim())
  for (const [index, name] of names.entries()) {
    if (name === '') throw new AotError('AOT_CONFIG', `--directions ${text}: a name is empty`)
    if (names.indexOf(name) < index) throw new AotError('AOT_CONFIG', `--directions ${text}: ${name} is there twice`)
  }
  const missing = pair.find((name) => !names.includes(name))
  if (missing !== undefined) {
    throw new AotError(
      'AOT_CONFIG',
      `--directions ${text}: ${missing} is missing: forward and backward are compared, others join them`,
    )
  }
  return [...pair, ...names.filter((name) => !pair.some((one) => one === name))]
}

/** What a config says for a direction. */
export function directionOverrides(name: DirectionName): Override[] {
  const isPair = pair.some((one) => one === name)
  const values = { backwards: name === 'backward', permutation: isPair ? null : name }
  return Object.entries(values).map(([key, value]) => ({
    section: 'training_params',
    name: key,
    value,
    origin: `--directions ${name}`,
  }))
}

/** As a part of a file name. */
export function fileNamePart(text: string): string {
  return text.replaceAll(/[^\w=,.+-]+/g, '-').replaceAll(/^-+|-+$/g, '')
}
