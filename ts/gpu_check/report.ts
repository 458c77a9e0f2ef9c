/** What gpu-check found: gpu-check.json, and its summary for people. */
import { formatDuration } from '../logging/amounts.js'

export interface Check {
  name: string
  /** null: it could not run here, and `details` says why. */
  ok: boolean | null
  seconds: number
  details: string
}

export interface Gpu {
  /** Of the host, from cuda:0 on. */
  count: number
  /** As the engine describes its device. */
  description: string
  /** What nvidia-smi knows; null where it is not installed. */
  driver: string | null
  memory: string | null
}

export interface Report {
  name: 'gpu-check'
  version: string
  /** ISO 8601, UTC. */
  date: string
  /** Processor and its number of cores. */
  host: string
  /** null: there is none, or it cannot be used; nothing of this ran on a GPU. */
  gpu: Gpu | null
  /** All that could run here passed. */
  ok: boolean
  checks: Check[]
}

export function makeReport(facts: Pick<Report, 'version' | 'date' | 'host' | 'gpu'>, checks: Check[]): Report {
  return { name: 'gpu-check', ...facts, ok: checks.every(({ ok }) => ok !== false), checks }
}

const verdicts = new Map([
  [true, 'passed'],
  [false, 'FAILED'],
  [null, 'not run'],
])

export function summary({ version, date, host, gpu, ok, checks }: Report): string {
  const width = Math.max(...checks.map(({ name }) => name.length))
  const count = (wanted: Check['ok']) => checks.filter((check) => check.ok === wanted).length
  const lines = checks.map(
    ({ name, ok: passed, seconds, details }) =>
      `  ${verdicts.get(passed)?.padEnd(7)}  ${name.padEnd(width)}  ${formatDuration(seconds).padStart(12)}  ${details}`,
  )
  const device =
    gpu === null ? 'no GPU that can be used' : [gpu.description, gpu.memory, gpu.driver && `driver ${gpu.driver}`]
  const where = gpu === null ? 'not run on a GPU' : `run on ${gpu.description}`
  return [
    `gpu-check of arrows-of-time ${version}, ${date}`,
    `  host     ${host}`,
    `  device   ${[device].flat().filter(Boolean).join(', ')}`,
    '',
    ...lines,
    '',
    `${ok ? 'PASSED' : 'FAILED'}: ${count(true)} passed, ${count(false)} failed, ${count(null)} not run; ${where}`,
  ].join('\n')
}
