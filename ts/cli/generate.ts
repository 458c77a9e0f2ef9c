/** aot-generate */
import { runCommand } from './command.js'
import { generateCommand } from './generate_command.js'

await runCommand('aot-generate', () => generateCommand(process.argv.slice(2)))
