/** aot-train */
import { runCommand } from './command.js'
import { trainCommand } from './train_command.js'

await runCommand('aot-train', () =>
  trainCommand(process.argv.slice(2), async () => (await import('../train/run.js')).trainRun),
)
