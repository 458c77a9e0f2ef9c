/**
 * The thread that speaks with Weights & Biases by the official @wandb/sdk. That SDK asks for a key on the terminal, prints,
 * ends the process on ^C, never resends a failed request and drops what the server did not take, so it lives in a thread
 * of its own, which reads the run's record from its files and ends with a reason on the first failure (wandb.ts starts
 * another); and the requests with metrics are sent here, in place of its own, to know what the server took.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { replaceFile } from '../checkpoints/durable.js'
import { JsonLinesReader } from './json_lines.js'
import type { MetricsLine } from './metrics_jsonl.js'
import { type FromWorker, failureOf, parseSaved, type Saved, type ToWorker, type WorkerData } from './wandb_protocol.js'

const port = parentPort as NonNullable<typeof parentPort>
const data = workerData as WorkerData

/** Rows that are given to the SDK before the oldest of them is on the server. */
const mostUnderWay = 2000

/** What is used of a run of the SDK 0.5.1; the inner parts are checked before. */
interface SdkRun {
  log(row: Record<string, unknown>, step: number): void
  finish(exitCode: number): Promise<void>
  url(): string
  _messenger: { sender: { filestream: FileStream; delay: { ms: number } } }
}

interface FileStream {
  settings: { baseUrl: string; apiKey: string }
  runPath: string
  /** Milliseconds since 1970, from which _runtime counts. */
  started: number
  lastChunks: Record<string, { offset: number }>
  delay: { cancel(): void }
  send(body: FileStreamBody): Promise<unknown>
}

interface FileStreamBody {
  files?: Record<string, { offset: number; content: string[] }>
  complete?: boolean
}

function tell(message: FromWorker): void {
  port.postMessage(message)
}

/** Ends this thread with a reason. */
function fail(error: unknown): never {
  tell({ kind: 'failed', failure: failureOf(error) })
  process.exit(1)
}

process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)
// The SDK tells of a failed request by printing it, and goes on without it.
console.error = (text: unknown, error: unknown) => fail(error ?? new Error(String(text)))
console.log = (text: unknown) => {
  if (String(text).startsWith('Retrying failed request')) fail(new Error('the server answers with an error'))
}

/** wandb.json: by which id the run goes on, and how far it is sent. */
class Memory {
  private constructor(
    private readonly path: string,
    readonly saved: Saved,
  ) {}

  static async open(runFolder: string, newId: string): Promise<Memory> {
    const path = join(runFolder, 'wandb.json')
    if (existsSync(path)) return new Memory(path, parseSaved(path, readFileSync(path, 'utf8')))
    const memory = new Memory(path, { id: newId, rows: 0, step: 0 })
    await memory.write()
    return memory
  }

  async took(rows: number, step: number): Promise<void> {
    Object.assign(this.saved, { rows, step })
    await this.write()
    tell({ kind: 'sent', step })
  }

  private write(): Promise<void> {
    return replaceFile(this.path, `${JSON.stringify(this.saved, null, 2)}\n`)
  }
}

/** One row of W&B's history for each step: all its lines of metrics together, and its texts. */
class Rows {
  private readonly metrics = new JsonLinesReader(join(data.runFolder, 'metrics.jsonl'))
  private readonly samples = new JsonLinesReader(join(data.runFolder, 'samples.jsonl'))
  private readonly waiting = new Map<number, Record<string, unknown>>()
  private readonly texts = new Map<number, string>()
  /** Seconds since 1970: of the first line, and of the rows that are not on the server yet. */
  started: number | null = null
  readonly times = new Map<number, number>()

  /** Takes up to `most` rows of steps after `given` and up to `complete`, which no line is added to any more. */
  take(given: number, complete: number, most: number): [number, Record<string, unknown>][] {
    if (most <= 0) return []
    while (this.waiting.size <= most && this.readMetrics(given)) {}
    for (const { step, text, direction } of this.samples.rest()) {
      if (step <= given) continue
      const sample = direction === undefined ? `${text}` : `${direction}: ${text}`
      const before = this.texts.get(step)
      this.texts.set(step, before === undefined ? sample : `${before}\n${sample}`)
    }
    const ready = [...this.waiting].filter(([step]) => step <= complete).slice(0, most)
    for (const [step, row] of ready) {
      const sample = this.texts.get(step)
      if (sample !== undefined) row.gen_samples = sample
      this.waiting.delete(step)
      this.texts.delete(step)
    }
    return ready
  }

