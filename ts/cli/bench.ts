/** aot-bench */
import { benchCommand } from './bench_command.js'
import { runCommand } from './command.js'

await runCommand('aot-bench', () => benchCommand(process.argv.slice(2)))
