/** Text files reversed by code point: what a backward reader reads, as text. */
import { existsSync, realpathSync, rmSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { AotError } from '../errors.js'
import { native, type TextReport } from '../native.js'
import type { Corpus } from './corpus.js'
import { runJob } from './job.js'
import { makeFolder, refuseToOverwrite } from './outputs.js'
import type { WorkOptions } from './tokenize_folder.js'

export interface Reversed {
  /** The file or folder written. */
  out: string
  text: TextReport
  seconds: number
}

/**
 * Writes each file reversed: of a folder to `out` (default `<folder>_reversed`) under the same names, a single file to
 * the file `out` (default `<name>_reversed.txt` beside it).
 */
export async function reverseCorpus(
  corpus: Corpus,
  isFolder: boolean,
  out: string | undefined,
  options: WorkOptions & { force: boolean },
): Promise<Reversed> {
  const target = resolve(out ?? `${corpus.stem}_reversed${isFolder ? '' : '.txt'}`)
  refuseToOverwrite(target, options.force)
  const outputs = corpus.files.map((file) => (isFolder ? join(target, basename(file)) : target))
  for (const [index, file] of corpus.files.entries()) {
    const output = outputs[index] as string
    if (existsSync(output) && realpathSync(output) === realpathSync(file)) {
      throw new AotError('AOT_CONFIG', `${file} would be overwritten by itself reversed: name another place with --out`)
    }
  }
  const removeFolders = makeFolder(isFolder ? target : dirname(target))
  const text: TextReport = { files: 0, bytes: 0, invalidBytes: 0, cutPieces: 0 }
  const written: string[] = []
  let seconds = 0
  try {
    for (const [index, file] of corpus.files.entries()) {
      const output = outputs[index] as string
      const label = corpus.files.length > 1 ? `reversing ${index + 1}/${corpus.files.length}` : 'reversing'
      const job = await runJob({ label, ...options }, (control) => native.reverseFile(file, output, control))
      written.push(output)
      text.files++
      text.bytes += job.result.bytes
      text.invalidBytes += job.result.invalidBytes
      seconds += job.seconds
    }
  } catch (error) {
    for (const output of written) rmSync(output, { force: true })
    removeFolders()
    throw error
  }
  return { out: target, text, seconds }
}
