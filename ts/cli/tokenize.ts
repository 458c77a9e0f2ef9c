/** aot-tokenize: from a folder of .txt to a tokenizer and HDF5 tokens. */
import { statSync } from 'node:fs'
import { relative } from 'node:path'
import yargs, { type Argv } from 'yargs'
import { AotError } from '../errors.js'
import { formatBytes, formatNumberOf, formatWhole } from '../logging/amounts.js'
import type { NativeTokenizer, TextReport } from '../native.js'
import { type Corpus, openCorpus } from '../tokenize/corpus.js'
import { inspect } from '../tokenize/inspect.js'
import { defaultTokenizerFolder, refuseToOverwrite, tokenFile } from '../tokenize/outputs.js'
import { reverseCorpus } from '../tokenize/reverse.js'
import {
  type Encoded,
  encodeCorpus,
  loadTokenizer,
  type Trained,
  trainCharTokenizer,
  trainTokenizer,
} from '../tokenize/tokenize_folder.js'
import { runCommand } from './command.js'
import { packageVersion } from './version.js'

const command = 'aot-tokenize'
const defaultVocabSize = 50257

interface Arguments {
  path?: string | undefined
  vocabSize?: string | undefined
  char?: boolean | undefined
  unk?: boolean | undefined
  tokenizer?: string | undefined
  out?: string | undefined
  threads?: string | undefined
  dtype?: string | undefined
  count?: string | undefined
  force?: boolean | undefined
  quiet?: boolean | undefined
}

/** Options may be written with underscores, as the original's are. */
function withDashes(args: string[]): string[] {
  const end = args.indexOf('--')
  return args.map((arg, index) => {
    if (!arg.startsWith('--') || (end >= 0 && index >= end)) return arg
    const [name = '', ...value] = arg.split('=')
    return [name.replaceAll('_', '-'), ...value].join('=')
  })
}

function wholeNumber(name: string, value: string | undefined, least: number, most: number): number | undefined {
  if (value === undefined) return undefined
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN
  if (!(number >= least && number <= most)) {
    throw new AotError('AOT_CONFIG', `--${name} must be a whole number from ${least} to ${most}, not '${value}'`)
  }
  return number
}

function required(args: Arguments, subcommand: string, what: string): string {
  if (args.path !== undefined && args.path !== '') return args.path
  const named = subcommand === '' ? '' : `; a folder that is named ${subcommand} is written ./${subcommand}`
  throw new AotError(
    'AOT_CONFIG',
    `name ${what}: ${command} ${subcommand}${subcommand && ' '}<path>${named} (--help says more)`,
  )
}

function shownPath(path: string): string {
  const near = relative('', path)
  return near === '' || near.startsWith('..') ? path : near
}

/** Set by ^C: the work in progress ends and takes its unfinished files away. A second ^C ends the process at once. */
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

function workOptions(args: Arguments) {
  return {
    threads: wholeNumber('threads', args.threads, 1, 1024),
    progress: args.quiet ? ('quiet' as const) : ('auto' as const),
    signal: interrupt.signal,
  }
}

/** The number of tokens of the new tokenizer; null with --char, where the text decides it. */
function vocabSize(args: Arguments): number | null {
  if (!args.char) {
    if (args.unk) throw new AotError('AOT_CONFIG', '--unk is for --char: every text has ids in byte-level BPE')
    return wholeNumber('vocab-size', args.vocabSize, 257, 2 ** 31 - 1) ?? defaultVocabSize
  }
  if (args.vocabSize === undefined) return null
  throw new AotError(
    'AOT_CONFIG',
    '--vocab-size is for BPE: with --char the vocabulary is the characters of the text; leave one of the two',
  )
}

/** --tokenizer names one that is there: what describes a new one makes no sense beside it. */
function refuseOptionsOfNewTokenizer(args: Arguments): void {
  const options = { 'vocab-size': args.vocabSize !== undefined, char: args.char, unk: args.unk }
  for (const [name, given] of Object.entries(options)) {
    if (given) throw new AotError('AOT_CONFIG', `--${name} is for a new tokenizer: leave it, or leave --tokenizer`)
  }
}

function trainOn(corpus: Corpus, folder: string, args: Arguments, asked: number | null): Promise<Trained> {
  const options = workOptions(args)
  return asked === null
    ? trainCharTokenizer(corpus, folder, { ...options, unknown: args.unk ?? false })
    : trainTokenizer(corpus, folder, { ...options, vocabSize: asked })
}

