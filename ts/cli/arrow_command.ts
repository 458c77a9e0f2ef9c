/** aot-arrow's command line, and on to what it asks for. */
import { parseArrowArguments } from './arrow_arguments.js'
import { outlastReaders } from './command.js'

export async function arrowCommand(words: readonly string[]): Promise<void> {
  const request = await parseArrowArguments(words)
  if (request.kind === 'print') {
    process.stdout.write(request.text)
    return
  }
  outlastReaders()
  // The engine and what draws are loaded only now.
  const { compareRuns, trainAndCompare } = await import('../arrow/command.js')
  await (request.kind === 'runs' ? compareRuns(request) : trainAndCompare(request))
}
