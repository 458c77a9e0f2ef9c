/** Files and folders that are there whole or not at all, also after a power cut: written, flushed, renamed, flushed. */
import { type FileHandle, mkdir, open, rename, rm, rmdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AotError } from '../errors.js'

const noSpace = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/** An error of the operating system as a line for people. An AotError stays what it is; anything else is our mistake. */
export function ioError(doing: string, path: string, error: unknown): AotError {
  if (error instanceof AotError) return error
  const { code, message } = error as NodeJS.ErrnoException
  if (code === undefined) return new AotError('AOT_INTERNAL', `cannot ${doing} ${path}: ${message}`)
  const reason = message.split(': ')[1]?.split(',')[0] ?? message
  const cure = noSpace.has(code) ? '; free some space and start again' : ''
  return new AotError('AOT_IO', `cannot ${doing} ${path}: ${reason}${cure}`)
}

/**
 * Makes a folder and those above it, all or none, and returns the new ones, the innermost first. Node's own recursive
 * mkdir never ends where a folder takes no entries, as /proc. `again`: its own second try.
 */
export async function makeFolder(path: string, again = false): Promise<string[]> {
  try {
    await mkdir(path)
    return [path]
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return []
    if (code !== 'ENOENT') throw error
    if ((await stat(dirname(path)).catch(() => null)) !== null) {
      // Others may have made the folder above since; where it was there, this fails again.
      if (again) throw error
      return makeFolder(path, true)
    }
    const above = await makeFolder(dirname(path))
    try {
      return [...(await makeFolder(path)), ...above]
    } catch (error) {
      await removeEmpty(above)
      throw error
    }
  }
}

/** Takes away folders that makeFolder() made, as far as nothing has been put into them. */
export async function removeEmpty(folders: string[]): Promise<void> {
  try {
    for (const folder of folders) await rmdir(folder)
  } catch {
    // Something is in it: it stays, and so do those above.
  }
}

async function withOpen(path: string, flags: string, doing: string, use: (file: FileHandle) => Promise<void>) {
  let file: FileHandle | undefined
  try {
    file = await open(path, flags)
    await use(file)
  } catch (error) {
    throw ioError(doing, path, error)
  } finally {
    await file?.close()
  }
}

/** Flushes a file, or the entries of a folder, to disk. */
export function syncPath(path: string): Promise<void> {
  return withOpen(path, 'r', 'flush', (file) => file.sync())
}

/** Writes a new file and flushes it; its name is made lasting by syncPath(folder). */
export function writeAndSync(path: string, content: string | Uint8Array): Promise<void> {
  return withOpen(path, 'w', 'write', async (file) => {
    await file.writeFile(content)
    await file.sync()
  })
}

/** Renames and makes the new name lasting. */
export async function renameAndSync(from: string, to: string): Promise<void> {
  try {
    await rename(from, to)
  } catch (error) {
    throw ioError(`rename ${from} to`, to, error)
  }
  await syncPath(dirname(to))
}

/** Replaces a file by one with this content: whoever reads it, or finds it after a crash, sees the old one or the new. */
export async function replaceFile(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`
  try {
    await writeAndSync(temporary, content)
    await renameAndSync(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw error
  }
}
