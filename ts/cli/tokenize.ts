/** aot-tokenize: from a folder of .txt to a tokenizer and HDF5 tokens. */
import yargs from 'yargs'
import { AotError } from '../errors.js'
import { Stopped } from '../tokenize/work_options.js'
import { runCommand } from './command.js'
import {
  type Arguments,
  command,
  optionTexts,
  text,
  tokensOut,
  withCorpus,
  withDashes,
  withOutput,
  withQuiet,
} from './tokenize_arguments.js'
import { encode, inspectPath, mergeOutput, reverse, tokenize, train, verifyOutput } from './tokenize_commands.js'
import { packageVersion } from './version.js'

/** Set by ^C: the work in progress ends and says what it has left. A second ^C ends the process at once. */
const interrupt = new AbortController()
let interruptStatus = 0

function listenForInterrupts(): void {
  const onSignal = (signal: NodeJS.Signals) => {
    interruptStatus = signal === 'SIGINT' ? 130 : 143
    interrupt.abort()
  }
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)
}

function handler(body: (args: Arguments, signal: AbortSignal) => Promise<void>) {
  return async (args: unknown) => {
    try {
      await body(args as Arguments, interrupt.signal)
    } catch (error) {
      if (interruptStatus === 0) throw error
      const left = error instanceof Stopped ? error.left : 'nothing unfinished was left behind'
      process.stderr.write(`${command}: stopped; ${left}\n`)
      process.exitCode = interruptStatus
    }
  }
}

async function main(): Promise<void> {
  listenForInterrupts()
  await yargs(withDashes(process.argv.slice(2)))
    .scriptName(command)
    .version(packageVersion())
    .locale('en')
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .usage(
      `$0 <folder>\n\nTrains a byte-level BPE tokenizer (or one of characters, --char) on a folder of .txt (UTF-8) and writes the text as tokens:\n` +
        '  tokenizers/<name>_tokenizer/   in the current folder, as Hugging Face writes it\n' +
        '  <folder>_h5/<name>.h5          HDF5, dataset `tokens`; of a large text with shards beside it, <name>.shards/\n' +
        'The files follow each other without a token between them. CR LF, CR, U+2028 and U+2029 become LF, bytes that are\n' +
        'not UTF-8 are dropped and counted, a byte order mark at the start of a file is dropped.\n' +
        'Stopped or killed, it goes on where it was when the same command is run again.',
    )
    .parserConfiguration({
      'boolean-negation': false,
      'duplicate-arguments-array': false,
      'parse-positional-numbers': false,
    })
    .command(
      '$0 [path]',
      'a tokenizer and the tokens',
      (parser) =>
        withCorpus(parser, tokensOut)
          .option('vocab-size', optionTexts.vocabSize)
          .option('char', optionTexts.char)
          .option('unk', optionTexts.unk)
          .option('tokenizer', { ...text, describe: 'use this one instead of training one' })
          .option('dtype', optionTexts.dtype)
          .option('shard', optionTexts.shard),
      handler(tokenize),
    )
    .command(
      'train [path]',
      'only the tokenizer',
      (parser) =>
        withCorpus(parser, 'folder of the tokenizer (default tokenizers/<name>_tokenizer)')
          .option('vocab-size', optionTexts.vocabSize)
          .option('char', optionTexts.char)
          .option('unk', optionTexts.unk),
      handler(train),
    )
    .command(
      'encode [path]',
      'only the tokens, with --tokenizer',
      (parser) =>
        withCorpus(parser, tokensOut)
          .option('tokenizer', optionTexts.tokenizer)
          .option('dtype', optionTexts.dtype)
          .option('shard', optionTexts.shard),
      handler(encode),
    )
    .command(
      'verify [path]',
      'whether a token file, its shards and its plan are whole and right',
      (parser) =>
        withQuiet(parser)
          .positional('path', { type: 'string', describe: 'token file (.h5); made when only it is missing' })
          .option('inputs', { type: 'boolean', describe: 'read the text again too, and compare' })
          .option('threads', optionTexts.threads),
      handler(verifyOutput),
    )
    .command(
      'merge [path]',
      'one token file from one in shards',
      (parser) =>
        withOutput(parser, 'file to write (default merged/<name>.h5, beside it)')
          .positional('path', { type: 'string', describe: 'token file (.h5) that is over shards' })
          .option('threads', optionTexts.threads),
      handler(mergeOutput),
    )
    .command(
      'inspect [path]',
      'what a token file or a tokenizer holds',
      (parser) =>
        parser
          .positional('path', { type: 'string', describe: 'token file (.h5) or folder of a tokenizer' })
          .option('tokenizer', { ...text, describe: 'to show the first tokens as text' })
          .option('count', { ...text, describe: 'how many tokens to show (default 64)' }),
      handler(inspectPath),
    )
    .command(
      'reverse [path]',
      'the text itself, reversed by code point',
      (parser) =>
        withOutput(parser, 'file (folder) to write (default <name>_reversed, beside it)')
          .positional('path', { type: 'string', describe: 'a file, or a folder whose *.txt are reversed one by one' })
          .epilogue(
            'Characters are kept as they are: CR LF becomes LF CR, combining marks come before their letters. Bytes that ' +
              'are not UTF-8 are dropped; a byte order mark stays at the start.',
          ),
      handler(reverse),
    )
    .option('verbose', { type: 'boolean', describe: 'on an error, say where in the program it was' })
    .strict()
    .exitProcess(false)
    .fail((message, error) => {
      // yargs' own errors are about the arguments.
      if (error && error.name !== 'YError') throw error
      throw new AotError('AOT_CONFIG', `${message.split('\n')[0]} (${command} --help says more)`)
    })
    .parseAsync()
}

await runCommand(command, main)
