/** aot-synth: a synthetic language as a folder that aot-train and aot-arrow take. */
import { outlastReaders, runCommand } from './command.js'
import { parseSynthArguments } from './synth_arguments.js'

await runCommand('aot-synth', async () => {
  const request = await parseSynthArguments(process.argv.slice(2))
  if (request.kind === 'print') {
    process.stdout.write(request.text)
    return
  }
  outlastReaders()
  // It loads the engine, which --help does without.
  const { synthCommand } = await import('./synth_command.js')
  await synthCommand(request.arguments)
})
