/** Where results go, and that nothing is overwritten unasked. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { AotError } from '../errors.js'
import type { NativeTokenizer } from '../native.js'
import type { Corpus } from './corpus.js'

/** `tokenizers/<name>_tokenizer`, in the current folder. */
export function defaultTokenizerFolder(corpus: Corpus): string {
  return resolve('tokenizers', `${corpus.name}_tokenizer`)
}

/** `<folder>_h5/<name>.h5`, beside the folder; or `out`: a file `*.h5`, or else the folder to put `<name>.h5` in. */
export function tokenFile(corpus: Corpus, out: string | undefined): string {
  if (out === undefined) return join(`${corpus.stem}_h5`, `${corpus.name}.h5`)
  return out.endsWith('.h5') ? resolve(out) : resolve(out, `${corpus.name}.h5`)
}

function isOccupied(path: string): boolean {
  if (!existsSync(path)) return false
  return !statSync(path).isDirectory() || readdirSync(path).length > 0
}

/** AOT_CONFIG when `path` is a file, or a folder that is not empty, unless `force`. `hint`: another cure. */
export function refuseToOverwrite(path: string, force: boolean, hint = ''): void {
  if (!force && isOccupied(path)) {
    throw new AotError('AOT_CONFIG', `${path} is there already: ${hint}move it away, or overwrite it with --force`)
  }
}

/** Makes the folder (and those above it) and returns what takes the new ones away again, as far as they are empty. */
export function makeFolder(folder: string): () => void {
  const missing: string[] = []
  for (let path = folder; !existsSync(path); path = dirname(path)) missing.push(path)
  const remove = () => {
    try {
      for (const path of missing) rmdirSync(path)
    } catch {
      // Something is in it: it stays.
    }
  }
  try {
    if (missing.length === 0 && !statSync(folder).isDirectory()) throw new Error('it is a file')
    // One by one: Node's recursive mkdir never ends where a folder takes no entries, as /proc.
    for (const path of missing.toReversed()) mkdirSync(path)
  } catch (error) {
    // Those that were not reached.
    while (missing.length > 0 && !existsSync(missing[0] as string)) missing.shift()
    remove()
    throw new AotError('AOT_IO', `cannot make the folder ${folder}: ${(error as Error).message}; name another place`)
  }
  return remove
}

/**
 * Saves the tokenizer as a Hugging Face folder. A folder that is new, or empty, appears whole or not at all; in one
 * that holds files, those of the tokenizer are replaced one by one.
 */
export async function saveTokenizer(tokenizer: NativeTokenizer, folder: string): Promise<void> {
  if (isOccupied(folder)) {
    if (!statSync(folder).isDirectory()) throw new AotError('AOT_CONFIG', `${folder} is a file: name a folder`)
    return tokenizer.save(folder)
  }
  const removeFolders = makeFolder(dirname(folder))
  const temporary = `${folder}.tmp`
  rmSync(temporary, { recursive: true, force: true })
  try {
    makeFolder(temporary)
    await tokenizer.save(temporary)
    renameSync(temporary, folder)
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true })
    removeFolders()
    throw error
  }
}
