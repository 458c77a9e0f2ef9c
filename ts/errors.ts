/** What went wrong, for programs: the same codes the native code throws (native/backend/error.h). */
export type AotErrorCode =
  | 'AOT_CONFIG'
  | 'AOT_DATA'
  | 'AOT_DEVICE'
  | 'AOT_MEMORY'
  | 'AOT_IO'
  | 'AOT_NUMERIC'
  | 'AOT_INTERNAL'

/** The one error type of the package. The message is one line: what is wrong, where, and what to do. */
export class AotError extends Error {
  override readonly name = 'AotError'

  constructor(
    readonly code: AotErrorCode,
    message: string,
  ) {
    super(message)
  }
}
