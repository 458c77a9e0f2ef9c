/** The public API. */

export {
  namedPermutation,
  type PermutationName,
  type PermutationOptions,
  permutationNames,
} from './data/permutations.js'
export { TokenStore, type Window, type WindowOptions, Windows } from './data/token_store.js'
export { AotError, type AotErrorCode } from './errors.js'
