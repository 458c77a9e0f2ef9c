/** Two reports with pictures of different names. */
import { bare, result } from './results.js'

const small = { seeds: 1, sources: false, validations: 2, steps: 20 }

export const reports = {
  one: [bare()],
  two: [result({ ...small, name: 'a' }), result({ ...small, name: 'b', length: 8 })],
}
