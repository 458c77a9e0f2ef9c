/** A run of the queue as a process of its own, in a process group of its own: a ^C of the terminal is not its business. */
import { spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import { ioError } from '../checkpoints/durable.js'
import { endGroup, keepGroup } from '../process_groups.js'
import { parseMessage, queueVariable, type RunMessage } from './protocol.js'

export interface RunEnd {
  /** null: a signal ended it, or it could not be started. */
  status: number | null
  signal: NodeJS.Signals | null
  /** Why it could not be started. */
  error: string | null
}

export interface RunProcess {
  /** Asks it to save its state and stop. */
  stop(): void
  /** Ends it and its children at once. */
  kill(): void
}

export interface RunProcessOptions {
  /** For node: a script and its words. */
  words: readonly string[]
  /** Gets both its streams, after what is there. */
  log: string
  /** Told in the order in which things happen; the end comes once, after all messages. */
  onMessage(message: RunMessage): void
  onEnd(end: RunEnd): void
}

/** @throws AotError AOT_IO when the log cannot be opened. */
export function startRun({ words, log, onMessage, onEnd }: RunProcessOptions): RunProcess {
  const file = openLog(log, words)
  const child = spawn(process.execPath, words, {
    detached: true,
    stdio: ['ignore', file, file, 'ipc'],
    env: { ...process.env, [queueVariable]: '1' },
  })
  closeSync(file)
  const group = keepGroup(child)
  child.on('message', (message) => {
    const known = parseMessage(message)
    if (known !== null) onMessage(known)
  })
  let end: RunEnd | null = null
  let isOver = false
  const finish = () => {
    // Its last messages may come after its end.
    if (isOver || end === null || child.connected) return
    isOver = true
    onEnd(end)
  }
  child.once('error', (error) => {
    if (child.pid !== undefined || isOver) return
    isOver = true
    onEnd({ status: null, signal: null, error: error.message })
  })
  child.once('exit', (status, signal) => {
    end = { status, signal, error: null }
    finish()
  })
  child.once('disconnect', finish)
  return { stop: () => void child.kill('SIGINT'), kill: () => endGroup(group) }
}

function openLog(log: string, words: readonly string[]): number {
  try {
    const file = openSync(log, 'a')
    writeSync(file, `--- ${new Date().toISOString()} ${words.slice(1).join(' ')}\n`)
    return file
  } catch (error) {
    throw ioError('open', log, error)
  }
}

/** The last lines of a log that say something, at most `count` and none longer than a screen is wide. */
export function lastLines(log: string, count: number): string[] {
  try {
    const file = openSync(log, 'r')
    try {
      const bytes = Buffer.alloc(8192)
      const { size } = fstatSync(file)
      const length = readSync(file, bytes, 0, bytes.length, Math.max(0, size - bytes.length))
      const lines = bytes.toString('utf8', 0, length).split('\n')
      const said = lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('--- '))
      return said.slice(-count).map((line) => (line.length > 200 ? `${line.slice(0, 197)}...` : line))
    } finally {
      closeSync(file)
    }
  } catch {
    return []
  }
}
