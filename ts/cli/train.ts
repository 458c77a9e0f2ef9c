/** aot-train: resolves all configs, then trains one run after the other. */
import { loadConfigFile } from '../config/load.js'
import { checkRunNames, resolveRun } from '../config/resolve.js'
import type { ResolvedRun } from '../config/types.js'
import { runCommand } from './command.js'
import { parseTrainArguments, type TrainArguments } from './train_arguments.js'

function planRuns({ configs, device, projectName, runNames, overrides }: TrainArguments): ResolvedRun[] {
  const runs = configs.map((configPath, index) =>
    resolveRun(loadConfigFile(configPath, overrides), { configPath, projectName, runName: runNames[index], device }),
  )
  checkRunNames(runs)
  return runs
}

/** Aborts on the first ^C or SIGTERM; a second one ends the process at once. The exit status tells which it was. */
function stopSignal(): AbortSignal {
  const controller = new AbortController()
  const statusOf = { SIGINT: 130, SIGTERM: 143 }
  for (const [name, status] of Object.entries(statusOf)) {
    process.once(name, () => {
      process.exitCode = status
      process.stderr.write('aot-train: stopping: the state is saved first\n')
      controller.abort()
    })
  }
  return controller.signal
}

async function train(request: TrainArguments): Promise<void> {
  const runs = planRuns(request)
  for (const run of runs) {
    for (const note of run.notes) process.stderr.write(`aot-train: ${run.configPath}: note: ${note}\n`)
  }
  // Loaded only now: --help and a config's errors need no native engine.
  const { trainRun } = await import('../train/run.js')
  const { noStepPickup, cooldownNow, initFrom } = request
  const signal = stopSignal()
  for (const run of runs) {
    await trainRun(run, { noStepPickup, cooldownNow, initFrom, signal })
    if (signal.aborted) return
  }
}

await runCommand('aot-train', async () => {
  const request = await parseTrainArguments(process.argv.slice(2))
  if (request.kind === 'print') process.stdout.write(request.text)
  else await train(request.arguments)
})
