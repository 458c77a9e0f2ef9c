/** The report's pictures as files of their own. */
import type { ArrowResult } from '../arrow/types.js'

export interface Picture {
  /** For a file name; the first picture is `arrow`. */
  name: string
  title: string
  /** Stands alone: light background, fonts named. */
  svg: string
  png: Uint8Array
}

export function pictures(_results: readonly ArrowResult[]): Picture[] {
  return []
}
