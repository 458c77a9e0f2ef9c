/** What aot-train does: resolves all configs, then trains one run after the other. */
import { loadConfigFile } from '../config/load.js'
import { checkRunNames, resolveRun } from '../config/resolve.js'
import type { ResolvedRun, TrainRun } from '../config/types.js'
import { stopOnSignals } from './command.js'
import { parseTrainArguments, type TrainArguments } from './train_arguments.js'

/** @param loadLoop gives the training loop; called only when there is something to train, for it loads the engine. */
export async function trainCommand(words: readonly string[], loadLoop: () => Promise<TrainRun>): Promise<void> {
  const request = await parseTrainArguments(words)
  if (request.kind === 'print') {
    process.stdout.write(request.text)
    return
  }
  const runs = planRuns(request.arguments)
  for (const run of runs) {
    for (const note of run.notes) process.stderr.write(`aot-train: ${run.configPath}: note: ${note}\n`)
  }
  const trainRun = await loadLoop()
  const { noStepPickup, cooldownNow, initFrom } = request.arguments
  const signal = stopOnSignals('aot-train')
  for (const run of runs) {
    if (signal.aborted) return
    await trainRun(run, { noStepPickup, cooldownNow, initFrom, signal })
  }
}

/** The runs that the command line asks for, in its order. @throws AotError before any of them begins. */
export function planRuns({ configs, device, projectName, runNames, overrides }: TrainArguments): ResolvedRun[] {
  const runs = configs.map((configPath, index) =>
    resolveRun(loadConfigFile(configPath, overrides), { configPath, projectName, runName: runNames[index], device }),
  )
  checkRunNames(runs)
  return runs
}
