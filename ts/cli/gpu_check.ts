/**
 * gpu-check: what a host with a GPU says of the CUDA backend. Prints one summary and writes gpu-check.json; the exit
 * status is 0 when all that could run passed. Without a GPU it checks the CPU, and says so.
 */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { AotError } from '../errors.js'
import { benchmarks, checkBenchmark } from '../gpu_check/benchmark.js'
import { checkEnvironment } from '../gpu_check/environment.js'
import { makeWorkFolder, workFolder } from '../gpu_check/place.js'
import { type Check, makeReport, summary } from '../gpu_check/report.js'
import { checkSanitizer, checkTests, deviceTests } from '../gpu_check/tests.js'
import { checkTraining } from '../gpu_check/training.js'
import { formatDuration } from '../logging/amounts.js'
import { runCommand } from './command.js'
import { packageVersion } from './version.js'

const command = 'gpu-check'
const reportFile = 'gpu-check.json'

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

await runCommand(command, async () => {
  if (process.argv.length > 2) {
    throw new AotError(
      'AOT_CONFIG',
      `it takes no arguments; it writes ${reportFile} and ${command}/ in the current folder`,
    )
  }
  makeWorkFolder()
  const date = new Date().toISOString()
  process.stderr.write(`${command}: some minutes; what the checks print is in ${workFolder}\n`)
  const checks: Check[] = []
  const add = (check: Check) => {
    checks.push(check)
    const verdict = check.ok === null ? 'not run' : check.ok ? 'passed' : 'FAILED'
    process.stderr.write(`${command}: ${check.name}: ${verdict}, ${formatDuration(check.seconds)}\n`)
  }

  const { check, gpu } = await checkEnvironment()
  add(check)
  for (const file of deviceTests()) add(await checkTests(file, gpu))
  for (const tool of ['memcheck', 'racecheck'] as const) add(await checkSanitizer(tool, gpu))
  for (const training of await checkTraining(gpu)) add(training)

  let tables = ''
  for (const benchmark of benchmarks(gpu)) {
    const { tables: printed, ...check } = await checkBenchmark(benchmark)
    add(check)
    tables += printed
  }

  const [processor] = cpus()
  const host = `${processor?.model.trim()}, ${cpus().length} cores`
  const report = makeReport({ version: packageVersion(), date, host, gpu }, checks)
  writeFileSync(reportFile, `${JSON.stringify(report, null, 2)}\n`)
  process.stdout.write(`${tables}\n${summary(report)}\n`)
  if (!report.ok) process.exitCode = 1
})
