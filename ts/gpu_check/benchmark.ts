/** The benchmark, last: on a GPU the ops and steps of the paper's models, and peers where Python has them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { benchFile } from '../bench/record.js'
import { formatNumberOf } from '../logging/amounts.js'
import { checkOf, device, runNode, workFolder } from './place.js'
import type { Check, Gpu } from './report.js'

const limit = 60 * 60

/** What is measured: without a GPU small models on the CPU, to see that the benchmark runs. */
export function benchmarks(gpu: Gpu | null): { name: string; args: string[] }[] {
  if (gpu === null) {
    const where = ['--device', 'cpu', '--shapes', 'tiny']
    return [
      { name: 'benchmark of ops', args: ['ops', ...where, '--seconds', '0.02'] },
      { name: 'benchmark of training', args: ['train', ...where, '--steps', '3'] },
    ]
  }
  const where = ['--device', device, '--shapes', 'paper', '--model', 'medium']
  const recurrent = ['--model', 'gru_med', '--model', 'lstm_med']
  return [
    { name: 'benchmark of ops', args: ['ops', ...where, ...recurrent, '--seconds', '0.3'] },
    { name: 'benchmark of training', args: ['train', ...where, ...recurrent, '--steps', '10'] },
  ]
}

/** One of them; `tables` is what it printed. Its figures go to a file in the work folder. */
export async function checkBenchmark({
  name,
  args,
}: {
  name: string
  args: string[]
}): Promise<Check & { tables: string }> {
  const file = join(workFolder, `${args[0]}.json`)
  const result = await runNode(name, ['bin/aot-bench.js', ...args, '--peers', '--json', file], limit)
  const check = checkOf(name, result, '')
  if (!check.ok) return { ...check, tables: '' }
  try {
    const rows = benchFile.parse(JSON.parse(readFileSync(file, 'utf8'))).runs.flatMap((run) => run.rows)
    const peers = new Set(rows.map(({ by }) => by).filter((by) => by !== 'arrows-of-time'))
    const beside = peers.size === 0 ? 'no peers' : [...peers].join(', ')
    return {
      ...check,
      details: `${formatNumberOf(rows.length, 'row')} in ${file}, beside ${beside}`,
      tables: result.output,
    }
  } catch (error) {
    return { ...check, ok: false, details: `${file}: ${(error as Error).message}`, tables: result.output }
  }
}
