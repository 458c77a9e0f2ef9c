/** What the subcommands of aot-tokenize do. */
import { statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { AotError } from '../errors.js'
import { formatBytes, formatCount, formatDuration, formatNumberOf, formatWhole } from '../logging/amounts.js'
import { openCorpus } from '../tokenize/corpus.js'
import { removeLeftCounts, trainTokenizer } from '../tokenize/counts.js'
import { type Estimate, estimate, freeSpace, leastTokenBytes } from '../tokenize/estimate.js'
import { type Inputs, lookAtInputs } from '../tokenize/inputs.js'
import { inspect } from '../tokenize/inspect.js'
import { sharesSeen } from '../tokenize/locks.js'
import { hasManifest } from '../tokenize/manifest.js'
import { merge } from '../tokenize/merge.js'
import { defaultTokenizerFolder, outputPlace, refuseToOverwrite, tokenFile } from '../tokenize/outputs.js'
import {
  line,
  reportEncoded,
  reportInputs,
  reportText,
  reportTime,
  reportTrained,
  textOf,
  tokenizerLine,
} from '../tokenize/report.js'
import { reverseCorpus } from '../tokenize/reverse.js'
import { checkBeforeTraining, type EncodeOptions, encodeCorpus } from '../tokenize/shards.js'
import { shownName, shownPath } from '../tokenize/shown.js'
import { Stages } from '../tokenize/stages.js'
import { type LoadedTokenizer, type NewTokenizer, openTokenizer, wasTrainedOn } from '../tokenize/tokenizers.js'
import { verify } from '../tokenize/verify.js'
import {
  type Arguments,
  command,
  dtype,
  encodeOptions,
  newTokenizer,
  refuseOptionsOfNewTokenizer,
  required,
  unitBytes,
  wholeNumber,
  workOptions,
} from './tokenize_arguments.js'

const folderNeeded = 'the folder of .txt files'

function print(lines: string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`)
}

interface Corpus {
  inputs: Inputs
  stages: Stages
}

async function look(args: Arguments, subcommand: string, signal: AbortSignal): Promise<Corpus> {
  const path = required(args, subcommand, folderNeeded)
  const stages = new Stages()
  const { progress } = workOptions(args, signal)
  const inputs = await stages.time('looking at the files', () =>
    lookAtInputs(path, { skipBad: args.skipBad, progress, signal }),
  )
  return { inputs, stages }
}

async function warnOfLittleSpace(inputs: Inputs, tokenizer: LoadedTokenizer, file: string, options: EncodeOptions) {
  // A share has others beside it, and what was begun has its room already.
  if (options.share !== undefined || hasManifest(outputPlace(file).shards)) return
  const least = leastTokenBytes(inputs, tokenizer, options.dtype ?? 'auto')
  const { bytes, at } = await freeSpace(dirname(file))
  if (bytes >= least) return
  process.stderr.write(
    `${command}: warning: ${formatBytes(bytes)} are free in ${shownPath(at)}, and the tokens will need ${formatBytes(least)} or more\n`,
  )
}

/** Encodes and reports, `before` first; the lines before an error are printed too. */
async function encodeWith(
  corpus: Corpus,
  tokenizer: LoadedTokenizer,
  args: Arguments,
  signal: AbortSignal,
  before: string[],
) {
  const { inputs, stages } = corpus
  const options = encodeOptions(args, signal)
  const file = tokenFile(inputs, args.out)
  try {
    await warnOfLittleSpace(inputs, tokenizer, file, options)
    const encoded = await encodeCorpus(inputs, tokenizer, file, options)
    print([
      ...before,
      ...reportEncoded(encoded, tokenizer.native, sharesSeen(outputPlace(file).shards)),
      ...reportText(textOf(encoded, inputs), tokenizer.native),
      ...reportInputs(inputs),
      ...reportTime(stages.addAll(encoded.stages)),
    ])
  } catch (error) {
    if (before.length > 0) print(before)
    throw error
  }
}

export async function tokenize(args: Arguments, signal: AbortSignal): Promise<void> {
  if (args.tokenizer !== undefined) return encode(args, signal)
  if (args.shard !== undefined) {
    throw new AotError(
      'AOT_CONFIG',
      `--shard is for encoding: make the tokenizer first (${command} train), and name it with --tokenizer`,
    )
  }
  const corpus = await look(args, '', signal)
  const { inputs, stages } = corpus
  const asked = newTokenizer(args)
  const options = encodeOptions(args, signal)
  const file = tokenFile(inputs, args.out)
  if (args.dryRun) return dryRun(inputs, asked, file, args, signal)
  const folder = defaultTokenizerFolder(inputs)
  // The same command was stopped after the training.
  const again = !args.force && wasTrainedOn(folder, inputs, asked)
  if (!again) refuseToOverwrite(folder, args.force ?? false, `use it with --tokenizer ${shownPath(folder)}, or `)
  checkBeforeTraining(inputs, file, options)
  if (again) {
    removeLeftCounts(folder)
    const tokenizer = openTokenizer(folder)
    const lines = [tokenizerLine(folder, tokenizer.native, '; made by an earlier run on this text')]
    return encodeWith(corpus, tokenizer, args, signal, lines)
  }
  const trained = await trainTokenizer(inputs, folder, asked, options)
  stages.addAll(trained.stages)
  return encodeWith(corpus, openTokenizer(folder), args, signal, reportTrained(trained, asked))
}

export async function train(args: Arguments, signal: AbortSignal): Promise<void> {
  const { inputs, stages } = await look(args, 'train', signal)
  const asked = newTokenizer(args)
  const folder = resolve(args.out ?? defaultTokenizerFolder(inputs))
  if (args.dryRun) return dryRun(inputs, asked, null, args, signal)
  refuseToOverwrite(folder, args.force ?? false)
  const options = { ...workOptions(args, signal), unitBytes: unitBytes(args), force: args.force }
  const trained = await trainTokenizer(inputs, folder, asked, options)
  print([
    ...reportTrained(trained, asked),
    ...reportText(trained.text, trained.tokenizer),
    ...reportInputs(inputs),
    ...reportTime(stages.addAll(trained.stages)),
  ])
}

export async function encode(args: Arguments, signal: AbortSignal): Promise<void> {
  const corpus = await look(args, 'encode', signal)
  encodeOptions(args, signal)
  if (args.tokenizer === undefined) {
    throw new AotError('AOT_CONFIG', `name the tokenizer's folder with --tokenizer (${command} train makes one)`)
  }
  refuseOptionsOfNewTokenizer(args)
  const tokenizer = openTokenizer(args.tokenizer)
  if (args.dryRun) return dryRun(corpus.inputs, tokenizer, tokenFile(corpus.inputs, args.out), args, signal)
  return encodeWith(corpus, tokenizer, args, signal, [])
}

