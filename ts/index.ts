/** The public API. */

export {
  namedPermutation,
  type PermutationName,
  type PermutationOptions,
  permutationNames,
} from './data/permutations.js'
export { TokenStore, type Window, type WindowOptions, Windows } from './data/token_store.js'
export { AotError, type AotErrorCode } from './errors.js'
export {
  type SpecialToken,
  Tokenizer,
  type TrainCharTokenizerOptions,
  type TrainTokenizerOptions,
} from './tokenize/tokenizer.js'
export {
  Engine,
  type EngineOptions,
  type GenerateOptions,
  type GptParams,
  type RnnParams,
  type Tensor,
} from './train/engine.js'
