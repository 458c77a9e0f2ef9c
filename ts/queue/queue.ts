/**
 * Several runs on several devices: each is a process of its own, started when a place is free and the memory is there, and
 * none of them is harmed by how another one ends.
 */
import { join } from 'node:path'
import { ioError, makeFolder } from '../checkpoints/durable.js'
import { AotError } from '../errors.js'
import { formatBytes } from '../logging/amounts.js'
import type { ProgressStream } from '../logging/progress.js'
import { openDisplay, type QueueDisplay } from './display.js'
import { describeEnd } from './lines.js'
import type { RunMessage } from './protocol.js'
import { lastLines, type RunEnd, type RunProcess, startRun } from './run_process.js'
import { type Bytes, type Decision, Schedule } from './schedule.js'
import type { QueueRun, RunState } from './state.js'

/** A run as the queue needs it. */
export interface QueueItem {
  name: string
  /** The log goes there. */
  folder: string
  /** Minibatches of an optimizer step: after the first one it has all its memory. */
  aggregate: number
  /** What an earlier start ended with, when nothing is left to do. */
  finished: { step: number; validLoss: number } | null
  /** What it takes at each place. */
  needs: Bytes[]
  /** For node, to start it at a place: a script and its words. */
  words(place: number): string[]
}

export interface QueueOptions {
  items: readonly QueueItem[]
  places: readonly (readonly string[])[]
  /** Bytes free of each pool of memory, now. */
  freeMemory(): Promise<Bytes>
  stream: ProgressStream & { rows?: number }
  /** Between two lines of one run where there is no terminal. */
  lineSeconds?: number
}

interface Work {
  process: RunProcess
  devices: string
  started: number
  /** Of its first message of a step. */
  first: { time: number; step: number } | null
  /** Its last message, when that says how it ended. */
  last: Extract<RunMessage, { kind: 'ended' | 'failed' }> | null
}

const neverBegun: RunState = { kind: 'stopped', step: null, validLoss: null, devices: null, seconds: null }

const seconds = () => performance.now() / 1000

export class Queue {
  /** In the order of the items. */
  readonly runs: QueueRun[]
  readonly #options: QueueOptions
  readonly #schedule: Schedule
  readonly #display: QueueDisplay
  readonly #work = new Map<number, Work>()
  readonly #over: Promise<void>
  #end: () => void = () => {}
  #placing = false
  #placeAgain = false
  #stopping = false

