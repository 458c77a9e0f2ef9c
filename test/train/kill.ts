/** Runs in child processes that are killed at chosen moments. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Faults } from './fakes.js'
import type { Settings } from './runs.js'

const script = fileURLToPath(new URL('./child_run.js', import.meta.url))

export interface ChildOptions {
  folder: string
  settings: Settings
  name: string
  /** null: the real engine. */
  faults: Faults | null
  /** Before node: for example ['bash', '-c', 'ulimit -f 4; exec "$0" "$@"']. */
  prefix?: string[]
}

export interface Ended {
  status: number | null
  signal: NodeJS.Signals | null
  stderr: string
}

export function startChild({ folder, settings, name, faults, prefix = [] }: ChildOptions): {
  child: ChildProcess
  ended: Promise<Ended>
} {
  const words = [...prefix, process.execPath, script, folder, JSON.stringify(settings), name, JSON.stringify(faults)]
  const child = spawn(words[0] as string, words.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr?.on('data', (text) => {
    stderr += text
  })
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (status, signal) => resolve({ status, signal, stderr }))
  })
  return { child, ended }
}

/** A moment in the life of a run, seen from outside by its files. */
export type Moment = (runFolder: string) => boolean

function names(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** While `state/<step>.tmp` is being written and holds the file, but not yet the next one. */
export function whileSaving(file: string, without?: string): Moment {
  return (runFolder) =>
    names(join(runFolder, 'state')).some((name) => {
      if (!/^\d+\.tmp$/.test(name)) return false
      const inside = names(join(runFolder, 'state', name))
      return inside.includes(file) && (without === undefined || !inside.includes(without))
    })
}

/** The folder of a step has its name, `latest` is still that of another. */
export const betweenRenameAndLatest: Moment = (runFolder) => {
  const state = join(runFolder, 'state')
  const steps = names(state).filter((name) => /^\d+$/.test(name))
  const newest = Math.max(0, ...steps.map(Number))
  try {
    return newest > 0 && readFileSync(join(state, 'latest'), 'utf8').trim() !== String(newest)
  } catch {
    return newest > 0
  }
}

export function whileReplacing(name: string): Moment {
  return (runFolder) => names(join(runFolder, 'state')).some((entry) => entry.endsWith(name))
}

/** metrics.jsonl has so many bytes. */
export function metricsBytes(bytes: number): Moment {
  return (runFolder) => {
    try {
      return readFileSync(join(runFolder, 'metrics.jsonl')).length >= bytes
    } catch {
      return false
    }
  }
}

export function after(milliseconds: number): Moment {
  const end = Date.now() + milliseconds
  return () => Date.now() >= end
}

/** Kills the child at the moment, looking without a pause; true when it was killed, false when it ended before. */
export async function killAt(options: ChildOptions, runFolder: string, moment: Moment): Promise<boolean> {
  const { child, ended } = startChild(options)
  let over = false
  void ended.then(() => {
    over = true
  })
  while (!over && !moment(runFolder)) await new Promise((resolve) => setImmediate(resolve))
  child.kill('SIGKILL')
  const { signal, status, stderr } = await ended
  if (status !== null && status !== 0) throw new Error(`the run failed: ${stderr}`)
  return signal === 'SIGKILL'
}
