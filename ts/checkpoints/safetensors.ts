/** The safetensors format (u64 length, JSON header, data), as far as files are checked and copied without an engine. */
import { createHash } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { z } from 'zod'
import { AotError } from '../errors.js'
import { ioError, syncPath } from './durable.js'

const chunkBytes = 4 << 20
const lengthBytes = 8
/** As in the format's own library. */
const largestHeader = 100_000_000

const tensorSchema = z.object({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
})
const headerSchema = z.record(z.string(), z.unknown())
const metadataSchema = z.record(z.string(), z.string())

export type StoredTensor = z.infer<typeof tensorSchema>

export interface SafetensorsHeader {
  tensors: Map<string, StoredTensor>
  metadata: Record<string, string>
  /** Where the data begins and ends in the file; data_offsets count from its begin. */
  dataStart: number
  dataEnd: number
}

/** Opens a file to read from; every failure becomes an AotError that names it. */
export async function withReading<Result>(path: string, use: (file: FileHandle) => Promise<Result>): Promise<Result> {
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
export async function readRange(
  file: FileHandle,
  begin: number,
  end: number,
  visit: (chunk: Buffer) => unknown,
): Promise<void> {
  const buffer = Buffer.alloc(Math.min(chunkBytes, end - begin))
  for (let at = begin; at < end; ) {
    const wanted = Math.min(buffer.length, end - at)
    for (let got = 0; got < wanted; ) {
      const { bytesRead } = await file.read(buffer, got, wanted - got, at + got)
      if (bytesRead === 0) throw new AotError('AOT_DATA', 'the file ends too early')
      got += bytesRead
    }
    await visit(buffer.subarray(0, wanted))
    at += wanted
  }
}

/** AOT_DATA when the file is not of the format. Whether the tensors fill the data is the engine's business. */
export async function readHeader(path: string, file: FileHandle): Promise<SafetensorsHeader> {
  const wrong = new AotError('AOT_DATA', `${path} is not a safetensors file`)
  const { size } = await file.stat()
  const length = Buffer.alloc(lengthBytes)
  if (size >= lengthBytes) await readRange(file, 0, lengthBytes, (bytes) => bytes.copy(length))
  const headerBytes = Number(length.readBigUInt64LE())
  const dataStart = lengthBytes + headerBytes
  if (size < lengthBytes || dataStart > size || headerBytes > largestHeader) throw wrong
  const pieces: Buffer[] = []
  await readRange(file, lengthBytes, dataStart, (bytes) => pieces.push(Buffer.from(bytes)))
  try {
    const { __metadata__: metadata = {}, ...entries } = headerSchema.parse(JSON.parse(Buffer.concat(pieces).toString()))
    const tensors = new Map(Object.entries(entries).map(([name, entry]) => [name, tensorSchema.parse(entry)]))
    if ([...tensors.values()].some(({ data_offsets: [begin, end] }) => begin > end || dataStart + end > size))
      throw wrong
    return { tensors, metadata: metadataSchema.parse(metadata), dataStart, dataEnd: size }
  } catch {
    throw wrong
  }
}

/**
 * Writes the tensors of a file, as they are, to a new one whose metadata is that of a PyTorch state dict alone, flushes it
 * and reads it back. Gives what the header says.
 */
export async function copyPlain(from: string, to: string, signal?: AbortSignal): Promise<SafetensorsHeader> {
  const written = createHash('sha256')
  const header = await withReading(from, async (source) => {
    const header = await readHeader(from, source)
    let target: FileHandle | undefined
    try {
      target = await open(to, 'wx')
      const out = target
      const entries = { __metadata__: { format: 'pt' }, ...Object.fromEntries(header.tensors) }
      const text = Buffer.from(JSON.stringify(entries))
      const padded = Buffer.alloc(Math.ceil(text.length / lengthBytes) * lengthBytes, ' ')
      text.copy(padded)
      const length = Buffer.alloc(lengthBytes)
      length.writeBigUInt64LE(BigInt(padded.length))
      await out.writeFile(Buffer.concat([length, padded]))
      await readRange(source, header.dataStart, header.dataEnd, async (chunk) => {
        signal?.throwIfAborted()
        written.update(chunk)
        await out.writeFile(chunk)
      })
    } catch (error) {
      throw signal?.aborted ? error : ioError('write', to, error)
    } finally {
      await target?.close()
    }
    return header
  })
  await syncPath(to)
  const read = createHash('sha256')
  await withReading(to, async (file) => {
    const copy = await readHeader(to, file)
    await readRange(file, copy.dataStart, copy.dataEnd, (chunk) => read.update(chunk))
  })
  if (read.digest('hex') !== written.digest('hex')) {
    throw new AotError('AOT_IO', `${to} does not read as it was written: the disk is failing`)
  }
  return header
}
