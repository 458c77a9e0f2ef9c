/** Whether an output is what its plan says: the plan, the entries, every shard, the file over them, the ids in it. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { AotError } from '../errors.js'
import { formatNumberOf } from '../logging/amounts.js'
import { native } from '../native.js'
import type { NativeUnit } from '../native_units.js'
import { type Entry, type EntryTotals, readEntry, shardOf, totalsOf } from './entries.js'
import { runJob } from './job.js'
import { lockAll, type Release, sharesSeen } from './locks.js'
import { hasManifest, type Manifest, readManifest } from './manifest.js'
import { type OutputPlace, outputPlace } from './outputs.js'
import { unitsBetween } from './plan.js'
import { writeOverall } from './shard_files.js'
import { shellWord, shownPath } from './shown.js'
import type { WorkOptions } from './work_options.js'

export interface Verified {
  /** Null for a token file without a plan beside it: then it was read through, and that is all. */
  manifest: Manifest | null
  units: number
  totals: EntryTotals
  /** The largest id; null when the file cannot be opened. */
  maxId: number | null
  /** The file over all shards was missing or another and is written now. */
  written: boolean
  /** What is wrong, one line each, with the command that mends it at the end. */
  problems: string[]
}

/** The files of a plan where they were when it was made. */
function plannedFiles({ corpus }: Manifest): { path: string; size: number }[] {
  const first = corpus.files[0]?.name
  // A corpus that is one file has the name without its .txt.
  const oneFile = corpus.files.length === 1 && !existsSync(join(corpus.path, first as string))
  const folder = oneFile ? dirname(corpus.path) : corpus.path
  return corpus.files.map(({ name, size }) => ({ path: join(folder, name), size }))
}

/** The command that does what is missing. */
export function commandFor(manifest: Manifest, place: OutputPlace): string {
  const { corpus, work, unit_bytes: unit } = manifest
  if (work.kind !== 'tokens') throw new AotError('AOT_INTERNAL', `a plan of ${work.kind} has no tokens`)
  const [first] = plannedFiles(manifest)
  const path = corpus.files.length === 1 && first?.path === `${corpus.path}.txt` ? first.path : corpus.path
  const words = ['aot-tokenize', 'encode', path, '--tokenizer', work.tokenizer.path, '--out', place.file]
  words.push(
    '--dtype',
    work.dtype,
    '--unit-size',
    String(unit / 1024 === Math.floor(unit / 1024) ? `${unit / 1024}K` : unit),
  )
  if (corpus.skipped.length > 0) words.push('--skip-bad')
  return words.map(shellWord).join(' ')
}

/** `3 of 12 units are missing (00001, 00004, 00007; --shard 2/3 does them)` */
export function missingLine(missing: number[], units: number, shares: number[]): string {
  const named = missing.slice(0, 10).map((unit) => String(unit).padStart(5, '0'))
  if (missing.length > named.length) named.push('...')
  const of = shares.at(-1)
  const wanted = of === undefined ? [] : [...new Set(missing.map((unit) => (unit % of) + 1))].sort((a, b) => a - b)
  const by = wanted.length === 0 ? '' : `; done by --shard ${wanted.map((index) => `${index}/${of}`).join(', ')}`
  return `${missing.length} of ${formatNumberOf(units, 'unit')} missing: ${named.join(', ')}${by}`
}

/** By the entries alone. */
export function finishedUnits(place: OutputPlace, manifest: Manifest) {
  const units = unitsBetween(plannedFiles(manifest), manifest.cuts)
  const entries = units.flatMap((unit) => readEntry(place, manifest.plan, unit, units.length) ?? [])
  const there = new Set(entries.map(({ unit }) => unit))
  const missing = units.map(({ number }) => number).filter((unit) => !there.has(unit))
  return { units, entries, missing }
}

export interface VerifyOptions extends WorkOptions {
  /** The text too is read again and compared. */
  inputs?: boolean
}

/**
 * Reads everything of the output `path` (`books.h5`, which need not be there while shares are worked on). @throws AotError
 * when there is nothing to read, or while it is being written.
 */
export async function verify(path: string, options: VerifyOptions): Promise<Verified> {
  const place = outputPlace(resolve(path))
  if (!place.file.endsWith('.h5')) throw new AotError('AOT_CONFIG', `name a token file (.h5), not ${shownPath(path)}`)
  if (!hasManifest(place.shards)) return verifyAlone(place, options)
  const release = lockIfWritable(place)
  try {
    return await verifyPlanned(place, readManifest(place.shards), options, release !== null)
  } finally {
    release?.()
  }
}

