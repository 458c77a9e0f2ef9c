/** samples.jsonl of a run folder: the texts that the model wrote at each validation, in reading order, one a line. */
import { join } from 'node:path'
import { JsonLines, type LinesMark } from './json_lines.js'

export class SamplesJsonl {
  private readonly lines: JsonLines

  constructor(runFolder: string, mark: LinesMark) {
    this.lines = JsonLines.open(join(runFolder, 'samples.jsonl'), mark)
  }

  get bytes(): number {
    return this.lines.bytes
  }

  /** `direction` is given in FW+BW mode alone. */
  sample(step: number, text: string, direction: 'forward' | 'backward' | null): void {
    this.lines.append({ step, ...(direction === null ? {} : { direction }), text })
  }

  sync(): void {
    this.lines.sync()
  }

  close(): void {
    this.lines.close()
  }
}
