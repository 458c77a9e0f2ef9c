/** The public API. */
export { AotError, type AotErrorCode } from './errors.js'
export { Engine, type EngineOptions, type GenerateOptions, type ModelParams, type Tensor } from './train/engine.js'
