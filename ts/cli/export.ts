/** aot-export: the weights of a run as a folder for other programs. */
import yargs from 'yargs'
import { AotError } from '../errors.js'
import { formatNumberOf } from '../logging/amounts.js'
import { exportWeights } from '../train/export.js'
import { runCommand } from './command.js'
import { packageVersion } from './version.js'

const command = 'aot-export'

async function exportCommand(source: string | undefined, folder: string | undefined): Promise<void> {
  if (!source || !folder) {
    throw new AotError('AOT_CONFIG', `name what and where to: ${command} <run or state> <folder> (--help says more)`)
  }
  const interrupt = new AbortController()
  for (const [signal, status] of Object.entries({ SIGINT: 130, SIGTERM: 143 })) {
    process.once(signal, () => {
      process.exitCode = status
      interrupt.abort()
    })
  }
  try {
    const { step, tensors, parameters, model, runFolder, tokenizer } = await exportWeights(
      source,
      folder,
      interrupt.signal,
    )
    const lines = [
      `exported    ${folder}, step ${step}`,
      `weights     ${model}, ${formatNumberOf(parameters, 'parameter')} in ${formatNumberOf(tensors, 'tensor')}`,
      `config      ${runFolder === null ? 'the model alone: the state does not lie in its run folder' : "the run's"}`,
      `tokenizer   ${tokenizer ? "the run's" : 'none: the run has none'}`,
    ]
    process.stdout.write(`${lines.join('\n')}\n`)
  } catch (error) {
    if (!interrupt.signal.aborted) throw error
    process.stderr.write(`${command}: stopped; nothing unfinished was left behind\n`)
  }
}

await runCommand(command, async () => {
  await yargs(process.argv.slice(2))
    .scriptName(command)
    .version(packageVersion())
    .locale('en')
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .parserConfiguration({ 'boolean-negation': false, 'parse-positional-numbers': false })
    .usage(
      '$0 <run or state> <folder>\n\nWrites the weights of a run (its newest saved state), or of one of its states, as a new folder:\n' +
        '  model.safetensors   names and shapes as in the PyTorch state dict; no optimizer\n' +
        '  config.json         the config of the run, as resolved\n' +
        '  tokenizer/          as Hugging Face writes it, when the run has one\n' +
        'The state is verified first. aot-train --init-from takes such a folder; docs/weights.md tells how\nPyTorch does.',
    )
    .command(
      '$0 [state] [folder]',
      false,
      (parser) =>
        parser
          .positional('state', { type: 'string', describe: 'run folder, or a folder of its state/' })
          .positional('folder', { type: 'string', describe: 'folder to write; must not be there' }),
      ({ state, folder }) => exportCommand(state, folder),
    )
    .option('verbose', { type: 'boolean', describe: 'on an error, say where in the program it was' })
    .strict()
    .exitProcess(false)
    .fail((message, error) => {
      if (error && error.name !== 'YError') throw error
      throw new AotError('AOT_CONFIG', `${message.split('\n')[0]} (${command} --help says more)`)
    })
    .parseAsync()
})
