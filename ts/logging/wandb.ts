/**
 * Sends metrics to Weights & Biases. All of it happens in a thread (wandb_worker.ts) that reads the run's record from its
 * files, so nothing waits for the network and nothing is queued in memory: what was not sent is still in the files, and
 * this or the next start of the run sends it. A thread that failed is followed by another one, after a while.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { ResolvedRun } from '../config/types.js'
import { formatWhole } from './amounts.js'
import { JsonLinesReader } from './json_lines.js'
import type { MetricsLine } from './metrics_jsonl.js'
import type { Outcome, Sink } from './sink.js'
import type { Failure, FromWorker, ToWorker, WorkerData } from './wandb_protocol.js'

export interface WandbOptions {
  run: ResolvedRun
  /** Takes one line of text. */
  print(line: string): void
  /** How long an answer of the server is waited for; how long the end of the run waits for what is not sent yet. */
  requestSeconds?: number
  closeSeconds?: number
  /** Until the first attempt after one that failed; twice as long for each one more. */
  retrySeconds?: number
  sdk?: string
}

const mostRetrySeconds = 300

export class Wandb implements Sink {
  readonly name = 'wandb'
  readonly #options: Required<WandbOptions>
  #worker: Worker | null = null
  #retry: NodeJS.Timeout | undefined
  #retrySeconds: number
  /** Lines of steps up to this one are complete. */
  #complete = 0
  /** The server has the rows up to this step. */
  #sent = 0
  #failure: Failure | null = null
  #connected = false
  #closed: { exitCode: number; ended: () => void } | null = null

  constructor(options: WandbOptions) {
    this.#options = { requestSeconds: 30, closeSeconds: 15, retrySeconds: 10, sdk: '@wandb/sdk', ...options }
    this.#retrySeconds = this.#options.retrySeconds
  }

  start(): void {
    const mode = process.env.WANDB_MODE ?? 'online'
    if (mode === 'online') this.#attempt()
    else this.#failed({ reason: `WANDB_MODE is ${mode}`, final: true })
  }

  /** The lines of a step are complete when there is one of a later step: a validation may still follow. */
  train({ step }: MetricsLine): void {
    this.#more(step - 1)
  }

  valid({ step }: MetricsLine): void {
    this.#more(step - 1)
  }

  sync(step: number): void {
    this.#more(step - 1)
  }

  async close({ kind, step }: Outcome): Promise<void> {
    const { closeSeconds } = this.#options
    this.#complete = kind === 'finished' ? step : Math.max(this.#complete, step - 1)
    if (this.#failure?.final !== true) {
      await new Promise<void>((ended) => {
        const late = setTimeout(() => {
          this.#failure ??= { reason: `the server took longer than ${closeSeconds} s`, final: false }
          ended()
        }, closeSeconds * 1000)
        this.#closed = {
          exitCode: kind === 'failed' ? 1 : 0,
          ended: () => {
            clearTimeout(late)
            ended()
          },
        }
        if (this.#worker === null) this.#attempt()
        else this.#post()
      })
    }
    clearTimeout(this.#retry)
    void this.#worker?.terminate()
    this.#tellUnsent()
  }

  #attempt(): void {
    const { run, requestSeconds, sdk } = this.#options
    clearTimeout(this.#retry)
    const { runFolder, projectName, runName, config, device } = run
    const newId = randomUUID().slice(0, 8)
    const workerData: WorkerData = {
      ...{ runFolder, projectName, runName, newId, requestSeconds, sdk },
      ...{ config: { ...config, device }, complete: this.#complete },
    }
    const worker = new Worker(new URL('./wandb_worker.js', import.meta.url), { workerData, stdout: true, stderr: true })
    worker.unref()
    // What the SDK writes is nothing for the user.
    worker.stdout.resume()
    worker.stderr.resume()
    worker.on('message', (message: FromWorker) => this.#received(message))
    worker.on('error', (error) => this.#failed({ reason: error.message, final: false }))
    worker.on('exit', () => {
      if (this.#worker !== worker) return
      this.#worker = null
      this.#ended()
    })
    this.#worker = worker
    if (this.#closed !== null) this.#post()
  }

  #received(message: FromWorker): void {
    switch (message.kind) {
      case 'connected':
        this.#retrySeconds = this.#options.retrySeconds
        if (!this.#connected) this.#options.print(`wandb: ${message.url}`)
        this.#connected = true
        this.#failure = null
        break
      case 'sent':
        this.#sent = message.step
        break
      case 'failed':
        this.#failed(message.failure)
        break
      case 'done':
        break
    }
  }

  /** The thread is over: the end of the run has nothing to wait for, or the next attempt comes later. */
  #ended(): void {
    if (this.#closed !== null) this.#closed.ended()
    else if (this.#failure?.final !== true) {
      this.#retry = setTimeout(() => this.#attempt(), this.#retrySeconds * 1000)
      this.#retry.unref()
      this.#retrySeconds = Math.min(2 * this.#retrySeconds, mostRetrySeconds)
    }
  }

  #failed(failure: Failure): void {
    const first = this.#failure === null
    this.#failure = failure
    if (this.#closed !== null || !(first || failure.final)) return
    const next = failure.final ? 'nothing is sent' : 'what is not sent now is sent later'
    this.#options.print(`wandb: ${next}: ${failure.reason}; metrics.jsonl has everything`)
  }

  #more(complete: number): void {
    this.#complete = Math.max(this.#complete, complete)
    this.#post()
  }

  #post(): void {
    const complete = this.#complete
    const message: ToWorker =
      this.#closed === null ? { kind: 'more', complete } : { kind: 'close', complete, exitCode: this.#closed.exitCode }
    this.#worker?.postMessage(message)
  }

  #tellUnsent(): void {
    const { runFolder } = this.#options.run
    const steps = Array.from(new JsonLinesReader(join(runFolder, 'metrics.jsonl')).rest(), ({ step }) => step)
    const sent = Math.max(this.#sent, savedStep(join(runFolder, 'wandb.json')))
    const unsent = steps.filter((step) => step > sent && step <= this.#complete).length
    if (unsent === 0) return
    const reason = this.#failure?.reason ?? 'the connection ended'
    this.#options.print(
      `wandb: ${formatWhole(unsent)} of ${formatWhole(steps.length)} metric lines were not sent: ${reason}; metrics.jsonl has them all, and the next start of this run with wandb sends them`,
    )
  }
}

/** How far an earlier start came. */
function savedStep(path: string): number {
  try {
    return Number(JSON.parse(readFileSync(path, 'utf8')).step) || 0
  } catch {
    return 0
  }
}
