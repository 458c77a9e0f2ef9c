/** The checks are processes of their own: one that crashes or hangs is a failed check, and the others still run. */
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { endGroup, keepGroup } from '../process_groups.js'

export interface ChildResult {
  /** null: it was killed, or could not be started. */
  status: number | null
  timedOut: boolean
  seconds: number
  /** What it printed, both streams. */
  output: string
}

/** Runs a program in `folder` with its output in the file `log`; past `limit` seconds it and its children are killed. */
export async function runChild(
  [program, ...args]: [string, ...string[]],
  { folder, log, limit, env = {} }: { folder: string; log: string; limit: number; env?: NodeJS.ProcessEnv },
): Promise<ChildResult> {
  const file = openSync(log, 'w')
  const started = performance.now()
  let timedOut = false
  const status = await new Promise<number | null>((resolve) => {
    const child = spawn(program, args, {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', file, file],
      detached: true,
    })
    const group = keepGroup(child)
    const timer = setTimeout(() => {
      timedOut = true
      endGroup(group)
    }, limit * 1000)
    const end = (code: number | null) => {
      clearTimeout(timer)
      resolve(code)
    }
    child.once('error', () => end(null))
    child.once('exit', end)
  })
  closeSync(file)
  return { status, timedOut, seconds: (performance.now() - started) / 1000, output: readFileSync(log, 'utf8') }
}

/** How a child that did not end well ended, in one line. */
export function describeFailure({ status, timedOut, seconds, output }: ChildResult, log: string): string {
  const how = timedOut ? `stopped after ${Math.round(seconds)} s` : status === null ? 'killed' : `exit status ${status}`
  const last = output.trimEnd().split('\n').at(-1)?.trim() ?? ''
  return `${how}${last === '' ? '' : `: ${last.slice(0, 300)}`} (${log})`
}
