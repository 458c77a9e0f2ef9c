/** One planted mistake: `find` stands exactly once in `file`. */
export interface Mutation {
  mistake: string
  file: string
  find: string
  replace: string
  /** The test file under test/, without `.test.ts`. */
  noticedBy: string
}

export const mutations: Mutation[] = [
  {
    mistake: 'the standard error divides by n instead of n - 1',
    file: 'ts/report/paired.ts',
    find: 'Math.sqrt(squares / (windows - 1))',
    replace: 'Math.sqrt(squares / windows)',
    noticedBy: 'report/paired',
  },
]
