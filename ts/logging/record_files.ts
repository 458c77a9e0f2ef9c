/** The record of a run: its files of lines, which a checkpoint remembers the lengths of, and the run goes on from. */
import { MetricsJsonl } from './metrics_jsonl.js'
import { SamplesJsonl } from './samples_jsonl.js'
import { ValidWindowsJsonl } from './valid_windows_jsonl.js'

/** Lengths of the files. */
export interface RecordBytes {
  metrics: number
  samples: number
  validWindows: number
}

export const noRecord: RecordBytes = { metrics: 0, samples: 0, validWindows: 0 }

export class RecordFiles {
  private constructor(
    readonly metrics: MetricsJsonl,
    readonly samples: SamplesJsonl,
    readonly validWindows: ValidWindowsJsonl,
  ) {}

  /** Cut back to where they were after `step` minibatches. AOT_IO when they cannot be opened. */
  static open(runFolder: string, step: number, bytes: RecordBytes): RecordFiles {
    return new RecordFiles(
      new MetricsJsonl(runFolder, { step, bytes: bytes.metrics }),
      new SamplesJsonl(runFolder, { step, bytes: bytes.samples }),
      new ValidWindowsJsonl(runFolder, { step, bytes: bytes.validWindows }),
    )
  }

  get bytes(): RecordBytes {
    const { metrics, samples, validWindows } = this
    return { metrics: metrics.bytes, samples: samples.bytes, validWindows: validWindows.bytes }
  }

  /** To disk. */
  sync(): void {
    for (const file of [this.metrics, this.samples, this.validWindows]) file.sync()
  }

  close(): void {
    for (const file of [this.metrics, this.samples, this.validWindows]) file.close()
  }
}
