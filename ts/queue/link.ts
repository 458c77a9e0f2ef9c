/** The side of the run: tells the queue how far it is, and stops when the queue is gone. */
import type { RunResult, RunWatcher } from '../config/types.js'
import { AotError } from '../errors.js'
import { queueVariable, type RunMessage } from './protocol.js'

/** Between two messages of steps. */
const leastSeconds = 0.2

export class QueueLink {
  readonly #gone = new AbortController()
  #sent = Number.NEGATIVE_INFINITY
  /** The last one, which was not sent so soon after the one before. */
  #unsent: RunMessage | null = null

  private constructor() {
    process.once('disconnect', () => this.#gone.abort())
    // The queue may have ended while this process was starting.
    if (!process.connected) this.#gone.abort()
  }

  /** null: this process is no run of a queue. */
  static connect(): QueueLink | null {
    if (process.env[queueVariable] === undefined || process.send === undefined) return null
    delete process.env[queueVariable] // of this process alone
    return new QueueLink()
  }

  /** Aborted when the queue has ended, however it did. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  readonly watcher: RunWatcher = {
    begun: (step, total) => void this.#send({ kind: 'begun', step, total }),
    stepped: ({ step, loss, tokensPerSecond }) => {
      const now = performance.now() / 1000
      this.#unsent = { kind: 'step', step, loss, tokensPerSecond }
      if (now - this.#sent < leastSeconds) return
      this.#sent = now
      this.#sendStep()
    },
    validated: (step, loss) => void this.#send({ kind: 'validated', step, loss }),
  }

  /** Does the work and tells what came of it. */
  async during(work: () => Promise<RunResult>): Promise<void> {
    try {
      const { step, stopped, validLoss } = await work()
      await this.#send({ kind: 'ended', step, stopped, validLoss })
    } catch (error) {
      this.#sendStep()
      const code = error instanceof AotError ? error.code : 'AOT_INTERNAL'
      await this.#send({ kind: 'failed', code, message: (error as Error).message })
      throw error
    } finally {
      // The process does not end while the channel is open.
      if (process.connected) process.disconnect()
    }
  }

  #sendStep(): void {
    if (this.#unsent !== null) void this.#send(this.#unsent)
    this.#unsent = null
  }

  /** Resolves when it is sent, or cannot be. */
  #send(message: RunMessage): Promise<void> {
    return new Promise((resolve) => {
      if (!process.connected || process.send === undefined) return resolve()
      process.send(message, undefined, undefined, () => resolve())
    })
  }
}
