/** The types between the config, the command and the training loop. */
import type { NativeWindowOptions } from '../native.js'
import type { Config } from './schema.js'

export type { Config, ConfigInput, Model } from './schema.js'

export type Precision = 'fp32' | 'bf16'

/** A config with what depends on the device filled in too: what config.json of a run folder holds. */
export type ResolvedConfig = Config & { precision: Precision }

/** In which order a window's tokens are predicted. */
export type Direction =
  | { kind: 'forward' }
  | { kind: 'backward' }
  | { kind: 'permutation'; permutation: number[] }
  /** Even windows forward, odd ones backward; these two ids, past the tokenizer's, come first instead of BOS. */
  | { kind: 'fwbw'; forward: number; backward: number }

/** The learning rate over the optimizer steps of a run. */
export type Schedule =
  /** Linear warm-up from lr * 1e-7, constant, linear to 0 over the last `cooldownFinish` of the training. */
  | { kind: 'cooldown'; lr: number; warmupSteps: number; cooldownFinish: number }
  /** The older one: linear warm-up from `lrInit`, then cosine periods from lr * lrShrink^n to lrMin * lrShrink^n. */
  | {
      kind: 'restarts'
      lr: number
      warmupSteps: number
      oscilSteps: number
      lrShrink: number
      lrInit: number
      lrMin: number
    }

/** One run, ready for the training loop. Files are not looked at: whether they exist is the loop's business. */
export interface ResolvedRun {
  config: ResolvedConfig
  /** As given on the command line. */
  configPath: string
  projectName: string
  runName: string
  /** <save_loc>/<projectName>/<runName>, relative to the current folder when save_loc is. */
  runFolder: string
  /** 'cpu', 'reference', 'emulated' or 'cuda:N', or several with commas. Whether they are there is the engine's business. */
  device: string
  /** Of each cpu; undefined: the cores that this process may use. */
  threads?: number | undefined
  direction: Direction
  schedule: Schedule
  /** For TokenStore.windows and BatchLoader; the stride is always given. */
  windows: NativeWindowOptions & { stride: number }
  /** For Engine.create. In FW+BW mode vocab_size counts the two first tokens. */
  modelParams: Record<string, number | null>
  /** Windows in a validation batch. */
  validBatchSize: number
  /** Lines for the user: what of the config was ignored or taken in a way worth knowing. */
  notes: string[]
}

/** Told of a run as it goes on, beside the sinks. */
export interface RunWatcher {
  /** Everything is set up: minibatches done, and in all. */
  begun(step: number, total: number): void
  /** After each minibatch; the loss in nats per token. */
  stepped(point: { step: number; loss: number; tokensPerSecond: number }): void
  validated(step: number, loss: number): void
}

/** A run's place among others that take turns on a device. */
export interface RunTurn {
  /** Before everything that is done after `step` minibatches: resolves when it is the run's turn, until its next call. */
  begin(step: number): Promise<void>
}

/** What training needs of native/dist/world.h. Every process makes the same calls in the same order. */
export interface TrainWorld {
  readonly rank: number
  readonly size: number
  readonly members: readonly { host: string; process: number }[]
  /** The first process's text for all. */
  broadcast(text: string | null): Promise<string>
  /** The texts of all processes, by rank. */
  allGather(text: string): Promise<string[]>
}

export interface RunOptions {
  /** Train steps_to_train minibatches more, instead of up to that number. */
  noStepPickup: boolean
  /** Begin the cooldown of the learning rate at once. */
  cooldownNow: boolean
  /** Run, state, exported folder or safetensors file whose weights the run starts from, when it has no state of its own. */
  initFrom?: string | undefined
  /** Aborted on ^C and SIGTERM, which the command listens to: the loop saves its state and returns. */
  signal?: AbortSignal | undefined
  /** The processes that train the run together; without: this one alone. */
  world?: TrainWorld | undefined
  watcher?: RunWatcher | undefined
  /** With others in this process; without: the device is the run's own. */
  turn?: RunTurn | undefined
}

export interface RunResult {
  runFolder: string
  /** Minibatches trained so far, over all starts of the run. */
  step: number
  /** True when `signal` ended the run early; its state is saved. */
  stopped: boolean
  /** Nats per token at the last validation; null when there was none. */
  validLoss: number | null
  /** The same for each direction, in FW+BW mode. */
  validLossByDirection?: { forward: number; backward: number } | undefined
  /**
   * Mean nats per token of each validation window, and the windows' numbers: two runs on the same data have the same
   * windows in the same order, so their losses can be compared pair by pair. null when there was no validation.
   */
  validWindows: { losses: Float64Array; numbers: Float64Array } | null
}

/** ts/train/run.ts */
export type TrainRun = (run: ResolvedRun, options: RunOptions) => Promise<RunResult>
