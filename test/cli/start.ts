/** A command as a person runs it, in a process of its own. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { packageRoot } from '../../ts/native.js'

/** Starts bin/<command>.js in a folder; `out` is what it wrote so far, `ended` all of it, and null as its status when a signal ended it. */
export function startCommand(command: string, folder: string, words: readonly string[]) {
  const child = spawn(process.execPath, [join(packageRoot, `bin/${command}.js`), ...words], { cwd: folder })
  const out = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    out.stderr += text
  })
  const ended = new Promise<{ status: number | null; stdout: string; stderr: string }>((resolve) => {
    child.on('close', (status) => resolve({ status, ...out }))
  })
  return { child, out, ended }
}

/** Waits for what another process does; the test's own time limit is the limit. */
export async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 5))
}
