/** Replaces what a result file says by something that follows from it, one process at a time. */
import { constants } from 'node:fs'
import { access, readFile, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ioError, replaceFile } from '../checkpoints/durable.js'
import { AotError } from '../errors.js'
import { type NativeFileLock, native } from '../native.js'

/** How long another process may take with the file. */
const patience = { seconds: 30 }

function unusable(path: string, why: string): AotError {
  return new AotError('AOT_IO', `cannot write ${path}: ${why}`)
}

/** The file that the path names, through links; checked as far as possible before a benchmark of minutes. */
async function findTarget(path: string): Promise<{ target: string; before: string | null }> {
  const folder = await stat(dirname(path)).catch(() => null)
  if (folder === null) throw unusable(path, `there is no folder ${dirname(path)}: create it, or name another file`)
  if (!folder.isDirectory()) throw unusable(path, `${dirname(path)} is no folder: name another file`)
  const file = await stat(path).catch(() => null)
  if (file?.isDirectory()) throw unusable(path, 'it is a folder: name a file in it')
  if (file !== null && !file.isFile()) throw unusable(path, 'it is no regular file: name another')
  try {
    const target = file === null ? path : await realpath(path)
    // A new name takes the place of the file, so a file that must not be written would not stop it.
    await access(file === null ? dirname(target) : target, constants.W_OK)
    return { target, before: file === null ? null : await readFile(target, 'utf8') }
  } catch (error) {
    throw unusable(path, `${ioError('write', path, error).message.split(': ').at(-1)}: allow it, or name another file`)
  }
}

async function takeLock(path: string, seconds: number): Promise<NativeFileLock> {
  const lock = join(dirname(path), `.${basename(path)}.lock`)
  const busy = `{holder} is writing it (it holds ${lock}): wait for it to end, or name another file`
  const end = performance.now() + seconds * 1000
  for (;;) {
    try {
      return new native.FileLock(lock, { busy })
    } catch (error) {
      const { code, message } = error as AotError
      if (code === 'AOT_IO') throw unusable(path, `${message}: name another file`)
      if (code !== 'AOT_CONFIG') throw error
      if (performance.now() >= end) throw unusable(path, message)
    }
    await sleep(10)
  }
}

/** Rejects as changeFile() would, as far as that can be known before, or as `check` does: nothing is written. */
export async function checkChange(path: string, check: (before: string | null) => void): Promise<void> {
  check((await findTarget(path)).before)
}

/**
 * Gives `change` the text of the file (null: there is none) and replaces the file by what it returns: whoever reads the
 * file, or finds it after a crash or a kill, sees the old one or the new. Processes that change one file wait for each
 * other with the lock `.NAME.lock` beside it, which stays (to remove it would let two in). Rejects with AOT_IO, the file
 * as it was: no folder, no permission, no regular file, a full disk, another process that does not end in time.
 */
export async function changeFile(
  path: string,
  change: (before: string | null) => string,
  { seconds } = patience,
): Promise<void> {
  const { target } = await findTarget(path)
  const lock = await takeLock(target, seconds)
  try {
    const { before } = await findTarget(target)
    await replaceFile(target, change(before))
  } finally {
    lock.release()
  }
}
