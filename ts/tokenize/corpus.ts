/** The text files of a corpus, in a fixed order, and the names of what is made from them. */
import { readdirSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { AotError } from '../errors.js'

export interface Corpus {
  /** Of the folder, or of the file without `.txt`. */
  name: string
  /** Absolute path without the file's `.txt`: outputs are put beside it. */
  stem: string
  /** Absolute paths, in the order in which they are read. */
  files: string[]
}

const suffix = Buffer.from('.txt')

/** The cause of a failed system call, in words. */
export function systemReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return 'there is no such file or folder'
  if (code === 'EACCES' || code === 'EPERM') return 'you may not read it'
  return message.split('\n')[0] as string
}

function stat(path: string) {
  try {
    return statSync(path)
  } catch (error) {
    throw new AotError('AOT_IO', `cannot read ${path}: ${systemReason(error)}; check the path`)
  }
}

/**
 * The files `*.txt` of a folder (not of its subfolders), ordered by the bytes of their names; or one file. AOT_IO when
 * they cannot be read, AOT_DATA when there are none.
 */
export function openCorpus(path: string): Corpus {
  const stem = resolve(path)
  if (stat(stem).isFile()) {
    return { name: basename(stem, '.txt'), stem: join(dirname(stem), basename(stem, '.txt')), files: [stem] }
  }
  if (basename(stem) === '') throw new AotError('AOT_CONFIG', `${stem} has no name to call the outputs by: use another`)
  let names: Buffer[]
  try {
    names = readdirSync(stem, { encoding: 'buffer' })
  } catch (error) {
    throw new AotError('AOT_IO', `cannot read the folder ${stem}: ${systemReason(error)}; check the path`)
  }
  const texts = names.filter((name) => name.length > suffix.length && name.subarray(-suffix.length).equals(suffix))
  const files = texts
    .sort(Buffer.compare)
    .map((name) => {
      if (!Buffer.from(name.toString()).equals(name)) {
        throw new AotError('AOT_IO', `the name of ${join(stem, name.toString())} is not UTF-8: rename the file`)
      }
      return join(stem, name.toString())
    })
    .filter((file) => !stat(file).isDirectory())
  if (files.length === 0) {
    throw new AotError('AOT_DATA', `${stem} holds no .txt file: put the text there, as files *.txt in UTF-8`)
  }
  return { name: basename(stem), stem, files }
}