  constructor(options: QueueOptions) {
    this.#options = options
    this.#over = new Promise((resolve) => {
      this.#end = resolve
    })
    this.runs = options.items.map(({ name, finished }) => ({
      name,
      state: finished === null ? { kind: 'waiting' } : { kind: 'done', ...finished, devices: null, seconds: null },
    }))
    const left = options.items.flatMap(({ finished }, index) => (finished === null ? [index] : []))
    this.#schedule = new Schedule(left, options.places.length)
    this.#display = openDisplay(this.runs, options.stream, options.lineSeconds)
  }

  /** Resolves when all runs are over; what became of each is in `runs`. */
  async run(): Promise<void> {
    for (const { name, state } of this.runs)
      if (state.kind === 'done') this.#display.event(`${name}: ${describeEnd(state)}`)
    void this.#place()
    await this.#over
    this.#display.end()
  }

  log(line: string): void {
    this.#display.log(line)
  }

  /** Asks the runs to save their state and stop; no other begins. */
  stop(): void {
    this.#stopping = true
    for (const index of this.#schedule.stop()) this.#change(index, neverBegun)
    for (const [index, { process }] of this.#work) {
      const { state } = this.#run(index)
      if (state.kind === 'running') this.#change(index, { ...state, stopping: true })
      process.stop()
    }
    this.#endWhenOver()
  }

  /** Ends the runs at once: what they did since their last checkpoint is lost. */
  kill(): void {
    this.stop()
    for (const { process } of this.#work.values()) process.kill()
  }

  /** Starts what can start. One call at a time: memory is asked anew for what happened meanwhile. */
  async #place(): Promise<void> {
    this.#placeAgain = true
    if (this.#placing) return
    this.#placing = true
    try {
      while (this.#placeAgain && this.#schedule.hasRoom) {
        this.#placeAgain = false
        const free = await this.#options.freeMemory()
        const need = (run: number, place: number) => this.#item(run).needs[place] as Bytes
        for (const decision of this.#schedule.place({ free, need })) await this.#carryOut(decision)
      }
    } catch (error) {
      // A device that is gone, say: nothing more can be placed, and the runs at work are not touched.
      const isOurs = !(error instanceof AotError)
      for (const index of this.#schedule.stop()) this.#fail(index, (error as Error).message, isOurs, null)
    } finally {
      this.#placing = false
      this.#endWhenOver()
    }
  }

  #endWhenOver(): void {
    if (this.#schedule.isOver) this.#end()
  }

  async #carryOut(decision: Decision): Promise<void> {
    const { run: index } = decision
    if (decision.kind === 'never') {
      const { need, free, pool } = decision
      const where = pool === 'memory' ? 'of memory' : `on ${pool}`
      const line = `it needs about ${formatBytes(need)} ${where}, and ${formatBytes(free)} are free: lower training_params.batch_size (and raise aggregate), or take a smaller model`
      this.#fail(index, line, false, null)
      return
    }
    const { folder, words } = this.#item(index)
    const devices = (this.#options.places[decision.place] as string[]).join(',')
    const log = this.#logFile(index)
    try {
      await makeFolder(folder).catch((error) => {
        throw ioError('create the run folder', folder, error)
      })
      if (this.#stopping) {
        this.#schedule.ended(index)
        this.#change(index, neverBegun)
        return
      }
      const process = startRun({
        words: words(decision.place),
        log,
        onMessage: (message) => this.#heard(index, message),
        onEnd: (end) => this.#ended(index, end),
      })
      this.#work.set(index, { process, devices, started: seconds(), first: null, last: null })
      this.#change(index, { kind: 'running', devices, position: null, rate: 0, stopping: false })
      this.#display.event(`${this.#run(index).name}: begins on ${devices}; log: ${log}`)
    } catch (error) {
      this.#schedule.ended(index)
      this.#placeAgain = true
      this.#fail(index, (error as Error).message, !(error instanceof AotError), devices)
    }
  }

  #heard(index: number, message: RunMessage): void {
    const work = this.#work.get(index)
    const { state } = this.#run(index)
    if (work === undefined || state.kind !== 'running') return
    if (message.kind === 'ended' || message.kind === 'failed') {
      work.last = message
      return
    }
    if (message.kind === 'begun') {
      const { step, total } = message
      work.first = { time: seconds(), step }
      this.#change(index, { ...state, position: { step, total, loss: null, tokensPerSecond: 0, validLoss: null } })
      return
    }
    if (state.position === null || work.first === null) return
    const { step, loss } = message
    if (message.kind === 'validated') {
      this.#change(index, { ...state, position: { ...state.position, step, validLoss: loss } })
      return
    }
    const { tokensPerSecond } = message
    const passed = seconds() - work.first.time
    const rate = passed > 0 ? (step - work.first.step) / passed : 0
    this.#change(index, { ...state, rate, position: { ...state.position, step, loss, tokensPerSecond } })
    const hasAll = step - work.first.step > this.#item(index).aggregate
    if (hasAll && this.#schedule.settled(index) && this.#schedule.hasRoom) void this.#place()
  }

  #ended(index: number, end: RunEnd): void {
    const work = this.#work.get(index) as Work
    const { name, state } = this.#run(index)
    this.#work.delete(index)
    this.#schedule.ended(index)
    const position = state.kind === 'running' ? state.position : null
    const past = { devices: work.devices, seconds: seconds() - work.started }
    const { last } = work
    const isStop = this.#stopping && (end.signal === 'SIGINT' || end.signal === 'SIGKILL')
    if (last?.kind === 'ended' && end.signal === null) {
      const { stopped, step, validLoss } = last
      this.#change(index, { kind: stopped ? 'stopped' : 'done', step, validLoss, ...past })
    } else if (isStop) {
      this.#change(index, {
        kind: 'stopped',
        step: position?.step ?? null,
        validLoss: position?.validLoss ?? null,
        ...past,
      })
    } else if (last?.kind === 'failed') {
      this.#fail(index, last.message, last.code === 'AOT_INTERNAL', work.devices, past.seconds)
    } else {
      const log = this.#logFile(index)
      const said = lastLines(log, 3)
      const line = end.status === 2 ? said.pop()?.replace(/^aot-train: /, '') : undefined
      this.#fail(index, line ?? `${describe(end)}; log: ${log}`, end.status !== 2, work.devices, past.seconds)
      for (const line of said) this.log(`${name} | ${line}`)
    }
    const { state: over } = this.#run(index)
    if (over.kind === 'done' || over.kind === 'stopped') this.#display.event(`${name}: ${describeEnd(over)}`)
    void this.#place()
  }

  #fail(index: number, what: string, isOurs: boolean, devices: string | null, took: number | null = null): void {
    const line = what.replaceAll(/\s*\n\s*/g, ' ')
    const { name, state } = this.#run(index)
    const position = state.kind === 'running' ? state.position : null
    const [step, validLoss] = [position?.step ?? null, position?.validLoss ?? null]
    this.#change(index, { kind: 'failed', step, validLoss, line, isOurs, devices, seconds: took })
    this.log(`${name}: failed: ${line}`)
  }

  #change(index: number, state: RunState): void {
    const run = this.#run(index)
    run.state = state
    this.#display.changed(run)
  }

  #run(index: number): QueueRun {
    return this.runs[index] as QueueRun
  }

  #item(index: number): QueueItem {
    return this.#options.items[index] as QueueItem
  }

  #logFile(index: number): string {
    return join(this.#item(index).folder, 'log.txt')
  }
}

function describe({ status, signal, error }: RunEnd): string {
  if (error !== null) return `its process could not be started (${error})`
  if (signal === 'SIGKILL') return 'its process was killed (SIGKILL; the system does that when it is out of memory)'
  if (signal !== null) return `its process crashed (${signal})`
  return `its process ended with status ${status} before the run was over`
}
