/** Shared by these tests: temporary folders, the native calls with short defaults, the command as a process. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { type EncodeFilesResult, type NativeTokenizer, native, packageRoot } from '../../ts/native.js'
import { newControl } from '../../ts/tokenize/job.js'

/** A new folder, removed after the test. */
export function temporaryFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'aot-tokenize-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Writes files by their relative paths. */
export function writeFiles(folder: string, files: Record<string, string | Buffer>): string[] {
  return Object.entries(files).map(([name, content]) => {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
    return path
  })
}

export async function train(
  files: string[],
  vocabSize: number,
  options: { threads?: number; chunkBytes?: number } = {},
) {
  return native.trainFiles(files, { vocabSize, threads: 1, ...options }, newControl())
}

export async function encode(
  tokenizer: NativeTokenizer,
  files: string[],
  out: string,
  options: { threads?: number; chunkBytes?: number; dtype?: 'auto' | 'int32' | 'uint16' } = {},
): Promise<EncodeFilesResult & { ids: Int32Array }> {
  const result = await native.encodeFiles(
    tokenizer,
    files,
    out,
    { threads: 1, dtype: 'auto', ...options },
    newControl(),
  )
  return { ...result, ids: readTokens(out) }
}

export function readTokens(file: string): Int32Array {
  const store = native.TokenStore.open(file)
  try {
    return store.read(0, store.length)
  } finally {
    store.close()
  }
}

export interface Ran {
  status: number | null
  stdout: string
  stderr: string
}

export const program = join(packageRoot, 'bin/aot-tokenize.js')

/**
 * Runs `aot-tokenize` in `folder`; with `fileLimit`, files may not grow beyond so many KiB; `limit`: another line for the
 * shell before it.
 */
export function aotTokenize(folder: string, args: string[], fileLimit?: number, limit?: string): Ran {
  const command = [process.execPath, program, ...args]
  const before = limit ?? (fileLimit === undefined ? undefined : `ulimit -f ${fileLimit}`)
  const limited = ['bash', '-c', `${before} && exec "$@"`, 'bash', ...command]
  const [first, ...rest] = before === undefined ? command : limited
  const { status, stdout, stderr } = spawnSync(first as string, rest, { cwd: folder, encoding: 'utf8' })
  return { status, stdout, stderr }
}
