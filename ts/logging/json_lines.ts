/** A file of one JSON object a line, each with its `step`, that a killed run can go on with. */
import { closeSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs'
import { ioError } from '../checkpoints/durable.js'

/** Bytes of `content` to keep so that no line past `step` remains: cut at the first of those, or at a torn last line. */
export function keptBytes(content: Buffer, step: number): number {
  let kept = 0
  for (let begin = 0; begin < content.length; ) {
    const newline = content.indexOf(0x0a, begin)
    if (newline < 0) break
    const lineStep = stepOf(content.toString('utf8', begin, newline))
    if (lineStep !== null && lineStep > step) break
    begin = newline + 1
    // A line that cannot be read stays only when one that counts follows it.
    if (lineStep !== null) kept = begin
  }
  return kept
}

function stepOf(line: string): number | null {
  try {
    const { step } = JSON.parse(line)
    return typeof step === 'number' ? step : null
  } catch {
    return null
  }
}

export class JsonLines {
  private constructor(
    readonly path: string,
    private readonly fd: number,
  ) {}

  /** Opens or creates the file and cuts what lies past `step`. */
  static open(path: string, step: number): JsonLines {
    try {
      const fd = openSync(path, 'a+')
      ftruncateSync(fd, keptBytes(readFileSync(path), step))
      return new JsonLines(path, fd)
    } catch (error) {
      throw ioError('open', path, error)
    }
  }

  /** Appends a line; it is with the operating system when this returns, so that a killed process does not lose it. */
  append(record: { step: number } & Record<string, unknown>): void {
    const line = Buffer.from(`${JSON.stringify(record)}\n`)
    try {
      for (let written = 0; written < line.length; ) written += writeSync(this.fd, line, written)
    } catch (error) {
      throw ioError('write', this.path, error)
    }
  }

  /** Flushes to disk what was appended: called before the checkpoint that stands on it. */
  sync(): void {
    try {
      fsyncSync(this.fd)
    } catch (error) {
      throw ioError('flush', this.path, error)
    }
  }

  close(): void {
    closeSync(this.fd)
  }
}
