/** What the addon offers for token files in shards: the virtual file over them, their check, their merge. */

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

export interface NativeTokenShards {
  /**
   * Writes the virtual dataset `tokens` over the shards, in order, and what is known of them: TokenStore.open finds out
   * by it when one is missing or altered. The same arguments give the same bytes. `vocabSize`: above every id.
   */
  writeVirtual(
    path: string,
    shards: NativeShard[],
    options: { dtype: 'int32' | 'uint16'; vocabSize?: number | undefined },
  ): Promise<void>
}
