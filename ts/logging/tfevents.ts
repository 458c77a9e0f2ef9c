/**
 * TensorBoard's event files: records of protobuf messages `Event`, each framed by its length and masked CRC-32C sums.
 * Field numbers are those of event.proto, summary.proto, tensor.proto and hparams' plugin_data.proto.
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import crc32c from 'crc-32/crc32c.js'

/** A varint of protobuf; whole numbers below 2^53. */
function varint(value: number): Buffer {
  const bytes: number[] = []
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 128)
  bytes.push(value)
  return Buffer.from(bytes)
}

const wire = { varint: 0, double: 1, bytes: 2, float: 5 }

function field(number: number, type: number, content: Buffer): Buffer {
  return Buffer.concat([varint(number * 8 + type), content])
}

export function whole(number: number, value: number): Buffer {
  return field(number, wire.varint, varint(value))
}

export function double(number: number, value: number): Buffer {
  const content = Buffer.alloc(8)
  content.writeDoubleLE(value)
  return field(number, wire.double, content)
}

function float(number: number, value: number): Buffer {
  const content = Buffer.alloc(4)
  content.writeFloatLE(value)
  return field(number, wire.float, content)
}

export function text(number: number, value: string): Buffer {
  return message(number, Buffer.from(value))
}

/** A message inside another, or bytes. */
export function message(number: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  return field(number, wire.bytes, Buffer.concat([varint(content.length), content]))
}

function maskedSum(content: Buffer): Buffer {
  const sum = crc32c.buf(content) >>> 0
  const masked = Buffer.alloc(4)
  masked.writeUInt32LE((((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0)
  return masked
}

function framed(event: Buffer): Buffer {
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(event.length))
  return Buffer.concat([length, maskedSum(length), event, maskedSum(event)])
}

/** Summary.Value of a scalar. */
export function scalar(tag: string, value: number): Buffer {
  return message(1, text(1, tag), float(2, value))
}

const stringType = 7
const floatType = 1
/** TensorShapeProto of one element. */
const one = message(2, message(2, whole(1, 1)))

/** Summary.Value of a text. */
export function textSample(tag: string, sample: string): Buffer {
  const tensor = message(8, whole(1, stringType), one, text(8, sample))
  const metadata = message(9, message(1, text(1, 'text')))
  return message(1, text(1, tag), tensor, metadata)
}

/** Summary.Value that carries a message of the hparams plugin. */
export function hparams(tag: string, content: Buffer): Buffer {
  const tensor = message(8, whole(1, floatType), one, float(5, 0))
  const metadata = message(9, message(1, text(1, 'hparams'), message(2, content)))
  return message(1, text(1, tag), tensor, metadata)
}

export class TfeventsWriter {
  readonly #fd: number

  /** Begins a new file: its version, and that whatever an earlier file has of `step` or later no longer counts. */
  constructor(path: string, time: number, step: number) {
    this.#fd = openSync(path, 'wx')
    const start = 1
    this.#append(double(1, time), text(3, 'brain.Event:2'))
    this.#append(double(1, time), whole(2, step), message(7, whole(1, start)))
  }

  /** An event with these Summary.Values; `time` in seconds since 1970. */
  write(time: number, step: number, values: Buffer[]): void {
    this.#append(double(1, time), whole(2, step), message(5, ...values))
  }

  #append(...event: Buffer[]): void {
    const record = framed(Buffer.concat(event))
    for (let written = 0; written < record.length; ) written += writeSync(this.#fd, record, written)
  }

  close(): void {
    closeSync(this.#fd)
  }
}
