/** node run_every_op.js DEVICE */
import { runEveryOp } from './every_op.js'

await runEveryOp(process.argv[2] ?? 'cpu')
