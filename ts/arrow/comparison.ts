/** arrow.json of a comparison's folder: its results, one for each cell of a grid. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { replaceFile } from '../checkpoints/durable.js'
import { AotError } from '../errors.js'
import type { ArrowResult } from './types.js'

export interface Comparison {
  format: 'arrows-of-time comparison 1'
  results: ArrowResult[]
}

const format = 'arrows-of-time comparison 1'

export async function writeComparison(folder: string, results: ArrowResult[]): Promise<void> {
  const comparison: Comparison = { format, results }
  await replaceFile(join(folder, 'arrow.json'), `${JSON.stringify(comparison, null, 1)}\n`)
}

/** null where there is none. @throws AotError AOT_DATA when it is damaged. */
export function readComparison(folder: string): Comparison | null {
  const path = join(folder, 'arrow.json')
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return null
  }
  try {
    const comparison = JSON.parse(text) as Comparison
    if (comparison.format === format && Array.isArray(comparison.results)) return comparison
  } catch {
    // Said below.
  }
  throw new AotError('AOT_DATA', `${path} is damaged or not of this version: remove it; it is made anew from the runs`)
}
