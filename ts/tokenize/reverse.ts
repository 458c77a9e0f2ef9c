/** Text files reversed by code point: what a backward reader reads, as text. */
import { existsSync, realpathSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { removeEmpty } from '../checkpoints/durable.js'
import { AotError } from '../errors.js'
import { native, type TextReport } from '../native.js'
import type { Corpus } from './corpus.js'
import { runJob } from './job.js'
import { makeOutputFolder, refuseToOverwrite } from './outputs.js'
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
  const made = await makeOutputFolder(isFolder ? target : dirname(target))
  const text: TextReport = { files: 0, bytes: 0, invalidBytes: 0, cutPieces: 0 }
  const total = corpus.files.reduce((sum, file) => sum + statSync(file).size, 0)
  const written: string[] = []
  try {
    const { seconds } = await runJob({ label: 'reversing', ...options }, async (control) => {
      control.progress.set([0, total])
      for (const [index, file] of corpus.files.entries()) {
        const output = outputs[index] as string
        const own = { progress: new Float64Array(4), stop: control.stop }
        const show = () => control.progress.set([text.bytes + (own.progress[0] ?? 0), total])
        const timer = setInterval(show, 100)
        const report = await native.reverseFile(file, output, own).finally(() => clearInterval(timer))
        written.push(output)
        text.files++
        text.bytes += report.bytes
        text.invalidBytes += report.invalidBytes
        control.progress.set([text.bytes, total])
      }
    })
    return { out: target, text, seconds }
  } catch (error) {
    for (const output of written) rmSync(output, { force: true })
    await removeEmpty(made)
    throw error
  }
}
