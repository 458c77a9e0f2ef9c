/** The public API. */
export { AotError, type AotErrorCode } from './errors.js'
