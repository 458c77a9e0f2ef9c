/** How a planted mistake is written down, and which are tried each time. */
import { dirname } from 'node:path/posix'

/** One planted mistake: `find` stands exactly once in `file`. */
export interface Mutation {
  mistake: string
  file: string
  find: string
  replace: string
  /** The test file under test/, without `.test.ts`. */
  noticedBy: string
  /** Not for each time: its test is long. */
  seldom?: boolean
}

type Planted = [mistake: string, find: string, replace: string]

/** Mistakes of one file follow each other: each costs one build then. */
export function inFile(file: string, noticedBy: string, ...mistakes: Planted[]): Mutation[] {
  return mistakes.map(([mistake, find, replace]) => ({ mistake, file, find, replace, noticedBy }))
}

export function seldom(mutations: Mutation[]): Mutation[] {
  return mutations.map((mutation) => ({ ...mutation, seldom: true }))
}

/** The first mistake in each folder of the sources for each folder of the tests that guards it. */
export function someOfAllRooms(mutations: readonly Mutation[]): Mutation[] {
  const first = new Map<string, Mutation>()
  for (const mutation of mutations) {
    const rooms = `${dirname(mutation.file)} ${dirname(mutation.noticedBy)}`
    if (!mutation.seldom && !first.has(rooms)) first.set(rooms, mutation)
  }
  return [...first.values()]
}
