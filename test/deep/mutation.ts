/** How a planted mistake is written down. */

/** One planted mistake: `find` stands exactly once in `file`. */
export interface Mutation {
  mistake: string
  file: string
  find: string
  replace: string
  /** The test file under test/, without `.test.ts`. */
  noticedBy: string
  /** Tried only when AOT_MUTATIONS names the file: its test is long, or others like it are tried always. */
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
