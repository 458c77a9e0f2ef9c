/** What tells whether two tokenizers made the same of a text. */
import { createHash } from 'node:crypto'

/** Number of the ids, and SHA-256 of them all as little-endian int32, one list after the other. */
export function digestOfIds(lists: Iterable<ArrayLike<number>>): { tokens: number; sha256: string } {
  const digest = createHash('sha256')
  let tokens = 0
  for (const ids of lists) {
    const bytes = Buffer.alloc(ids.length * 4)
    for (let i = 0; i < ids.length; i++) bytes.writeInt32LE(ids[i] as number, i * 4)
    digest.update(bytes)
    tokens += ids.length
  }
  return { tokens, sha256: digest.digest('hex') }
}