function dtype(args: Arguments): 'auto' | 'int32' | 'uint16' {
  const value = args.dtype ?? 'auto'
  if (value === 'auto' || value === 'int32' || value === 'uint16') return value
  throw new AotError('AOT_CONFIG', `--dtype must be auto, int32 or uint16, not '${value}'`)
}

const rate = (bytes: number, seconds: number) => `${formatBytes(bytes / Math.max(seconds, 1e-6))}/s`

/** `tokenizer`: what the text was taken for; one of BPE takes it in words. */
function reportText(text: TextReport, tokenizer?: NativeTokenizer): string[] {
  const lines = [
    `text        ${formatNumberOf(text.files, 'file')}, ${formatBytes(text.bytes)}`,
    `dropped     ${formatNumberOf(text.invalidBytes, 'byte')} not UTF-8`,
  ]
  if (tokenizer?.kind === 'bpe') lines.push(`cut         ${formatNumberOf(text.cutPieces, 'word')} longer than 1 MiB`)
  return lines
}

function reportTrained(trained: Trained, asked: number | null): string[] {
  const { vocabSize } = trained.tokenizer
  const few = asked !== null && vocabSize < asked ? `; the text has no more to merge for ${formatWhole(asked)}` : ''
  return [
    `tokenizer   ${shownPath(trained.folder)} (${formatWhole(vocabSize)} tokens${few})`,
    `trained     on ${formatNumberOf(trained.occurrences, asked === null ? 'character' : 'word')}, ${formatWhole(trained.words)} of them different, at ${rate(trained.text.bytes, trained.seconds)}`,
  ]
}

function reportEncoded(encoded: Encoded): string[] {
  const { tokens, text, seconds } = encoded
  return [
    `tokens      ${shownPath(encoded.file)} (${formatNumberOf(tokens, 'token')}, ${encoded.dtype})`,
    `encoded     at ${rate(text.bytes, seconds)}, ${(text.bytes / tokens).toFixed(2)} bytes/token`,
  ]
}

function print(lines: string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`)
}

async function tokenize(args: Arguments): Promise<void> {
  const corpus = openCorpus(required(args, '', 'the folder of .txt files'))
  const force = args.force ?? false
  if (args.tokenizer !== undefined) return encode(args)
  const asked = vocabSize(args)
  const options = { ...workOptions(args), dtype: dtype(args) }
  const file = tokenFile(corpus, args.out)
  const folder = defaultTokenizerFolder(corpus)
  refuseToOverwrite(folder, force, `use it with --tokenizer ${shownPath(folder)}, or `)
  refuseToOverwrite(file, force)
  const trained = await trainOn(corpus, folder, args, asked)
  const lines = reportTrained(trained, asked)
  try {
    const encoded = await encodeCorpus(corpus, trained.tokenizer, file, options)
    print([...lines, ...reportEncoded(encoded), ...reportText(encoded.text, trained.tokenizer)])
  } catch (error) {
    print(lines)
    throw error
  }
}

async function train(args: Arguments): Promise<void> {
  const corpus = openCorpus(required(args, 'train', 'the folder of .txt files'))
  const asked = vocabSize(args)
  const folder = args.out ?? defaultTokenizerFolder(corpus)
  refuseToOverwrite(folder, args.force ?? false)
  const trained = await trainOn(corpus, folder, args, asked)
  print([...reportTrained(trained, asked), ...reportText(trained.text, trained.tokenizer)])
}

async function encode(args: Arguments): Promise<void> {
  const corpus = openCorpus(required(args, 'encode', 'the folder of .txt files'))
  const options = { ...workOptions(args), dtype: dtype(args) }
  if (args.tokenizer === undefined) {
    throw new AotError('AOT_CONFIG', `name the tokenizer's folder with --tokenizer (${command} train makes one)`)
  }
  refuseOptionsOfNewTokenizer(args)
  const file = tokenFile(corpus, args.out)
  refuseToOverwrite(file, args.force ?? false)
  const tokenizer = loadTokenizer(args.tokenizer)
  const encoded = await encodeCorpus(corpus, tokenizer, file, options)
  print([...reportEncoded(encoded), ...reportText(encoded.text, tokenizer)])
}

