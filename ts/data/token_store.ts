/** Token files (HDF5) and the windows of a text, as programs use them. */
import { AotError } from '../errors.js'
import { type NativeTokenStore, type NativeWindows, native } from '../native.js'

export interface WindowOptions {
  /** Tokens in a window, at least 3. */
  attnLength: number
  /** Tokens from one window to the next. Default (attnLength - 1) // 2, in FW+BW mode attnLength. */
  stride?: number | null | undefined
  /** Windows are read from their end. Default false. */
  backwards?: boolean | null | undefined
  /** Position i of the trained sequence holds token permutation[i] of the text; given, `backwards` is ignored. */
  permutation?: ArrayLike<number> | null | undefined
  /** FW+BW mode: even windows forward, odd ones backward, these ids as first tokens in the place of BOS. */
  fwbw?: { forward: number; backward: number } | null | undefined
}

/** One example: the target is the window's tokens in the trained order, the input BOS and the target without its last. */
export interface Window {
  /** [attnLength] */
  input: Int32Array
  /** [attnLength] */
  target: Int32Array
}

/** The windows of a text, numbered in the order of the text. They stay usable after the store is closed. */
export class Windows {
  constructor(private readonly windows: NativeWindows) {}

  get length(): number {
    return this.windows.length
  }

  /** @throws AotError AOT_DATA when there is no such window, AOT_CONFIG when `index` is no whole number. */
  get(index: number): Window {
    return this.windows.get(index)
  }

  /** The order of training: NumPy's default_rng(seed).shuffle(arange(length)). Float64Array from 2^31 windows on. */
  order(options: { seed?: number | undefined } = {}): Int32Array | Float64Array {
    if (typeof options !== 'object' || options === null) {
      throw new AotError('AOT_CONFIG', 'order takes an object: order({ seed })')
    }
    return this.windows.order(options.seed ?? 42)
  }
}

/**
 * A token file: HDF5 with a 1-D integer dataset `tokens`, contiguous, chunked, compressed or virtual. Contiguous files
 * are mapped into memory, so that opening one costs nothing whatever its size.
 */
export class TokenStore {
  private constructor(private readonly store: NativeTokenStore) {}

  /** @throws AotError AOT_IO when the file cannot be read, AOT_DATA when it is no whole token file. */
  static open(path: string): TokenStore {
    return new TokenStore(native.TokenStore.open(path))
  }

  /** Tokens in the file. */
  get length(): number {
    return this.store.length
  }

  /** As stored: 'int32' or 'uint16'; files of others may say 'int64', 'big-endian int32' and so on. */
  get dtype(): string {
    return this.store.dtype
  }

  /** @throws AotError AOT_DATA when the range is not within the file. */
  read(offset: number, count: number): Int32Array {
    return this.store.read(offset, count)
  }

  /**
   * The largest id of the file. Reads all of it the first time, off the event loop.
   * @throws AotError AOT_DATA when an id is negative.
   */
  maxId(): Promise<number> {
    return this.store.maxId()
  }

  /** @throws AotError AOT_CONFIG for options that cannot be, AOT_DATA when the text is too short for one window. */
  windows(options: WindowOptions): Windows {
    if (typeof options !== 'object' || options === null) {
      throw new AotError('AOT_CONFIG', 'windows must be an object')
    }
    const { attnLength, stride, backwards, permutation, fwbw } = options
    return new Windows(
      this.store.windows({
        attnLength,
        stride: stride ?? undefined,
        backwards: backwards ?? undefined,
        permutation: permutation == null ? undefined : Array.from(permutation),
        fwbw: fwbw ?? undefined,
      }),
    )
  }

  /** Lets go of the file; windows and batch loaders made before keep it for themselves. May be called twice. */
  close(): void {
    this.store.close()
  }
}