/** `file`: null when only a tokenizer is made. */
async function dryRun(
  inputs: Inputs,
  tokenizer: LoadedTokenizer | NewTokenizer,
  file: string | null,
  args: Arguments,
  signal: AbortSignal,
): Promise<void> {
  const options = { ...workOptions(args, signal), dtype: dtype(args), unitBytes: unitBytes(args) }
  const found = await estimate(inputs, tokenizer, options)
  const lines = [
    line('text', `${formatNumberOf(inputs.files.length, 'file')}, ${formatBytes(inputs.bytes)}`),
    ...reportInputs(inputs),
    line('units', `${formatWhole(found.units)}, of ${formatBytes(found.unitBytes)}`),
    line('estimate', `from ${formatBytes(found.sample.bytes)} of ${formatNumberOf(found.sample.files, 'file')}`),
  ]
  const about = (seconds: number) => `about ${formatDuration(Math.max(1, Math.round(seconds)))}`
  const { training } = found
  if (training !== null) {
    const disk =
      training.countBytes === 0 ? '' : `, ${formatBytes(training.countBytes)} of disk until the tokenizer is saved`
    lines.push(line('training', `${about(training.countingSeconds + training.mergingSeconds)}${disk}`))
  }
  if (file !== null) lines.push(...encodingLines(found, about))
  const place = file ?? resolve(args.out ?? defaultTokenizerFolder(inputs))
  const needed = (file === null ? 0 : found.tokenBytes) + (training?.countBytes ?? 0)
  const { bytes, at } = await freeSpace(dirname(place))
  const enough = bytes >= needed ? '' : `: not enough for ${formatBytes(needed)}`
  lines.push(line('disk', `${formatBytes(bytes)} free in ${shownPath(at)}${enough}`))
  print([...lines, 'nothing was written: leave --dry-run to begin'])
}

