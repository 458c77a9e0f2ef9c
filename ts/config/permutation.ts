/** The config key `permutation`: a list, or the name of an order. */
import { namedPermutation, permutationNames } from '../data/permutations.js'
import { AotError } from '../errors.js'
import { nearest } from './nearest.js'

/**
 * The list that the value stands for; a name is `middle_out`, `uniform_random(seed)`, `random_chunk(seed)` or
 * `random_chunk(seed, size)`.
 * @throws AotError AOT_CONFIG when it is no permutation of 0 to attnLength - 1.
 */
export function permutationList(value: readonly number[] | string, attnLength: number): number[] {
  if (typeof value === 'string') return fromName(value, attnLength)
  const fault = listFault(value, attnLength)
  if (fault === undefined) return [...value]
  throw new AotError(
    'AOT_CONFIG',
    `${fault}; it must list 0 to ${attnLength - 1} (attn_length ${attnLength}), each once`,
  )
}

function fromName(text: string, attnLength: number): number[] {
  const [, name, seed, size] = /^\s*(\w+)\s*(?:\(\s*(\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*$/.exec(text) ?? []
  if (name === undefined) {
    throw new AotError('AOT_CONFIG', `"${text}" is no order; write one as "middle_out" or "uniform_random(3)"`)
  }
  const known = permutationNames.find((one) => one === name)
  if (known === undefined) {
    throw new AotError('AOT_CONFIG', `there is no order "${name}"; did you mean ${nearest(name, permutationNames)}?`)
  }
  const seeded = known === 'uniform_random' || known === 'random_chunk'
  if (seeded && seed === undefined) throw new AotError('AOT_CONFIG', `${known} needs a seed, as "${known}(3)"`)
  if (!seeded && seed !== undefined) throw new AotError('AOT_CONFIG', `${known} takes no seed; write "${known}"`)
  if (known === 'uniform_random' && size !== undefined) {
    throw new AotError('AOT_CONFIG', 'uniform_random takes a seed alone, as "uniform_random(3)"')
  }
  return namedPermutation(known, attnLength, {
    seed: seed === undefined ? undefined : Number(seed),
    size: size === undefined ? undefined : Number(size),
  })
}

function listFault(list: readonly number[], attnLength: number): string | undefined {
  if (list.length !== attnLength) return `has ${list.length} entries`
  const seen = new Set<number>()
  for (const place of list) {
    if (place >= attnLength) return `holds ${place}`
    if (seen.has(place)) return `holds ${place} twice`
    seen.add(place)
  }
  return undefined
}
