/** What the addon offers for token files in shards: the virtual file over them, their check, their merge. */
import type { NativeControl } from './native.js'

/** A token file that is a part of a larger text. */
export interface NativeShard {
  /** Relative to the folder of the virtual file, and inside it. */
  file: string
  tokens: number
  /** Of the whole file. */
  bytes: number
  /** Digests (digestOf) of the bytes before the tokens, and of the tokens, which are the rest of the file. */
  header: string
  data: string
}

/** Of all shards of a text. `vocabSize`: above every id. */
export interface NativeShardOptions {
  dtype: 'int32' | 'uint16'
  vocabSize?: number | undefined
}

export interface NativeTokenShards {
  /**
   * Writes the virtual dataset `tokens` over the shards, in order, and what is known of them: TokenStore.open finds out
   * by it when one is missing or altered. The same arguments give the same bytes.
   */
  writeVirtual(path: string, shards: NativeShard[], options: NativeShardOptions): Promise<void>
  /**
   * Reads all shards of a virtual file in `folder` whole and compares sizes and digests. For each: null when it is
   * right, else what is wrong ('missing', 'cut short: ...', 'damaged: ...'). Adds the bytes to the progress.
   */
  checkShards(
    folder: string,
    shards: NativeShard[],
    options: NativeShardOptions & { threads: number },
    control: NativeControl,
  ): Promise<(string | null)[]>
  /**
   * Writes one contiguous token file from the shards of a virtual one, as if TokenWriter had written all tokens. Stopped,
   * killed or out of space it leaves `<out>.tmp` and `<out>.tmp.json`, with which the next call goes on: `resumedAt`
   * tokens were there already. Sets `progress[1]` to the bytes that it will read, those of its checks included.
   * `noteBytes` says how much is written between two notes of how far it has come: for tests.
   */
  mergeShards(
    virtual: string,
    out: string,
    options: { threads: number; noteBytes?: number | undefined },
    control: NativeControl,
  ): Promise<{ tokens: number; resumedAt: number }>
}
