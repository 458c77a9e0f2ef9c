/** aot-report */
import { runCommand } from './command.js'
import { reportCommand } from './report_command.js'

await runCommand('aot-report', () => reportCommand(process.argv.slice(2)))