/** Null where nothing can be written, and so no one else can work. */
function lockIfWritable(place: OutputPlace): Release | null {
  try {
    return lockAll(place.shards, shownPath(place.file))
  } catch (error) {
    if (error instanceof AotError && error.code === 'AOT_IO') return null
    throw error
  }
}

async function verifyAlone(place: OutputPlace, options: VerifyOptions): Promise<Verified> {
  if (options.inputs) {
    throw new AotError(
      'AOT_CONFIG',
      `${shownPath(place.shards)} has no manifest.json: nobody knows the text, leave --inputs`,
    )
  }
  const store = native.TokenStore.open(place.file)
  try {
    const totals = { ...totalsOf([]), tokens: store.length }
    return { manifest: null, units: 0, totals, maxId: await store.maxId(), written: false, problems: [] }
  } finally {
    store.close()
  }
}

async function verifyPlanned(
  place: OutputPlace,
  manifest: Manifest,
  options: VerifyOptions,
  writable: boolean,
): Promise<Verified> {
  const { work } = manifest
  if (work.kind !== 'tokens') {
    throw new AotError('AOT_CONFIG', `${shownPath(place.shards)} is a plan of ${work.kind}, not of tokens`)
  }
  const { units, entries, missing } = finishedUnits(place, manifest)
  const problems = await wrongShards(place, work.dtype, entries, options)
  if (options.inputs) problems.push(...(await wrongInputs(units, entries, options)))
  if (missing.length > 0) problems.push(missingLine(missing, units.length, sharesSeen(place.shards)))
  const totals = totalsOf(entries)
  let written = false
  let maxId: number | null = null
  if (problems.length === 0) {
    // The file over the shards knows their digests itself; that it is the very one is seen by writing it again.
    if (writable) written = (await writeOverall(place, entries, work.dtype, work.tokenizer.vocab_size)) !== 'right'
    const store = native.TokenStore.open(place.file)
    try {
      if (store.length !== totals.tokens) {
        problems.push(`${shownPath(place.file)} holds ${store.length} tokens, and the entries say ${totals.tokens}`)
      }
      maxId = await store.maxId()
    } finally {
      store.close()
    }
    if (maxId >= work.tokenizer.vocab_size) {
      problems.push(
        `the id ${maxId} is in it, and the tokenizer has ${work.tokenizer.vocab_size}: start anew with --force`,
      )
    }
  }
  if (problems.length > 0) problems.push(`to mend it: ${commandFor(manifest, place)}`)
  return { manifest, units: units.length, totals, maxId, written, problems }
}

async function wrongShards(
  place: OutputPlace,
  dtype: 'int32' | 'uint16',
  entries: Entry[],
  options: VerifyOptions,
): Promise<string[]> {
  const shards = entries.map((entry) => shardOf(place, entry))
  const total = shards.reduce((sum, { bytes }) => sum + bytes, 0)
  const threads = options.threads ?? native.availableCores()
  const { signal, progress } = options
  const { result } = await runJob({ label: 'verifying the shards', total, signal, progress }, (control) =>
    native.checkShards(place.folder, shards, { threads, dtype }, control),
  )
  return result.flatMap((wrong, index) => (wrong === null ? [] : `${shards[index]?.file}: ${wrong}`))
}

async function wrongInputs(units: NativeUnit[], entries: Entry[], options: VerifyOptions): Promise<string[]> {
  const finished = entries.map(({ unit }) => units[unit] as NativeUnit)
  const total = entries.reduce((sum, { text_bytes: bytes }) => sum + bytes, 0)
  const threads = options.threads ?? native.availableCores()
  const { signal, progress } = options
  const { result } = await runJob({ label: 'verifying the text', total, signal, progress }, (control) =>
    native.digestUnits(finished, { threads }, control),
  )
  return entries.flatMap(({ unit, input }, index) => {
    if (result[index] === input) return []
    const files = finished[index]?.stretches.map(({ file }) => shownPath(file)) ?? []
    const named = files.length > 1 ? `${files[0]} to ${files.at(-1)}` : files[0]
    return `the text of unit ${String(unit).padStart(5, '0')} (${named}) is another by now: the tokens are of what it was`
  })
}
