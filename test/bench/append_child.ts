/** Adds runs to a JSON and a CSV file in a process of its own: node append_child.js JSON CSV NAME COUNT. */
import { appendCsv } from '../../ts/bench/csv.js'
import { appendJson } from '../../ts/bench/file.js'
import { row, run } from './rows.js'

const [json, csv, name, count] = process.argv.slice(2) as [string, string, string, string]
try {
  for (let i = 0; i < Number(count); i++) {
    await appendJson(json, run([row(`${name} ${i}`, 1)]))
    await appendCsv(csv, run([row(`${name} ${i}`, 1)]))
  }
} catch (error) {
  process.stderr.write(`${(error as Error & { code: string }).code}: ${(error as Error).message}\n`)
  process.exitCode = 2
}
