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
  if (code === 'ELOOP') return 'its symbolic links go in a circle'
  return message.split('\n')[0] as string
}

function stat(path: string) {
  try {
    return statSync(path)
  } catch (error) {
    throw new AotError('AOT_IO', `cannot read ${path}: ${systemReason(error)}; check the path`)
  }
}

/** What a path names, before its files are looked at. */
export interface CorpusPlace {
  name: string
  stem: string
  /** Absolute path of the folder that holds the files. */
  folder: string
  /** Of the files in it, as bytes: a name need not be UTF-8. In the order in which they are read. */
  names: Buffer[]
}

/** A folder, whose `*.txt` are meant, ordered by the bytes of their names; or one file. AOT_IO when it cannot be read. */
export function findCorpus(path: string): CorpusPlace {
  const stem = resolve(path)
  if (!stat(stem).isDirectory()) {
    const name = basename(stem, '.txt')
    return { name, stem: join(dirname(stem), name), folder: dirname(stem), names: [Buffer.from(basename(stem))] }
  }
  if (basename(stem) === '') throw new AotError('AOT_CONFIG', `${stem} has no name to call the outputs by: use another`)
  let names: Buffer[]
  try {
    names = readdirSync(stem, { encoding: 'buffer' })
  } catch (error) {
    throw new AotError('AOT_IO', `cannot read the folder ${stem}: ${systemReason(error)}; check the path`)
  }
  const texts = names.filter((name) => name.length > suffix.length && name.subarray(-suffix.length).equals(suffix))
  return { name: basename(stem), stem, folder: stem, names: texts.sort(Buffer.compare) }
}

export function noTextFile(folder: string): AotError {
  return new AotError('AOT_DATA', `${folder} holds no .txt file: put the text there, as files *.txt in UTF-8`)
}

/**
 * The files `*.txt` of a folder (not of its subfolders), ordered by the bytes of their names; or one file. AOT_IO when
 * they cannot be read, AOT_DATA when there are none.
 */
export function openCorpus(path: string): Corpus {
  const { name, stem, folder, names } = findCorpus(path)
  const files = names
    .map((bytes) => {
      if (!Buffer.from(bytes.toString()).equals(bytes)) {
        throw new AotError('AOT_IO', `the name of ${join(folder, bytes.toString())} is not UTF-8: rename the file`)
      }
      return join(folder, bytes.toString())
    })
    .filter((file) => !stat(file).isDirectory())
  if (files.length === 0) throw noTextFile(folder)
  return { name, stem, files }
}
