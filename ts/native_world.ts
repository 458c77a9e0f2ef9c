/** What the addon offers for the processes that mpirun or srun has started for one job. */

export interface NativeMember {
  host: string
  /** Its number on the host. */
  process: number
  /** That it may use. */
  processors: number[]
}

/**
 * All processes make the same calls in the same order. When one of them is gone, has failed, or does not come in time,
 * what waits throws AOT_DEVICE with a line that names it.
 */
export interface NativeWorld {
  readonly rank: number
  readonly size: number
  /** By rank. */
  readonly members: NativeMember[]
  /** What the devices of this process are called, for the lines about it. */
  setDevices(text: string): void
  /** The text of rank 0, for all. On a channel of its own: others may wait here while other calls are made. */
  broadcast(text: string | null): Promise<string>
  /** The texts of all, by rank. */
  allGather(text: string): Promise<string[]>
  barrier(): Promise<void>
  /** Tells the others that this process gives up, and why: what waits ends, here and there. */
  fail(message: string): void
  /** Throws when a process of the job has failed or is gone. */
  check(): void
  /** Waits for the others to leave too, at the end of work that went well; nothing may be called after it. */
  leave(): Promise<void>
  /** For tests and measurements: one more channel, as the native side uses them. */
  openChannel(): Promise<NativeChannel>
}

/** Its calls are done one after another; the arrays are not to be touched until then. */
export interface NativeChannel {
  barrier(): Promise<void>
  broadcast(data: Uint8Array, root: number): Promise<void>
  /** Rank p has [ends[p-1], ends[p]) of data. */
  allGather(data: Uint8Array, ends: readonly number[]): Promise<void>
  allReduce(data: Float32Array): Promise<void>
}

export interface NativeWorlds {
  /**
   * The processes of the job that this one is of, as the environment says; otherwise it alone. The first call decides; it
   * waits for all of them. When the process ends before leave(), the others are told.
   */
  joinWorld(options: { silenceSeconds: number; stallSeconds: number }): Promise<NativeWorld>
}
