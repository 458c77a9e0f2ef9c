/**
 * valid_windows.jsonl of a run folder: the loss of every validation window at every validation, for the comparison of runs
 * window by window. One line a validation: its `step` and `losses`, mean nats per token of each window as base64 of
 * little-endian float32; the first line also has `windows`, their numbers (float64), which are the same in all.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { JsonLines, type LinesMark } from './json_lines.js'

export interface WindowLosses {
  step: number
  losses: Float32Array
}

export interface ValidWindows {
  /** Number of each window, in the order of the losses. */
  windows: Float64Array
  validations: WindowLosses[]
}

const fileName = 'valid_windows.jsonl'

export class ValidWindowsJsonl {
  private readonly lines: JsonLines

  constructor(runFolder: string, mark: LinesMark) {
    this.lines = JsonLines.open(join(runFolder, fileName), mark)
  }

  get bytes(): number {
    return this.lines.bytes
  }

  valid(step: number, losses: Float64Array, windows: Float64Array): void {
    const first = this.lines.bytes === 0 ? { windows: encode(windows) } : {}
    this.lines.append({ step, losses: encode(Float32Array.from(losses)), ...first })
  }

  sync(): void {
    this.lines.sync()
  }

  close(): void {
    this.lines.close()
  }
}

function encode(values: Float32Array | Float64Array): string {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('base64')
}

function decode(text: string): ArrayBuffer {
  return Uint8Array.from(Buffer.from(text, 'base64')).buffer
}

/** What a run folder holds of its validation windows; null where there is none. A line that a kill cut off is left out. */
export function readValidWindows(runFolder: string): ValidWindows | null {
  let text: string
  try {
    text = readFileSync(join(runFolder, fileName), 'utf8')
  } catch {
    return null
  }
  let windows: Float64Array | null = null
  const validations: WindowLosses[] = []
  for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
    if (line === '') continue
    const record = JSON.parse(line) as { step: number; losses: string; windows?: string }
    if (record.windows !== undefined) windows = new Float64Array(decode(record.windows))
    validations.push({ step: record.step, losses: new Float32Array(decode(record.losses)) })
  }
  return windows === null ? null : { windows, validations }
}
