/** What a work on a corpus says of itself at its end: a column of labels, a line each. */
import { formatBytes, formatNumberOf, formatWhole } from '../logging/amounts.js'
import type { NativeTokenizer, TextReport } from '../native.js'
import type { Trained } from './counts.js'
import type { Inputs } from './inputs.js'
import type { Encoded } from './shards.js'
import { shownName, shownPath } from './shown.js'
import type { Stages } from './stages.js'
import type { NewTokenizer } from './tokenizers.js'
import { missingLine } from './verify.js'

/** Names that are listed of many. */
const listed = 10

export const line = (label: string, text: string): string => `${label.padEnd(12)}${text}`

const rate = (bytes: number, seconds: number) => `${formatBytes(bytes / Math.max(seconds, 1e-6))}/s`

export function tokenizerLine(folder: string, tokenizer: NativeTokenizer, more: string): string {
  return line('tokenizer', `${shownPath(folder)} (${formatWhole(tokenizer.vocabSize)} tokens${more})`)
}

export function reportTrained(trained: Trained, asked: NewTokenizer): string[] {
  const { tokenizer, folder, occurrences, words, bytesNow, stages } = trained
  const few = asked.kind === 'bpe' && tokenizer.vocabSize < asked.vocabSize
  const more = few ? `; the text has no more to merge for ${formatWhole(asked.vocabSize)}` : ''
  const unit = asked.kind === 'bpe' ? 'word' : 'character'
  const speed = bytesNow > 0 ? `, at ${rate(bytesNow, stages.seconds('counting'))}` : ''
  return [
    tokenizerLine(folder, tokenizer, more),
    line('trained', `on ${formatNumberOf(occurrences, unit)}, ${formatWhole(words)} of them different${speed}`),
  ]
}

export function reportEncoded(encoded: Encoded, tokenizer: NativeTokenizer, shares: number[]): string[] {
  const { file, totals, units, kept, dtype, missing, mended, overall, bytesNow, stages } = encoded
  const { tokens, words, bytes } = totals
  const shards = units > 1 ? `, ${formatNumberOf(units, 'shard')}` : ''
  const lines = [line('tokens', `${shownPath(file)} (${formatNumberOf(tokens, 'token')}, ${dtype}${shards})`)]
  const ratios = tokens > 0 ? [`${(bytes / tokens).toFixed(2)} bytes/token`] : []
  if (words > 0 && tokenizer.kind === 'bpe') ratios.push(`${(tokens / words).toFixed(2)} tokens/word`)
  const speed = bytesNow > 0 ? [`at ${rate(bytesNow, stages.seconds('encoding') + stages.seconds('flushing'))}`] : []
  lines.push(line('encoded', [...speed, ...ratios].join(', ')))
  const nothingDone = encoded.encoded === 0 && overall === 'right'
  if (nothingDone) lines.push(line('complete', 'it was all there, and is verified: nothing was left to do'))
  else if (kept > 0) lines.push(line('kept', `${formatNumberOf(kept, 'unit')} of an earlier run, verified`))
  for (const what of mended.slice(0, listed)) lines.push(line('mended', shownName(what)))
  if (overall === 'replaced') lines.push(line('mended', `${shownPath(file)}: it was not the file over these shards`))
  if (missing.length > 0) lines.push(line('missing', missingLine(missing, units, shares)))
  return lines
}

/** `tokenizer`: what the text was taken for; one of BPE takes it in words. */
export function reportText(text: TextReport, tokenizer?: NativeTokenizer): string[] {
  const lines = [
    line('text', `${formatNumberOf(text.files, 'file')}, ${formatBytes(text.bytes)}`),
    line('dropped', `${formatNumberOf(text.invalidBytes, 'byte')} not UTF-8`),
  ]
  if (tokenizer?.kind === 'bpe') {
    lines.push(line('cut', `${formatNumberOf(text.cutPieces, 'word')} longer than 1 MiB`))
  }
  return lines
}

/** Files without text, and those that --skip-bad left out, with the reasons. */
export function reportInputs({ files, skipped }: Inputs): string[] {
  const empty = files.filter(({ size }) => size === 0).length
  const lines = empty > 0 ? [line('empty', formatNumberOf(empty, 'file'))] : []
  if (skipped.length === 0) return lines
  lines.push(line('skipped', formatNumberOf(skipped.length, 'file')))
  for (const { name, reason } of skipped.slice(0, listed)) lines.push(line('', `${shownName(name)} ${reason}`))
  if (skipped.length > listed) lines.push(line('', `and ${formatNumberOf(skipped.length - listed, 'more file')}`))
  return lines
}

export function textOf({ totals }: Encoded, inputs: Inputs): TextReport {
  const { bytes, invalidBytes, cutPieces } = totals
  return { files: inputs.files.length, bytes, invalidBytes, cutPieces }
}

/** Nothing when all took no time. */
export function reportTime(stages: Stages): string[] {
  const text = stages.toString()
  return text === '' ? [] : [line('time', text)]
}