function encodingLines(found: Estimate, about: (seconds: number) => string): string[] {
  const { tokens, tokenBytes, dtype, bytesPerToken, encodingSeconds } = found
  const amount = `about ${formatCount(Math.round(tokens))}, ${bytesPerToken.toFixed(2)} bytes/token`
  return [line('encoding', about(encodingSeconds)), line('tokens', `${amount}, ${formatBytes(tokenBytes)} as ${dtype}`)]
}

export async function verifyOutput(args: Arguments, signal: AbortSignal): Promise<void> {
  const path = required(args, 'verify', 'a token file (.h5)')
  const { manifest, units, totals, maxId, written, problems } = await verify(path, {
    ...workOptions(args, signal),
    inputs: args.inputs ?? false,
  })
  const lines = [line('tokens', `${shownPath(path)} (${formatNumberOf(totals.tokens, 'token')})`)]
  if (manifest?.work.kind === 'tokens') {
    const { work } = manifest
    lines.push(line('units', `${formatWhole(units)}, of ${formatBytes(totals.bytes)} of text`))
    if (maxId !== null)
      lines.push(line('ids', `up to ${maxId}, of ${formatNumberOf(work.tokenizer.vocab_size, 'token')}`))
  } else {
    lines.push(line('ids', `up to ${maxId}`))
    lines.push(line('plan', 'there is none beside it: that the file can be read is all that is known'))
  }
  if (written) lines.push(line('written', `${shownPath(path)}: all units are there`))
  for (const problem of problems) lines.push(line('wrong', shownName(problem)))
  if (problems.length === 0)
    lines.push(line('verified', args.inputs ? 'all is right, and of the text as it is now' : 'all is right'))
  print(lines)
  if (problems.length > 0)
    throw new AotError('AOT_DATA', `${shownPath(path)} is not whole: what is wrong is said above`)
}

export async function mergeOutput(args: Arguments, signal: AbortSignal): Promise<void> {
  const path = required(args, 'merge', 'a token file (.h5) in shards')
  const options = { ...workOptions(args, signal), force: args.force ?? false }
  const { out, tokens, bytes, before, seconds } = await merge(path, args.out, options)
  const lines = [line('merged', `${shownPath(out)} (${formatNumberOf(tokens, 'token')}, ${formatBytes(bytes)})`)]
  if (before === tokens) lines.push(line('complete', 'it was all there, and is verified: nothing was left to do'))
  else if (before > 0) lines.push(line('kept', `${formatNumberOf(before, 'token')} of an earlier run, verified`))
  print([...lines, line('time', formatDuration(seconds))])
}

export async function reverse(args: Arguments, signal: AbortSignal): Promise<void> {
  const path = required(args, 'reverse', 'a .txt file, or a folder of them')
  const corpus = openCorpus(path)
  const options = { ...workOptions(args, signal), force: args.force ?? false }
  const { out, text, seconds } = await reverseCorpus(corpus, statSync(path).isDirectory(), args.out, options)
  print([line('reversed', `${shownPath(out)} at ${formatBytes(text.bytes / seconds)}/s`), ...reportText(text)])
}

export async function inspectPath(args: Arguments, signal: AbortSignal): Promise<void> {
  const path = required(args, 'inspect', 'a token file (.h5) or a tokenizer folder')
  const count = wholeNumber('count', args.count, 0, 1e6) ?? 64
  print(await inspect(path, { tokenizer: args.tokenizer, count, signal }))
}
