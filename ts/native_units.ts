/** What the addon offers for a corpus in work units: safe cuts, encoding and counting of units, digests. */
import type { NativeControl, NativeTokenizer, TextReport, TrainFilesResult } from './native.js'

/** A stretch of one file, in bytes: it begins and ends at safe cuts, or at the file's ends. */
export interface NativeStretch {
  file: string
  begin: number
  end: number
  /** Of the whole file, as planned: AOT_DATA when it is another by now. */
  size: number
}

/** Its stretches are texts of their own, in order. */
export interface NativeUnit {
  number: number
  stretches: NativeStretch[]
}

export interface NativeTokenizeUnits {
  /**
   * For each request the first place at `at` (> 0) or after it where the file may be cut without a change to what the tokenizer
   * (null: the trainer) makes of it; the file's size when there is none. `cutAt` is for null: `pieces` (the default)
   * of the pre-tokenizer, or `characters`.
   */
  findCuts(
    tokenizer: NativeTokenizer | null,
    requests: { file: string; at: number; size: number }[],
    options: { threads: number; cutAt?: 'pieces' | 'characters' | undefined },
    control: NativeControl,
  ): Promise<number[]>
  /** For tests: every place at which findCuts may cut these bytes of a file. */
  safeCuts(tokenizer: NativeTokenizer | null, bytes: Uint8Array, cutAt?: 'pieces' | 'characters' | undefined): number[]
  /**
   * Encodes units, `threads` of them at a time, each to `<folder>/<number, five digits>.h5` (`single`: to this path,
   * for the only unit) and then its entry beside it, `<number>.json`. The first error ends it; what is finished stays.
   */
  encodeUnits(
    tokenizer: NativeTokenizer,
    units: NativeUnit[],
    options: { folder: string; plan: string; single: string | null; threads: number; dtype: 'int32' | 'uint16' },
    control: NativeControl,
  ): Promise<void>
  /** Counts the words (`characters`: the characters) of units, each to `<folder>/<number>.counts`. */
  countUnits(
    units: NativeUnit[],
    options: { folder: string; plan: string; threads: number; kind: 'words' | 'characters' },
    control: NativeControl,
  ): Promise<void>
  /** What a file of counts is of. AOT_DATA when it is damaged or of another plan. */
  checkCounts(path: string, plan: string): Promise<{ unit: number; text: TextReport; occurrences: number }>
  /** A tokenizer from the counts of all units. Errors as checkCounts and trainFiles. */
  trainCounts(
    paths: string[],
    options: { plan: string; vocabSize: number },
    control: NativeControl,
  ): Promise<TrainFilesResult>
  trainCharCounts(
    paths: string[],
    options: { plan: string; unknown: boolean },
    control: NativeControl,
  ): Promise<TrainFilesResult>
  /** For each unit the digest of its bytes as stored: `input` of its entry. */
  digestUnits(units: NativeUnit[], options: { threads: number }, control: NativeControl): Promise<string[]>
  /** XXH3-128, 32 hexadecimal digits. */
  digestOf(bytes: string | Uint8Array): string
}