async function reverse(args: Arguments): Promise<void> {
  const path = required(args, 'reverse', 'a .txt file, or a folder of them')
  const corpus = openCorpus(path)
  const options = { ...workOptions(args), force: args.force ?? false }
  const { out, text, seconds } = await reverseCorpus(corpus, statSync(path).isDirectory(), args.out, options)
  print([`reversed    ${shownPath(out)} at ${rate(text.bytes, seconds)}`, ...reportText(text)])
}

async function inspectPath(args: Arguments): Promise<void> {
  const path = required(args, 'inspect', 'a token file (.h5) or a tokenizer folder')
  const count = wholeNumber('count', args.count, 0, 1e6) ?? 64
  print(await inspect(path, { tokenizer: args.tokenizer, count, signal: interrupt.signal }))
}

const text = { type: 'string', requiresArg: true } as const
const optionTexts = {
  vocabSize: { ...text, describe: `tokens of the new tokenizer, at least 257 (default ${defaultVocabSize})` },
  char: { type: 'boolean', describe: 'a character-level tokenizer: each character of the text is a token' },
  unk: { type: 'boolean', describe: 'with --char: a token <|unk|> for characters that the text does not have' },
  tokenizer: { ...text, describe: 'folder of the tokenizer to use' },
  threads: { ...text, describe: 'default: all processors; no result depends on it' },
  dtype: { ...text, describe: 'auto (uint16 when every id fits), int32 or uint16' },
} as const
const folderText = 'folder whose *.txt are read (not its subfolders), in the order of their names; or one file'

function withOutput(parser: Argv, out: string): Argv {
  return parser
    .option('out', { ...text, describe: out })
    .option('force', { type: 'boolean', describe: 'overwrite what is there' })
    .option('quiet', { type: 'boolean', describe: 'show no progress' })
}

const tokensOut = 'token file (.h5), or folder to put it in (default <folder>_h5/<name>.h5, beside the folder)'

async function main(): Promise<void> {
  listenForInterrupts()
  const handler = (body: (args: Arguments) => Promise<void>) => async (args: unknown) => {
    try {
      await body(args as Arguments)
    } catch (error) {
      if (interruptStatus === 0) throw error
      process.stderr.write(`${command}: stopped; nothing unfinished was left behind\n`)
      process.exitCode = interruptStatus
    }
  }
  await yargs(withDashes(process.argv.slice(2)))
    .scriptName(command)
    .version(packageVersion())
    .locale('en')
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .usage(
      `$0 <folder>\n\nTrains a byte-level BPE tokenizer (or one of characters, --char) on a folder of .txt (UTF-8) and writes the text as tokens:\n` +
        '  tokenizers/<name>_tokenizer/   in the current folder, as Hugging Face writes it\n' +
        '  <folder>_h5/<name>.h5          HDF5, dataset `tokens`\n' +
        'The files follow each other without a token between them. CR LF, CR, U+2028 and U+2029 become LF, bytes that are\n' +
        'not UTF-8 are dropped and counted, a byte order mark at the start of a file is dropped.',
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
        withOutput(parser, tokensOut)
          .positional('path', { type: 'string', describe: folderText })
          .option('vocab-size', optionTexts.vocabSize)
          .option('char', optionTexts.char)
          .option('unk', optionTexts.unk)
          .option('tokenizer', { ...text, describe: 'use this one instead of training one' })
          .option('threads', optionTexts.threads)
          .option('dtype', optionTexts.dtype),
      handler(tokenize),
    )
    .command(
      'train [path]',
      'only the tokenizer',
      (parser) =>
        withOutput(parser, 'folder of the tokenizer (default tokenizers/<name>_tokenizer)')
          .positional('path', { type: 'string', describe: folderText })
          .option('vocab-size', optionTexts.vocabSize)
          .option('char', optionTexts.char)
          .option('unk', optionTexts.unk)
          .option('threads', optionTexts.threads),
      handler(train),
    )
    .command(
      'encode [path]',
      'only the tokens, with --tokenizer',
      (parser) =>
        withOutput(parser, tokensOut)
          .positional('path', { type: 'string', describe: folderText })
          .option('tokenizer', optionTexts.tokenizer)
          .option('threads', optionTexts.threads)
          .option('dtype', optionTexts.dtype),
      handler(encode),
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
