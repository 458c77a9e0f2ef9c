/** The options of aot-tokenize: how they are written, what they mean, and the lines about those that are wrong. */
import type { Argv } from 'yargs'
import { AotError } from '../errors.js'
import { parseShare, parseUnitSize } from '../tokenize/plan.js'
import type { EncodeOptions } from '../tokenize/shards.js'
import type { NewTokenizer } from '../tokenize/tokenizers.js'
import type { WorkOptions } from '../tokenize/work_options.js'

export const command = 'aot-tokenize'
const defaultVocabSize = 50257

export interface Arguments {
  path?: string | undefined
  vocabSize?: string | undefined
  char?: boolean | undefined
  unk?: boolean | undefined
  tokenizer?: string | undefined
  out?: string | undefined
  threads?: string | undefined
  dtype?: string | undefined
  count?: string | undefined
  unitSize?: string | undefined
  shard?: string | undefined
  skipBad?: boolean | undefined
  dryRun?: boolean | undefined
  inputs?: boolean | undefined
  force?: boolean | undefined
  quiet?: boolean | undefined
}

/** Options may be written with underscores, as the original's are. */
export function withDashes(args: string[]): string[] {
  const end = args.indexOf('--')
  return args.map((arg, index) => {
    if (!arg.startsWith('--') || (end >= 0 && index >= end)) return arg
    const [name = '', ...value] = arg.split('=')
    return [name.replaceAll('_', '-'), ...value].join('=')
  })
}

export function wholeNumber(name: string, value: string | undefined, least: number, most: number): number | undefined {
  if (value === undefined) return undefined
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN
  if (!(number >= least && number <= most)) {
    throw new AotError('AOT_CONFIG', `--${name} must be a whole number from ${least} to ${most}, not '${value}'`)
  }
  return number
}

export function required(args: Arguments, subcommand: string, what: string): string {
  if (args.path !== undefined && args.path !== '') return args.path
  const named = subcommand === '' ? '' : `; a folder that is named ${subcommand} is written ./${subcommand}`
  throw new AotError(
    'AOT_CONFIG',
    `name ${what}: ${command} ${subcommand}${subcommand && ' '}<path>${named} (--help says more)`,
  )
}

export function workOptions(args: Arguments, signal: AbortSignal): WorkOptions {
  return {
    threads: wholeNumber('threads', args.threads, 1, 1024),
    progress: args.quiet ? 'quiet' : 'auto',
    signal,
  }
}

export function unitBytes(args: Arguments): number | undefined {
  return args.unitSize === undefined ? undefined : parseUnitSize(args.unitSize)
}

export function dtype(args: Arguments): 'auto' | 'int32' | 'uint16' {
  const value = args.dtype ?? 'auto'
  if (value === 'auto' || value === 'int32' || value === 'uint16') return value
  throw new AotError('AOT_CONFIG', `--dtype must be auto, int32 or uint16, not '${value}'`)
}

/** @throws AotError AOT_CONFIG for options that do not go together */
export function encodeOptions(
  args: Arguments,
  signal: AbortSignal,
): EncodeOptions & { dtype: ReturnType<typeof dtype> } {
  const share = args.shard === undefined ? undefined : parseShare(args.shard)
  if (share !== undefined && args.force) {
    throw new AotError(
      'AOT_CONFIG',
      '--force and --shard do not go together, as each share would take away the others: delete the old output, or start anew without --shard',
    )
  }
  const options = { ...workOptions(args, signal), dtype: dtype(args), unitBytes: unitBytes(args) }
  return { ...options, force: args.force ?? false, share }
}

/** How the new tokenizer is made. */
export function newTokenizer(args: Arguments): NewTokenizer {
  if (!args.char) {
    if (args.unk) throw new AotError('AOT_CONFIG', '--unk is for --char: every text has ids in byte-level BPE')
    return { kind: 'bpe', vocabSize: wholeNumber('vocab-size', args.vocabSize, 257, 2 ** 31 - 1) ?? defaultVocabSize }
  }
  if (args.vocabSize === undefined) return { kind: 'char', unknown: args.unk ?? false }
  throw new AotError(
    'AOT_CONFIG',
    '--vocab-size is for BPE: with --char the vocabulary is the characters of the text; leave one of the two',
  )
}

/** --tokenizer names one that is there: what describes a new one makes no sense beside it. */
export function refuseOptionsOfNewTokenizer(args: Arguments): void {
  const options = { 'vocab-size': args.vocabSize !== undefined, char: args.char, unk: args.unk }
  for (const [name, given] of Object.entries(options)) {
    if (given) throw new AotError('AOT_CONFIG', `--${name} is for a new tokenizer: leave it, or leave --tokenizer`)
  }
}

export const text = { type: 'string', requiresArg: true } as const
export const optionTexts = {
  vocabSize: { ...text, describe: `tokens of the new tokenizer, at least 257 (default ${defaultVocabSize})` },
  char: { type: 'boolean', describe: 'a character-level tokenizer: each character of the text is a token' },
  unk: { type: 'boolean', describe: 'with --char: a token <|unk|> for characters that the text does not have' },
  tokenizer: { ...text, describe: 'folder of the tokenizer to use' },
  threads: { ...text, describe: 'default: all processors; no result depends on it' },
  dtype: { ...text, describe: 'auto (uint16 when every id fits), int32 or uint16' },
  shard: { ...text, describe: 'do only a share of the units: 2/8 is the second of 8; another process does the others' },
} as const

export const folderText = 'folder whose *.txt are read (not its subfolders), in the order of their names; or one file'
export const tokensOut = 'token file (.h5), or folder to put it in (default <folder>_h5/<name>.h5, beside the folder)'

export function withQuiet(parser: Argv): Argv {
  return parser.option('quiet', { type: 'boolean', describe: 'show no progress' })
}

export function withOutput(parser: Argv, out: string): Argv {
  return withQuiet(
    parser
      .option('out', { ...text, describe: out })
      .option('force', { type: 'boolean', describe: 'overwrite what is there' }),
  )
}

/** What every command that reads a corpus for tokens takes. */
export function withCorpus(parser: Argv, out: string): Argv {
  return withOutput(parser, out)
    .positional('path', { type: 'string', describe: folderText })
    .option('threads', optionTexts.threads)
    .option('skip-bad', { type: 'boolean', describe: 'go on without files that cannot be read or are no text' })
    .option('unit-size', {
      ...text,
      describe: 'text in a unit of work, as 64M: each is a shard (default: a 64th of the text, 64M to 256M)',
    })
    .option('dry-run', { type: 'boolean', describe: 'write nothing: say how long it will take and how much disk' })
}
