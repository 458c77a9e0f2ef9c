/** A file of one JSON object a line, each with its `step`, that a killed run can go on with. */
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { ioError } from '../checkpoints/durable.js'

/** Where the file stood at a checkpoint. */
export interface LinesMark {
  step: number
  bytes: number
}

export type JsonRecord = { step: number } & Record<string, unknown>

const newline = 0x0a

/** The step of a line, null when it is not a record. */
function stepOf(line: string): number | null {
  try {
    const { step } = JSON.parse(line)
    return typeof step === 'number' ? step : null
  } catch {
    return null
  }
}

/**
 * How many bytes of `content` a run that goes on from `mark` keeps: as many as there were then. When the file was changed
 * since, so that these do not end with a line up to that step, it is cut at the first line past the step or torn at the end.
 */
export function keptBytes(content: Buffer, mark: LinesMark): number {
  if (mark.bytes === 0) return 0
  if (mark.bytes <= content.length && content[mark.bytes - 1] === newline) {
    const begin = mark.bytes > 1 ? content.lastIndexOf(newline, mark.bytes - 2) + 1 : 0
    const step = stepOf(content.toString('utf8', begin, mark.bytes - 1))
    if (step !== null && step <= mark.step) return mark.bytes
  }
  let kept = 0
  for (let begin = 0; begin < content.length; ) {
    const end = content.indexOf(newline, begin)
    if (end < 0) break
    const step = stepOf(content.toString('utf8', begin, end))
    if (step !== null && step > mark.step) break
    begin = end + 1
    // A line that cannot be read stays only when one that counts follows it.
    if (step !== null) kept = begin
  }
  return kept
}

export class JsonLines {
  private constructor(
    readonly path: string,
    private readonly fd: number,
    private size: number,
  ) {}

  /** Opens or creates the file and cuts it back to `mark`. AOT_IO when that fails. */
  static open(path: string, mark: LinesMark): JsonLines {
    try {
      const fd = openSync(path, 'a+')
      const bytes = keptBytes(readFileSync(path), mark)
      ftruncateSync(fd, bytes)
      return new JsonLines(path, fd, bytes)
    } catch (error) {
      throw ioError('open', path, error)
    }
  }

  /** Bytes so far: the mark to go on from. */
  get bytes(): number {
    return this.size
  }

  /** Appends a line. The operating system has it when this returns, so a killed process does not lose it. */
  append(record: JsonRecord): void {
    const line = Buffer.from(`${JSON.stringify(record)}\n`)
    try {
      for (let written = 0; written < line.length; ) written += writeSync(this.fd, line, written)
    } catch (error) {
      throw ioError('write', this.path, error)
    }
    this.size += line.length
  }

  /** Flushes to disk what was appended: called before the checkpoint that counts on it. */
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

/** What is read at once; lines are shorter. */
const chunk = 16 * 1024 * 1024

/** Follows a file of lines that grows: for sinks that catch up with the run's record. */
export class JsonLinesReader {
  private position = 0

  constructor(readonly path: string) {}

  /** The next lines, some MB of them; none when there is no whole line more. */
  read(): JsonRecord[] {
    const fd = openSync(this.path, 'r')
    try {
      const added = Buffer.alloc(Math.min(chunk, Math.max(0, fstatSync(fd).size - this.position)))
      const bytes = readSync(fd, added, 0, added.length, this.position)
      const end = added.subarray(0, bytes).lastIndexOf(newline) + 1
      this.position += end
      const lines = added.toString('utf8', 0, end).split('\n')
      return lines.filter((line) => stepOf(line) !== null).map((line) => JSON.parse(line))
    } finally {
      closeSync(fd)
    }
  }

  /** All lines up to the end. */
  *rest(): Generator<JsonRecord> {
    for (let lines = this.read(); lines.length > 0; lines = this.read()) yield* lines
  }
}
