/** The files of an output in shards: what is taken away before a work and after it, the virtual file over them. */
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { renameAndSync } from '../checkpoints/durable.js'
import { AotError } from '../errors.js'
import { native } from '../native.js'
import { type Entry, shardOf } from './entries.js'
import { hasManifest, manifestPath } from './manifest.js'
import { type OutputPlace, refuseToOverwrite } from './outputs.js'
import { shownName, shownPath } from './shown.js'

const result = /^\d{5}\.(h5|json|counts)$/
/** What a process that was killed may leave, or a lock: nothing is lost with it. */
const passing = /^(lock(\..*)?|.*\.tmp|.*\.tmp\.header)$/
const ours = (name: string) => result.test(name) || passing.test(name) || /^(manifest|checked)\.json$/.test(name)
const isLock = (name: string) => /^lock(\.|$)/.test(name)

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : []
}

/**
 * Refuses a place where there is something that is not the beginning of this very kind of work, unless `force`; and, with
 * `force` too, a folder of shards with files of others.
 */
export function checkOutput(place: OutputPlace, force: boolean): void {
  if (existsSync(place.shards) && !statSync(place.shards).isDirectory()) {
    throw new AotError('AOT_CONFIG', `${shownPath(place.shards)} is a file: move it away, or name another --out`)
  }
  const names = namesIn(place.shards)
  const foreign = names.find((name) => !ours(name))
  if (foreign !== undefined) {
    throw new AotError(
      'AOT_CONFIG',
      `${shownPath(join(place.shards, foreign))} is not of aot-tokenize: move it away, or name another --out`,
    )
  }
  if (force || hasManifest(place.shards)) return
  refuseToOverwrite(place.file, false)
  if (names.every((name) => passing.test(name))) return
  throw new AotError(
    'AOT_DATA',
    `${shownPath(place.shards)} has no manifest.json, so nobody knows what its files are of: name another --out, or start anew with --force`,
  )
}

/** Takes away an output and its shards, the plan first: what is left after a crash is never taken for a result. */
export function removeOutput(place: OutputPlace): void {
  if (hasManifest(place.shards)) rmSync(place.file, { force: true })
  removeWork(place.shards)
}

/** Takes away the plan in a folder and all that is of it, but not the locks. */
export function removeWork(folder: string): void {
  rmSync(manifestPath(folder), { force: true })
  for (const name of namesIn(folder)) if (ours(name) && !isLock(name)) rmSync(join(folder, name))
}

/** A folder in which nothing is finished goes, with its plan and its locks: whoever has them all may do it. */
export function removeFolderOfWork(folder: string): void {
  removeWork(folder)
  for (const name of namesIn(folder)) if (isLock(name)) rmSync(join(folder, name))
  if (namesIn(folder).length === 0 && existsSync(folder)) rmdirSync(folder)
}

/** Whether anything in the folder of shards says that it is finished. */
export function hasResults(folder: string): boolean {
  return namesIn(folder).some((name) => /^\d{5}\.json$/.test(name))
}

/** What killed processes left unfinished in a folder; of the units that `isMine`. */
export function removeStale(folder: string, isMine: (unit: number) => boolean): void {
  for (const name of namesIn(folder)) {
    const unit = /^(\d{5})\..*\.tmp(\.header)?$/.exec(name)?.[1]
    if (unit !== undefined && isMine(Number(unit))) rmSync(join(folder, name), { force: true })
  }
}

export function removeStaleFile(file: string): void {
  for (const suffix of ['.tmp', '.tmp.header', checkSuffix, `${checkSuffix}.tmp`]) {
    rmSync(`${file}${suffix}`, { force: true })
  }
}

const checkSuffix = '.check'

/**
 * The virtual file over all shards: written where it is missing or another. With one unit the shard is the file.
 */
export async function writeOverall(
  place: OutputPlace,
  entries: Entry[],
  dtype: 'int32' | 'uint16',
  vocabSize: number,
): Promise<'right' | 'written' | 'replaced'> {
  if (entries.length === 1) return 'right'
  const shards = entries.map((entry) => shardOf(place, entry))
  const options = { dtype, vocabSize }
  if (!existsSync(place.file)) {
    await native.writeVirtual(place.file, shards, options)
    return 'written'
  }
  const check = `${place.file}${checkSuffix}`
  await native.writeVirtual(check, shards, options)
  try {
    if (readFileSync(check).equals(readFileSync(place.file))) return 'right'
    await renameAndSync(check, place.file)
    return 'replaced'
  } catch (error) {
    throw error instanceof AotError
      ? error
      : new AotError('AOT_IO', `cannot read ${shownName(place.file)}: ${(error as Error).message}`)
  } finally {
    rmSync(check, { force: true })
  }
}
