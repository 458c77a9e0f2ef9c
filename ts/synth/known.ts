/** What is known of data that was made by aot-synth. */

import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { KnownLanguage } from '../arrow/types.js'
import { readRecord } from './record.js'

/** `datasetPath`: the folder, or its token file. null for any other data. */
export function readKnown(datasetPath: string): KnownLanguage | null {
  const isFolder = statSync(datasetPath, { throwIfNoEntry: false })?.isDirectory() ?? false
  const record = readRecord(isFolder ? datasetPath : dirname(datasetPath))
  if (record?.state !== 'whole') return null
  return { language: record.section.language, floor: record.floor, facts: record.facts }
}
