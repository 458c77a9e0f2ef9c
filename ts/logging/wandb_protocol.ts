/** What the sink `wandb` and its thread say to each other, what wandb.json holds, and failures as lines for people. */
import { z } from 'zod'
import { AotError } from '../errors.js'

export interface WorkerData {
  runFolder: string
  projectName: string
  runName: string
  config: object
  /** The W&B run's id, where wandb.json has none yet. */
  newId: string
  /** Lines of steps up to this one are complete. */
  complete: number
  /** How long an answer is waited for. */
  requestSeconds: number
  /** The module: @wandb/sdk. */
  sdk: string
}

/** `complete` as above; the thread reads the lines themselves from the run's files. */
export type ToWorker = { kind: 'more'; complete: number } | { kind: 'close'; complete: number; exitCode: number }

export interface Failure {
  /** A part of a line. */
  reason: string
  /** Whether it would be the same at the next attempt. */
  final: boolean
}

export type FromWorker =
  | { kind: 'connected'; url: string }
  /** The server has all rows up to this step. */
  | { kind: 'sent'; step: number }
  | { kind: 'failed'; failure: Failure }
  | { kind: 'done' }

const savedSchema = z.object({
  /** Of the run, at W&B. */
  id: z.string().min(1),
  /** Rows of its history that the server has, and the step of the last. */
  rows: z.int().nonnegative(),
  step: z.int().nonnegative(),
})

export type Saved = z.infer<typeof savedSchema>

/** AOT_DATA when it is not what was written. */
export function parseSaved(path: string, text: string): Saved {
  try {
    return savedSchema.parse(JSON.parse(text))
  } catch {
    throw new AotError('AOT_DATA', `${path} cannot be read: remove it to begin a new run at W&B`)
  }
}

interface Thrown {
  name?: string
  message?: string
  code?: string
  cause?: { code?: string }
  response?: { status?: number }
}

export function failureOf(error: unknown): Failure {
  const { name, message = String(error), code, cause, response } = (error ?? {}) as Thrown
  const status = response?.status
  if (status === 401 || status === 403)
    return { reason: `the server refused the API key (HTTP ${status})`, final: true }
  if (status !== undefined) {
    const final = status < 500 && status !== 408 && status !== 429
    return { reason: `the server answers with HTTP ${status}`, final }
  }
  if (error instanceof AotError) return { reason: message, final: true }
  if (code === 'ERR_MODULE_NOT_FOUND') {
    return { reason: '@wandb/sdk is not installed: npm install @wandb/sdk@0.5.1', final: true }
  }
  if (/prompt for API key|No API key/.test(message)) {
    return { reason: 'not logged in: set WANDB_API_KEY, or let wandb login write it into ~/.netrc', final: true }
  }
  if (/default entity/.test(message)) return { reason: 'the server knows no user of this API key', final: true }
  if (name === 'TimeoutError') return { reason: 'the server does not answer', final: false }
  const network = cause?.code ?? code
  if (network !== undefined) return { reason: `no network (${network})`, final: false }
  return { reason: message.replaceAll(/\s*\n\s*/g, ' '), final: false }
}
