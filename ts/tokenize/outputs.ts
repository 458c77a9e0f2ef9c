/** Where results go, and that nothing is overwritten unasked. */
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { makeFolder, removeEmpty, renameAndSync, syncPath } from '../checkpoints/durable.js'
import { AotError } from '../errors.js'
import type { NativeTokenizer } from '../native.js'
import type { Corpus } from './corpus.js'

/** `tokenizers/<name>_tokenizer`, in the current folder. */
export function defaultTokenizerFolder(corpus: Pick<Corpus, 'name'>): string {
  return resolve('tokenizers', `${corpus.name}_tokenizer`)
}

/** `<folder>_h5/<name>.h5`, beside the folder; or `out`: a file `*.h5`, or else the folder to put `<name>.h5` in. */
export function tokenFile(corpus: Pick<Corpus, 'name' | 'stem'>, out: string | undefined): string {
  if (out === undefined) return join(`${corpus.stem}_h5`, `${corpus.name}.h5`)
  return out.endsWith('.h5') ? resolve(out) : resolve(out, `${corpus.name}.h5`)
}

/** Where the tokens of a corpus go. */
export interface OutputPlace {
  /** Absolute path of the token file, `.../books.h5`. */
  file: string
  /** Of its folder. */
  folder: string
  /** `books` */
  name: string
  /** Folder of its shards, of their entries and of the plan: `.../books.shards`. */
  shards: string
}

export function outputPlace(file: string): OutputPlace {
  const [folder, name] = [dirname(file), basename(file, '.h5')]
  return { file, folder, name, shards: join(folder, `${name}.shards`) }
}

/** Whether there is a file, or a folder that is not empty. */
export function isOccupied(path: string): boolean {
  if (!existsSync(path)) return false
  return !statSync(path).isDirectory() || readdirSync(path).length > 0
}

/** AOT_CONFIG when `path` is a file, or a folder that is not empty, unless `force`. `hint`: another cure. */
export function refuseToOverwrite(path: string, force: boolean, hint = ''): void {
  if (!force && isOccupied(path)) {
    throw new AotError('AOT_CONFIG', `${path} is there already: ${hint}move it away, or overwrite it with --force`)
  }
}

/** Makes a folder for results and those above it; returns the new ones, to be taken away by removeEmpty(). */
export async function makeOutputFolder(folder: string): Promise<string[]> {
  try {
    return await makeFolder(folder)
  } catch (error) {
    throw new AotError('AOT_IO', `cannot make the folder ${folder}: ${(error as Error).message}; name another place`)
  }
}

/**
 * Saves the tokenizer as a Hugging Face folder. A folder that is new, or empty, appears whole or not at all; in one
 * that holds files, those of the tokenizer are replaced one by one. `also` writes more into the folder.
 */
export async function saveTokenizer(
  tokenizer: NativeTokenizer,
  folder: string,
  also: (folder: string) => Promise<void> = async () => {},
): Promise<void> {
  if (isOccupied(folder)) {
    if (!statSync(folder).isDirectory()) throw new AotError('AOT_CONFIG', `${folder} is a file: name a folder`)
    await tokenizer.save(folder)
    return also(folder)
  }
  const made = await makeOutputFolder(dirname(folder))
  const temporary = `${folder}.tmp`
  rmSync(temporary, { recursive: true, force: true })
  try {
    await makeOutputFolder(temporary)
    await tokenizer.save(temporary)
    await also(temporary)
    await syncPath(temporary)
    await renameAndSync(temporary, folder)
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true })
    await removeEmpty(made)
    throw error
  }
}
