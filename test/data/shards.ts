/** Texts in shards, for tests. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { native } from '../../ts/native.js'
import type { NativeShard } from '../../ts/native_shards.js'

export type DType = 'int32' | 'uint16'

/** A folder of its own, gone after the test. */
export function makeFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'aot-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Ids that differ from place to place, and by seed. */
export function idsOf(length: number, seed = 0): Int32Array {
  return Int32Array.from({ length }, (_, i) => Math.imul(i + 1 + seed * 7919, 2654435761) >>> 16)
}

export async function writeTokens(path: string, ids: Int32Array, dtype: DType): Promise<void> {
  const writer = new native.TokenWriter(path, dtype)
  writer.append(ids)
  await writer.commit()
}

/** What is known of a token file, read from its bytes. */
export function shardOf(folder: string, file: string, tokens: number, dtype: DType): NativeShard {
  const bytes = readFileSync(join(folder, file))
  const start = bytes.length - tokens * (dtype === 'int32' ? 4 : 2)
  return {
    file,
    tokens,
    bytes: statSync(join(folder, file)).size,
    header: native.digestOf(bytes.subarray(0, start)),
    data: native.digestOf(bytes.subarray(start)),
  }
}

/** Writes `<name>.shards/00000.h5` ..., one for each part. */
export async function writeShards(
  folder: string,
  name: string,
  parts: Int32Array[],
  dtype: DType,
): Promise<NativeShard[]> {
  mkdirSync(join(folder, `${name}.shards`), { recursive: true })
  const shards: NativeShard[] = []
  for (const [i, ids] of parts.entries()) {
    const file = `${name}.shards/${String(i).padStart(5, '0')}.h5`
    await writeTokens(join(folder, file), ids, dtype)
    shards.push(shardOf(folder, file, ids.length, dtype))
  }
  return shards
}

/** The same, with the virtual file `<name>.h5` over them. */
export async function writeText(
  folder: string,
  name: string,
  parts: Int32Array[],
  dtype: DType = 'int32',
): Promise<{ path: string; shards: NativeShard[] }> {
  const shards = await writeShards(folder, name, parts, dtype)
  const path = join(folder, `${name}.h5`)
  await native.writeVirtual(path, shards, { dtype })
  return { path, shards }
}

/** Ids in parts of these lengths; together they are idsOf(sum, seed). */
export function partsOf(lengths: readonly number[], seed = 0): Int32Array[] {
  const ends: number[] = []
  for (const length of lengths) ends.push((ends.at(-1) ?? 0) + length)
  const all = idsOf(ends.at(-1) ?? 0, seed)
  return ends.map((end, i) => all.subarray(ends[i - 1] ?? 0, end))
}

/** Flips a bit of the byte at this place of a file. */
export function flipBit(path: string, place: number, bit = place % 8): void {
  const bytes = readFileSync(path)
  bytes[place] = (bytes[place] as number) ^ (1 << bit)
  writeFileSync(path, bytes)
}
