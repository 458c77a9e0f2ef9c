/** What a checkpoint's manifest says of a file, and the search for numbers that must not be saved. */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { AotError } from '../errors.js'
import { ioError } from './durable.js'

export interface FileDigest {
  bytes: number
  sha256: string
}

const chunkBytes = 4 << 20

async function withReading<Result>(path: string, use: (file: FileHandle) => Promise<Result>): Promise<Result> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'r')
    return await use(file)
  } catch (error) {
    throw ioError('read', path, error)
  } finally {
    await file?.close()
  }
}

/** Visits bytes [begin, end) in order, in pieces of at most chunkBytes that begin at multiples of it from `begin`. */
async function readRange(file: FileHandle, begin: number, end: number, visit: (chunk: Buffer) => void): Promise<void> {
  const buffer = Buffer.alloc(Math.min(chunkBytes, end - begin))
  for (let at = begin; at < end; ) {
    const wanted = Math.min(buffer.length, end - at)
    for (let got = 0; got < wanted; ) {
      const { bytesRead } = await file.read(buffer, got, wanted - got, at + got)
      if (bytesRead === 0) throw new AotError('AOT_DATA', 'the file ends too early')
      got += bytesRead
    }
    visit(buffer.subarray(0, wanted))
    at += wanted
  }
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

/**
 * Name of the first fp32 tensor of a safetensors file (u64 length, JSON header, data) that holds an infinity or a NaN;
 * null when all numbers are finite.
 */
export function firstNonFinite(path: string): Promise<string | null> {
  return withReading(path, async (file) => {
    const { size } = await file.stat()
    const length = Buffer.alloc(8)
    if (size >= 8) await readRange(file, 0, 8, (bytes) => bytes.copy(length))
    const dataStart = 8 + Number(length.readBigUInt64LE())
    if (size < 8 || dataStart > size) throw new AotError('AOT_DATA', `${path} is not a safetensors file`)
    const pieces: string[] = []
    await readRange(file, 8, dataStart, (bytes) => pieces.push(bytes.toString('latin1')))
    for (const [name, { dtype, data_offsets: range }] of Object.entries(parseHeader(path, pieces.join('')))) {
      if (dtype !== 'F32' || range === undefined) continue
      let finite = true
      await readRange(file, dataStart + range[0], dataStart + range[1], (bytes) => {
        finite &&= allFinite(new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2))
      })
      if (!finite) return name
    }
    return null
  })
}

function parseHeader(path: string, text: string): Record<string, { dtype?: string; data_offsets?: [number, number] }> {
  try {
    return JSON.parse(text)
  } catch {
    throw new AotError('AOT_DATA', `${path} is not a safetensors file`)
  }
}

/** No fp32 word has an exponent of all ones. */
function allFinite(words: Uint32Array): boolean {
  for (let i = 0; i < words.length; i++) if (((words[i] as number) & 0x7f800000) === 0x7f800000) return false
  return true
}