  private readMetrics(given: number): boolean {
    const lines = this.metrics.read() as MetricsLine[]
    for (const { step, time, ...values } of lines) {
      this.started ??= time
      const numbers = Object.entries(values).filter(([, value]) => typeof value === 'number')
      if (step <= given) continue
      this.waiting.set(step, { ...this.waiting.get(step), ...Object.fromEntries(numbers), batches: step })
      this.times.set(step, time)
    }
    return lines.length > 0
  }
}

/** The messages of the sink, as they are now. */
let complete = data.complete
let closing: number | null = null
let wake = () => {}
port.on('message', (message: ToWorker) => {
  complete = message.complete
  if (message.kind === 'close') closing = message.exitCode
  wake()
})

async function connect(id: string): Promise<SdkRun> {
  const timer = setTimeout(
    () => fail(new Error(`no answer within ${data.requestSeconds} s`)),
    data.requestSeconds * 1000,
  )
  const { default: wandb } = await import(data.sdk)
  const { projectName: project, runName: name, config } = data
  const run: SdkRun = await wandb.init({ id, project, name, config, entity: process.env.WANDB_ENTITY ?? '' })
  clearTimeout(timer)
  return run
}

/** A row with the time of its line: the SDK gives it that of its sending. */
function withTime(text: string): string {
  const row = JSON.parse(text)
  const time = rows.times.get(row._step)
  rows.times.delete(row._step)
  return time === undefined
    ? text
    : JSON.stringify({ ...row, _timestamp: time, _runtime: time - (rows.started ?? time) })
}

/** Sends as the SDK would, but fails where the server does not take it, and remembers what it took. */
function sendingBy(stream: FileStream, memory: Memory): FileStream['send'] {
  return async (body) => {
    const history = body.files?.['wandb-history.jsonl']
    if (history !== undefined) history.content = history.content.map(withTime)
    const last = history?.content.at(-1)
    try {
      const response = await fetch(stream.settings.baseUrl + stream.runPath, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: {
          'Content-Type': 'application/json',
          Authorization: `Basic ${Buffer.from(`api:${stream.settings.apiKey}`).toString('base64')}`,
        },
        signal: AbortSignal.timeout(data.requestSeconds * 1000),
      })
      await response.arrayBuffer()
      if (!response.ok) return fail({ response })
      if (history !== undefined && last !== undefined) {
        await memory.took(history.offset + history.content.length, JSON.parse(last)._step)
      }
    } catch (error) {
      return fail(error)
    } finally {
      wake()
    }
  }
}

const rows = new Rows()
const memory = await Memory.open(data.runFolder, data.newId)
const run = await connect(memory.saved.id)
const sender = run._messenger?.sender
const stream = sender?.filestream
const history = stream?.lastChunks?.['wandb-history.jsonl']
if (history === undefined || typeof stream.send !== 'function') {
  fail(new Error('this version of @wandb/sdk is not the one that is known: install 0.5.1'))
}
// The SDK would begin a resumed run's history anew, over the rows that are there.
history.offset = memory.saved.rows
stream.send = sendingBy(stream, memory)
// Milliseconds between two looks at what it was told: a second by itself, which the end of the run would wait for.
sender.delay.ms = 50
tell({ kind: 'connected', url: run.url() })

const first = memory.saved.rows
let [givenRows, given] = [first, memory.saved.step]
for (;;) {
  const woken = new Promise<void>((resolve) => {
    wake = resolve
  })
  const ending = closing !== null
  const free = mostUnderWay - (givenRows - memory.saved.rows)
  const ready = rows.take(given, complete, free)
  if (rows.started !== null) stream.started = rows.started * 1000
  for (const [step, row] of ready) run.log(row, step)
  givenRows += ready.length
  given = ready.at(-1)?.[0] ?? given
  if (ending && ready.length < free) break
  // By itself the SDK sends up to 30 s from now.
  if (ending || (ready.length > 0 && givenRows === first + ready.length)) setTimeout(() => stream.delay.cancel(), 100)
  await woken
}
await run.finish(closing ?? 0)
tell({ kind: 'done' })
process.exit(0)
