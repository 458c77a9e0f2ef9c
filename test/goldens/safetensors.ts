/** A reader and a writer of safetensors files for the tests, apart from the engine's own. */
import { readFileSync, writeFileSync } from 'node:fs'

export interface Tensor {
  shape: number[]
  data: Float32Array | Int32Array
}

export function readSafetensors(path: string): { tensors: Map<string, Tensor>; metadata: Record<string, string> } {
  const file = readFileSync(path)
  const headerBytes = Number(file.readBigUInt64LE(0))
  const header = JSON.parse(file.toString('utf8', 8, 8 + headerBytes))
  const { __metadata__: metadata = {}, ...entries } = header
  const tensors = new Map<string, Tensor>()
  for (const [name, entry] of Object.entries(entries)) {
    const { dtype, shape, data_offsets } = entry as { dtype: string; shape: number[]; data_offsets: [number, number] }
    const [begin, end] = data_offsets.map((offset) => offset + 8 + headerBytes) as [number, number]
    const bytes = new Uint8Array(file.subarray(begin, end)).buffer
    tensors.set(name, { shape, data: dtype === 'I32' ? new Int32Array(bytes) : new Float32Array(bytes) })
  }
  return { tensors, metadata }
}

export function writeSafetensors(path: string, tensors: Map<string, Tensor>): void {
  const header: Record<string, unknown> = {}
  let offset = 0
  for (const [name, { shape, data }] of tensors) {
    const dtype = data instanceof Int32Array ? 'I32' : 'F32'
    header[name] = { dtype, shape, data_offsets: [offset, offset + data.byteLength] }
    offset += data.byteLength
  }
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  const blocks = [...tensors.values()].map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength))
  writeFileSync(path, Buffer.concat([length, text, ...blocks]))
}
