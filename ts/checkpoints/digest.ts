/** What a checkpoint's manifest says of a file, and the search for numbers that must not be saved. */
import { createHash } from 'node:crypto'
import { readHeader, readRange, withReading } from './safetensors.js'

export interface FileDigest {
  bytes: number
  sha256: string
}

/** Size and SHA-256 of a file, as it reads now. */
export function digestFile(path: string): Promise<FileDigest> {
  return withReading(path, async (file) => {
    const hash = createHash('sha256')
    const bytes = (await file.stat()).size
    await readRange(file, 0, bytes, (chunk) => hash.update(chunk))
    return { bytes, sha256: hash.digest('hex') }
  })
}

/** Name of the first fp32 tensor of a safetensors file that holds an infinity or a NaN; null when all are finite. */
export function firstNonFinite(path: string): Promise<string | null> {
  return withReading(path, async (file) => {
    const { tensors, dataStart } = await readHeader(path, file)
    for (const [name, { dtype, data_offsets: range }] of tensors) {
      if (dtype !== 'F32') continue
      let finite = true
      await readRange(file, dataStart + range[0], dataStart + range[1], (bytes) => {
        finite &&= allFinite(new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2))
      })
      if (!finite) return name
    }
    return null
  })
}

/** No fp32 word has an exponent of all ones. */
function allFinite(words: Uint32Array): boolean {
  for (let i = 0; i < words.length; i++) if (((words[i] as number) & 0x7f800000) === 0x7f800000) return false
  return true
}
