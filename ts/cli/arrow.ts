/** aot-arrow */
import { arrowCommand } from './arrow_command.js'
import { runCommand } from './command.js'

await runCommand('aot-arrow', () => arrowCommand(process.argv.slice(2)))
