/**
 * A training run in a process of its own, for the tests that kill it: node child_run.js FOLDER SETTINGS NAME FAULTS, the
 * second and last in JSON; FAULTS null: the real engine. Stops on SIGTERM as aot-train does.
 */
import { trainRun } from '../../ts/train/run.js'
import { fakeSurroundings } from './fakes.js'
import { makeRun, plain } from './runs.js'

const [folder, settings, name, faults] = process.argv.slice(2) as [string, string, string, string]
const controller = new AbortController()
process.once('SIGTERM', () => controller.abort())
const options = { ...plain, signal: controller.signal }
const run = makeRun(folder, JSON.parse(settings), name)
const given = JSON.parse(faults)
try {
  const result = await (given === null ? trainRun(run, options) : trainRun(run, options, fakeSurroundings(given)))
  process.exitCode = result.stopped ? 130 : 0
} catch (error) {
  process.stderr.write(`${(error as Error & { code: string }).code}: ${(error as Error).message}\n`)
  process.exitCode = 2
}
