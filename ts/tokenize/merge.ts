/** One contiguous token file from a text in shards. */
import { existsSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { AotError } from '../errors.js'
import { native } from '../native.js'
import { totalsOf } from './entries.js'
import { runJob } from './job.js'
import { lockAll, sharesSeen } from './locks.js'
import { hasManifest, readManifest } from './manifest.js'
import { makeOutputFolder, type OutputPlace, outputPlace, refuseToOverwrite } from './outputs.js'
import { writeOverall } from './shard_files.js'
import { shownPath } from './shown.js'
import { commandFor, finishedUnits, missingLine } from './verify.js'
import { Stopped, type WorkOptions } from './work_options.js'

export interface Merged {
  out: string
  tokens: number
  bytes: number
  /** Tokens that an earlier merge had written. */
  before: number
  seconds: number
}

/** With all units there, the file over them is made, if need be. @throws AotError AOT_DATA naming what is missing. */
async function completeOverall(place: OutputPlace): Promise<void> {
  const release = lockAll(place.shards, shownPath(place.file))
  try {
    const manifest = readManifest(place.shards)
    const { units, entries, missing } = finishedUnits(place, manifest)
    if (missing.length > 0) {
      const line = missingLine(missing, units.length, sharesSeen(place.shards))
      throw new AotError('AOT_DATA', `${shownPath(place.file)} is not whole: ${line}; ${commandFor(manifest, place)}`)
    }
    const { work } = manifest
    if (work.kind === 'tokens') await writeOverall(place, entries, work.dtype, work.tokenizer.vocab_size)
    if (totalsOf(entries).tokens > 0 && units.length > 1) return
    throw new AotError('AOT_CONFIG', `${shownPath(place.file)} is one file already: there is nothing to merge`)
  } finally {
    release()
  }
}

/** Whether a file may be what an earlier merge has made: it is checked then, not written. */
function mayBeMerged(out: string, place: OutputPlace): boolean {
  if (!existsSync(out) || !statSync(out).isFile() || !hasManifest(place.shards)) return false
  const manifest = readManifest(place.shards)
  const { entries } = finishedUnits(place, manifest)
  const [first] = entries
  if (first === undefined || manifest.work.kind !== 'tokens') return false
  const width = manifest.work.dtype === 'int32' ? 4 : 2
  const header = first.shard_bytes - first.tokens * width
  return statSync(out).size === header + totalsOf(entries).tokens * width
}

/**
 * Writes `out` (default `merged/<name>.h5` beside: a folder with two token files is no dataset) from the shards of `path`, or goes on where an earlier merge was
 * stopped. @throws AotError AOT_DATA when a shard is missing or wrong; Stopped.
 */
export async function merge(
  path: string,
  out: string | undefined,
  options: WorkOptions & { force: boolean },
): Promise<Merged> {
  const place = outputPlace(resolve(path))
  if (hasManifest(place.shards)) await completeOverall(place)
  const target = resolve(out ?? join(place.folder, 'merged', `${place.name}.h5`))
  if (!mayBeMerged(target, place)) refuseToOverwrite(target, options.force)
  await makeOutputFolder(outputPlace(target).folder)
  const { signal, progress } = options
  const threads = options.threads ?? native.availableCores()
  try {
    const { result, seconds } = await runJob({ label: 'merging', signal, progress }, (control) =>
      native.mergeShards(place.file, target, { threads }, control),
    )
    const { tokens, resumedAt } = result
    return { out: target, tokens, before: resumedAt, bytes: statSync(target).size, seconds }
  } catch (error) {
    throw signal?.aborted ? new Stopped('run the same command again to continue') : error
  }
}
