/** The files of a corpus, each looked at before any work: what it is, its size and its time; and what cannot be used. */
import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { AotError } from '../errors.js'
import { formatNumberOf } from '../logging/amounts.js'
import { Progress, type ProgressOptions } from '../logging/progress.js'
import { findCorpus, noTextFile, systemReason } from './corpus.js'
import { headBytes, kindOf, tailBytes } from './file_kinds.js'
import { shownName } from './shown.js'

export interface Input {
  /** Of the file in its folder. */
  name: string
  /** Absolute. */
  path: string
  size: number
  /** Of its last change, nanoseconds since 1970, in decimal. */
  mtime: string
}

/** A file that cannot be used. */
export interface BadInput {
  name: string
  /** `is compressed by gzip` */
  reason: string
}

export interface Inputs {
  name: string
  /** Absolute path without the file's `.txt`: outputs are put beside it. */
  stem: string
  /** Absolute path as given. */
  folder: string
  /** In the order in which they are read, empty ones too. */
  files: Input[]
  skipped: BadInput[]
  /** Of all files. */
  bytes: number
}

type Problem = BadInput & { code: 'AOT_DATA' | 'AOT_IO'; cure: string }

/** How many files are looked at before others get their turn (^C, the display). */
const batch = 500

const notRegular = 'is no regular file (a pipe, a socket or a device)'

function unreadable(name: string, error: unknown): Problem {
  const cure = (error as NodeJS.ErrnoException).code === 'EACCES' ? 'let yourself read it (chmod u+r)' : 'check it'
  return { name, reason: `cannot be read: ${systemReason(error)}`, code: 'AOT_IO', cure }
}

function readAt(fd: number, bytes: number, at: number): Uint8Array {
  const buffer = Buffer.alloc(bytes)
  return buffer.subarray(0, readSync(fd, buffer, 0, bytes, at))
}

/** Null for a folder, which is no part of the corpus. */
function lookAt(folder: string, bytes: Buffer): Input | Problem | null {
  const name = bytes.toString()
  const path = join(folder, name)
  if (!Buffer.from(name).equals(bytes)) {
    return { name, reason: 'has a name that is not UTF-8', code: 'AOT_IO', cure: 'rename it' }
  }
  let fd: number | undefined
  try {
    const found = statSync(path)
    if (found.isDirectory()) return null
    const irregular: Problem = { name, reason: notRegular, code: 'AOT_IO', cure: 'put a file there' }
    // Before it is opened: that of a pipe waits for a writer.
    if (!found.isFile()) return irregular
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const status = fstatSync(fd, { bigint: true })
    if (!status.isFile()) return irregular
    const size = Number(status.size)
    const open = fd
    const kind = kindOf(readAt(open, headBytes, 0), () => readAt(open, tailBytes, Math.max(0, size - tailBytes)))
    if (kind !== null) return { name, reason: kind.what, code: 'AOT_DATA', cure: kind.cure }
    return { name, path, size, mtime: String(status.mtimeNs) }
  } catch (error) {
    return unreadable(name, error)
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** `of`: the number of files, which may all be like that. */
function refusal(folder: string, problems: Problem[], of: number): AotError {
  const [first] = problems as [Problem]
  const more = problems.length - 1
  const others = more === 0 ? '' : `; ${formatNumberOf(more, 'more file')} cannot be used`
  const path = shownName(join(folder, first.name))
  const without = problems.length === of ? '' : `; --skip-bad goes on without ${more === 0 ? 'it' : 'them'}`
  return new AotError(first.code, `${path} ${first.reason}: ${first.cure}${others}${without}`)
}

/**
 * Looks at each file of a corpus: the `*.txt` of a folder (not of its subfolders), in the byte order of their names, or
 * one file. @throws AotError when one cannot be used, unless `skipBad`; AOT_DATA when there is no text.
 */
export async function lookAtInputs(
  path: string,
  options: {
    skipBad?: boolean | undefined
    signal?: AbortSignal | undefined
    progress?: ProgressOptions['mode']
  } = {},
): Promise<Inputs> {
  const { name, stem, folder, names } = findCorpus(path)
  // Short looks are not worth a line.
  const mode = names.length > 20_000 ? options.progress : 'quiet'
  const progress = new Progress({ label: 'looking at the files', unit: 'file', mode })
  const files: Input[] = []
  const problems: Problem[] = []
  try {
    for (const [index, bytes] of names.entries()) {
      const seen = lookAt(folder, bytes)
      if (seen !== null) 'reason' in seen ? problems.push(seen) : files.push(seen)
      if (index % batch !== batch - 1) continue
      progress.update(index, names.length)
      await new Promise(setImmediate)
      options.signal?.throwIfAborted()
    }
  } finally {
    progress.end(false)
  }
  if (problems.length > 0 && !options.skipBad) throw refusal(folder, problems, problems.length + files.length)
  const skipped = problems.map(({ name, reason }) => ({ name, reason }))
  if (files.length === 0 && skipped.length > 0) {
    throw new AotError(
      'AOT_DATA',
      `${shownName(stem)}: none of ${formatNumberOf(skipped.length, 'file')} can be used: give files with UTF-8 text`,
    )
  }
  if (files.length === 0) throw noTextFile(folder)
  const bytes = files.reduce((sum, { size }) => sum + size, 0)
  if (bytes === 0) {
    const none = files.length === 1 ? 'the file holds' : 'the files hold'
    throw new AotError('AOT_DATA', `there is no text to tokenize: ${none} none; give files with UTF-8 text`)
  }
  return { name, stem, folder, files, skipped, bytes }
}

/** @throws AotError AOT_DATA when a file is no longer as it was looked at: what was made of it is of no single text. */
export async function lookAgain(inputs: Inputs, cure: string): Promise<void> {
  for (const [index, { path, size, mtime }] of inputs.files.entries()) {
    let now: { size: bigint; mtimeNs: bigint }
    try {
      now = statSync(path, { bigint: true })
    } catch (error) {
      throw new AotError('AOT_DATA', `${shownName(path)} ${unreadable('', error).reason} after it was read: ${cure}`)
    }
    if (Number(now.size) !== size || String(now.mtimeNs) !== mtime) {
      throw new AotError('AOT_DATA', `${shownName(path)} was changed while it was read: ${cure}`)
    }
    if (index % batch === batch - 1) await new Promise(setImmediate)
  }
}
