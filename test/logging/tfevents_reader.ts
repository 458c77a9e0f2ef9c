/** Reads TensorBoard's event files for the tests, by the formats' own documents and not by the code that writes them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** CRC-32C, bit by bit. */
function crc32c(content: Uint8Array): number {
  let sum = 0xffffffff
  for (const byte of content) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0x82f63b78 : sum >>> 1
  }
  return (sum ^ 0xffffffff) >>> 0
}

function unmasked(sum: number): number {
  const rotated = (sum - 0xa282ead8) >>> 0
  return ((rotated >>> 17) | (rotated << 15)) >>> 0
}

/** The records of a file; throws where one is damaged or cut off. */
export function readRecords(content: Buffer): Buffer[] {
  const records: Buffer[] = []
  for (let at = 0; at < content.length; ) {
    const head = content.subarray(at, at + 8)
    const length = Number(head.readBigUInt64LE())
    if (crc32c(head) !== unmasked(content.readUInt32LE(at + 8))) throw new Error(`the length at ${at} is damaged`)
    const record = content.subarray(at + 12, at + 12 + length)
    if (crc32c(record) !== unmasked(content.readUInt32LE(at + 12 + length))) throw new Error(`damaged at ${at}`)
    records.push(record)
    at += length + 16
  }
  return records
}

type Field = number | bigint | Buffer

/** The fields of a protobuf message by number, each with all its values. */
export function fields(message: Buffer): Map<number, Field[]> {
  const found = new Map<number, Field[]>()
  let at = 0
  const varint = () => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = message.readUInt8(at++)
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return value
    }
  }
  const bytes = (length: number) => {
    at += length
    if (at > message.length) throw new Error('cut off')
    return message.subarray(at - length, at)
  }
  const readers: Record<number, () => Field> = {
    0: varint,
    1: () => bytes(8).readDoubleLE(),
    2: () => bytes(Number(varint())),
    5: () => bytes(4).readFloatLE(),
  }
  while (at < message.length) {
    const key = Number(varint())
    const value = readers[key % 8]?.()
    if (value === undefined) throw new Error(`wire type ${key % 8}`)
    found.set(key >> 3, [...(found.get(key >> 3) ?? []), value])
  }
  return found
}

const inside = (message: Map<number, Field[]>, number: number) =>
  (message.get(number) ?? []).map((value) => fields(value as Buffer))
const text = (message: Map<number, Field[]> | undefined, number: number) => message?.get(number)?.[0]?.toString()

export interface ReadEvent {
  time: number
  step: number
  version?: string | undefined
  /** SessionLog.status. */
  session?: number | undefined
  values: { tag: string; scalar?: number | undefined; text?: string | undefined; plugin?: string; content?: Buffer }[]
}

export function readEvents(content: Buffer): ReadEvent[] {
  return readRecords(content).map((record) => {
    const event = fields(record)
    const session = inside(event, 7)[0]?.get(1)?.[0]
    return {
      time: event.get(1)?.[0] as number,
      step: Number(event.get(2)?.[0] ?? 0),
      version: text(event, 3),
      session: session === undefined ? undefined : Number(session),
      values: inside(event, 5)
        .flatMap((summary) => inside(summary, 1))
        .map((value) => {
          const plugin = inside(value, 9).flatMap((metadata) => inside(metadata, 1))[0]
          return {
            tag: text(value, 1) ?? '',
            scalar: value.get(2)?.[0] as number | undefined,
            text: text(inside(value, 8)[0], 8),
            ...(plugin && { plugin: text(plugin, 1) ?? '', content: plugin.get(2)?.[0] as Buffer }),
          }
        }),
    }
  })
}

/** A run's event files with what is in them, oldest first. */
export function eventFiles(runFolder: string): { name: string; content: Buffer }[] {
  const folder = join(runFolder, 'tensorboard')
  const names = readdirSync(folder).filter((name) => name.includes('tfevents'))
  return names.sort().map((name) => ({ name, content: readFileSync(join(folder, name)) }))
}

/** The events of all of them, as TensorBoard shows them. */
export function runEvents(runFolder: string): ReadEvent[] {
  return eventFiles(runFolder).flatMap(({ content }) => readEvents(content))
}

/** google.protobuf.Value, and what else the plugin hparams is told. */
export function readHparams(content: Buffer) {
  const data = fields(content)
  const start = inside(data, 3)[0]
  const entries = (start === undefined ? [] : inside(start, 1)).map((entry) => {
    const value = inside(entry, 2)[0]
    const [number, string, boolean] = [2, 3, 4].map((kind) => value?.get(kind)?.[0])
    return [text(entry, 1), number ?? string?.toString() ?? boolean === 1n] as [string, unknown]
  })
  const experiment = inside(data, 2)[0]
  return {
    hparams: Object.fromEntries(entries),
    group: text(start, 4),
    experiment: experiment && {
      name: text(experiment, 6),
      hparams: inside(experiment, 4).map((info) => text(info, 1)),
      metrics: inside(experiment, 5).map((info) => text(inside(info, 1)[0], 2)),
    },
    status: Number(inside(data, 4)[0]?.get(1)?.[0] ?? 0),
  }
}
