/** Where gpu-check works: `gpu-check/` in the current folder holds what the checks printed and trained. */
import { mkdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { type ChildResult, describeFailure, runChild } from './child.js'
import type { Check } from './report.js'

/** From dist/ts/gpu_check. This process does not load the addon: its children do. */
export const packageRoot = fileURLToPath(new URL('../../..', import.meta.url))
export const workFolder = resolve('gpu-check')
export const device = 'cuda:0'

export function makeWorkFolder(): void {
  rmSync(workFolder, { recursive: true, force: true })
  mkdirSync(workFolder)
}

const logFile = (name: string) => join(workFolder, `${name.replaceAll(/[^\w.-]+/g, '_')}.log`)

/** Runs node on a file of the package (or a program, with node, in `through`) in the package's folder. */
export function runNode(
  name: string,
  args: string[],
  limit: number,
  { through = [], env = {} }: { through?: string[]; env?: NodeJS.ProcessEnv } = {},
): Promise<ChildResult> {
  const command = [...through, process.execPath, ...args] as [string, ...string[]]
  return runChild(command, { folder: packageRoot, log: logFile(name), limit, env })
}

/** The check that passes when the child ends well. */
export function checkOf(name: string, result: ChildResult, details: string): Check {
  const ok = result.status === 0
  return { name, ok, seconds: result.seconds, details: ok ? details : describeFailure(result, logFile(name)) }
}

export function notRun(name: string, details: string): Check {
  return { name, ok: null, seconds: 0, details }
}

/** A check of something already at hand. */
export async function timed(name: string, body: () => Promise<Pick<Check, 'ok' | 'details'>>): Promise<Check> {
  const started = performance.now()
  const result = await body().catch((error: Error) => ({ ok: false, details: error.message }))
  return { name, ...result, seconds: (performance.now() - started) / 1000 }
}
