/** What is known of data that was made by aot-synth. */
import { basename, dirname } from 'node:path'
import type { KnownLanguage } from '../arrow/types.js'
import { readRecord, tokensName } from './record.js'

/** `datasetPath`: the folder, or its token file. null for any other data. */
export function readKnown(datasetPath: string): KnownLanguage | null {
  const folder = basename(datasetPath) === tokensName ? dirname(datasetPath) : datasetPath
  const record = readRecord(folder)
  if (record?.state !== 'whole') return null
  return { language: record.section.language, floor: record.floor, facts: record.facts }
}
