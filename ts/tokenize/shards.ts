/**
 * From a corpus and a tokenizer to a file of tokens, in work units: each becomes a shard, whole on the disk before its entry
 * says so. A restart checks what is there, does what is missing or wrong, and ends with the bytes of an unbroken run.
 */
import { existsSync } from 'node:fs'
import { removeEmpty } from '../checkpoints/durable.js'
import { AotError } from '../errors.js'
import { formatNumberOf } from '../logging/amounts.js'
import { type NativeTokenizer, native } from '../native.js'
import type { NativeUnit } from '../native_units.js'
import { type Entry, type EntryTotals, readEntry, shardOf, totalsOf } from './entries.js'
import { type Inputs, lookAgain } from './inputs.js'
import { runJob } from './job.js'
import { lockAll, lockShare, oneAtATime } from './locks.js'
import { hasManifest, type Manifest, readManifest, type Work, writeManifest } from './manifest.js'
import { makeOutputFolder, type OutputPlace, outputPlace } from './outputs.js'
import { isOfShare, type Share, unitBytes } from './plan.js'
import { compareWithPlan, makePlan, sameText, unitsOf, type WorkRequest } from './planning.js'
import {
  checkOutput,
  hasResults,
  removeFolderOfWork,
  removeOutput,
  removeStale,
  removeStaleFile,
  writeOverall,
} from './shard_files.js'
import { shownPath } from './shown.js'
import { Stages } from './stages.js'
import type { LoadedTokenizer } from './tokenizers.js'
import { Stopped, type WorkOptions } from './work_options.js'

export interface EncodeOptions extends WorkOptions {
  dtype?: 'auto' | 'int32' | 'uint16' | undefined
  /** Default: that of the plan, or by the size of the corpus. */
  unitBytes?: number | undefined
  /** Takes away what is there and starts anew. */
  force?: boolean | undefined
  /** Only these units. */
  share?: Share | undefined
}

export interface Encoded {
  file: string
  dtype: 'int32' | 'uint16'
  units: number
  /** Units that were there and right, of those asked for, and those encoded now. */
  kept: number
  encoded: number
  /** What was wrong with shards that were there: they were encoded again. */
  mended: string[]
  /** Units of other shares that are not there yet; empty: the output is whole. */
  missing: number[]
  /** What the file over all shards was, and is made now; null while units are missing. */
  overall: 'right' | 'written' | 'replaced' | null
  /** Of the units that are there. */
  totals: EntryTotals
  /** Bytes of text encoded now. */
  bytesNow: number
  stages: Stages
}

const cure = 'name another --out, or start anew with --force'

function dtypeFor(tokenizer: NativeTokenizer, asked: 'auto' | 'int32' | 'uint16'): 'int32' | 'uint16' {
  return asked !== 'auto' ? asked : tokenizer.vocabSize <= 65536 ? 'uint16' : 'int32'
}

export function workOfTokens(tokenizer: LoadedTokenizer, asked: 'auto' | 'int32' | 'uint16'): Work {
  const { folder, digest, native: loaded } = tokenizer
  return {
    kind: 'tokens',
    dtype: dtypeFor(loaded, asked),
    tokenizer: { path: folder, digest, vocab_size: loaded.vocabSize },
  }
}

const begunLine = (place: OutputPlace) => `${shownPath(place.file)} was begun from other text or with other options`

/**
 * Before a long training: whether the encoding after it could begin, or go on. @throws AotError as encodeCorpus would.
 */
export function checkBeforeTraining(inputs: Inputs, file: string, options: EncodeOptions): void {
  const place = outputPlace(file)
  checkOutput(place, options.force ?? false)
  if (options.force || !hasManifest(place.shards)) return
  const asked = { inputs, unitBytes: options.unitBytes, work: undefined }
  compareWithPlan(readManifest(place.shards), asked, begunLine(place), cure)
}

/** The work on one output, under its locks. */
class Encoding {
  readonly stages = new Stages()
  readonly #isMine: (unit: number) => boolean
  readonly mended: string[] = []

  constructor(
    readonly place: OutputPlace,
    readonly request: WorkRequest,
    readonly options: EncodeOptions,
  ) {
    const { share } = options
    this.#isMine = (unit) => share === undefined || isOfShare(unit, share)
  }

  get #threads(): number {
    return this.options.threads ?? native.availableCores()
  }

  /** Made now, or that of an earlier run, or of another share. */
  async plan(): Promise<{ manifest: Manifest; timesDiffer: boolean }> {
    const { place, request } = this
    if (hasManifest(place.shards)) {
      const manifest = readManifest(place.shards)
      return { manifest, ...compareWithPlan(manifest, request, begunLine(place), cure) }
    }
    const manifest = await makePlan(request)
    this.options.signal?.throwIfAborted()
    await writeManifest(place.shards, manifest)
    return { manifest, timesDiffer: false }
  }

  entriesOf(manifest: Manifest, units: NativeUnit[]): Map<number, Entry> {
    const found = new Map<number, Entry>()
    for (const unit of units) {
      const entry = readEntry(this.place, manifest.plan, unit, manifest.cuts.length + 1)
      if (entry !== null) found.set(unit.number, entry)
    }
    return found
  }

  /** Reads the shards of these entries whole, and drops the entries of those that are wrong. */
  async verify({ work }: Manifest, entries: Map<number, Entry>): Promise<void> {
    if (entries.size === 0 || work.kind !== 'tokens') return
    const { signal, progress } = this.options
    const list = [...entries.values()]
    const shards = list.map((entry) => shardOf(this.place, entry))
    const total = shards.reduce((sum, { bytes }) => sum + bytes, 0)
    const job = { label: 'verifying what is there', total, signal, progress }
    const { result, seconds } = await runJob(job, (control) =>
      native.checkShards(this.place.folder, shards, { threads: this.#threads, dtype: work.dtype }, control),
    )
    this.stages.add('verifying', seconds)
    for (const [index, wrong] of result.entries()) {
      if (wrong === null) continue
      this.mended.push(`${shards[index]?.file}: ${wrong}`)
      entries.delete((list[index] as Entry).unit)
    }
  }

  async encode(manifest: Manifest, units: NativeUnit[], kept: Map<number, Entry>): Promise<number> {
    const missing = units.filter(({ number }) => !kept.has(number))
    if (missing.length === 0) return 0
    const { place, options, request } = this
    const { work } = manifest
    if (work.kind !== 'tokens') throw new AotError('AOT_INTERNAL', `a plan of ${work.kind} is encoded`)
    const total = units.reduce((sum, unit) => sum + unitBytes(unit), 0)
    const job = { label: 'encoding', afterReading: 'flushing to disk', total, before: totalsOf(kept.values()) }
    const single = manifest.cuts.length === 0 ? place.file : null
    const native_ = { folder: place.shards, plan: manifest.plan, single, threads: this.#threads, dtype: work.dtype }
    const { signal, progress } = options
    const inWords = request.tokenizer?.kind === 'bpe'
    const { seconds, secondsAfterReading } = await runJob({ ...job, inWords, signal, progress }, (control) =>
      native.encodeUnits(request.tokenizer as NativeTokenizer, missing, native_, control),
    )
    this.stages.add('encoding', seconds - secondsAfterReading)
    this.stages.add('flushing', secondsAfterReading)
    await lookAgain(request.inputs, `leave the text alone, and ${cure}`)
    return missing.reduce((sum, unit) => sum + unitBytes(unit), 0)
  }

  async run(): Promise<Encoded> {
    const { place, options, request, stages } = this
    const { share, signal } = options
    const planning = () => this.plan()
    const { manifest, timesDiffer } = await stages.time('planning', () =>
      share === undefined ? planning() : oneAtATime(place.shards, shownPath(place.file), signal, planning),
    )
    const all = unitsOf(manifest, request.inputs)
    const mine = all.filter(({ number }) => this.#isMine(number))
    const kept = this.entriesOf(manifest, mine)
    if (timesDiffer) {
      const finished = mine.flatMap((unit) => {
        const input = kept.get(unit.number)?.input
        return input === undefined ? [] : [{ unit, input }]
      })
      await stages.time('verifying', () => sameText(manifest, request, finished, begunLine(place), cure))
    }
    removeStale(place.shards, this.#isMine)
    if (share === undefined) removeStaleFile(place.file)
    await this.verify(manifest, kept)
    const bytesNow = await this.encode(manifest, mine, kept)
    const finishing = () => this.finish(manifest, all)
    const { entries, missing, overall } = await (share === undefined
      ? finishing()
      : oneAtATime(place.shards, shownPath(place.file), signal, finishing))
    return {
      file: place.file,
      dtype: (manifest.work as { dtype: 'int32' | 'uint16' }).dtype,
      units: all.length,
      kept: kept.size,
      encoded: mine.length - kept.size,
      mended: this.mended,
      missing,
      overall,
      totals: totalsOf(entries.values()),
      bytesNow,
      stages,
    }
  }

  /** When all units are there, the file over them. */
  async finish(manifest: Manifest, all: NativeUnit[]) {
    const { work } = manifest
    const entries = this.entriesOf(manifest, all)
    const missing = all.map(({ number }) => number).filter((unit) => !entries.has(unit))
    if (missing.length === 0 && work.kind === 'tokens') {
      const list = [...entries.values()]
      if (totalsOf(list).tokens === 0) {
        removeOutput(this.place)
        throw noText(manifest)
      }
      const overall = await writeOverall(this.place, list, work.dtype, work.tokenizer.vocab_size)
      return { entries, missing, overall }
    }
    return { entries, missing, overall: null }
  }

  /** What is there of the units asked for, for people. */
  left(): { finished: number; units: number } | null {
    if (!hasManifest(this.place.shards)) return null
    const manifest = readManifest(this.place.shards)
    const mine = unitsOf(manifest, this.request.inputs).filter(({ number }) => this.#isMine(number))
    return { finished: this.entriesOf(manifest, mine).size, units: mine.length }
  }
}

function noText({ corpus }: Manifest): AotError {
  const holds = corpus.files.length === 1 ? 'the file holds' : 'the files hold'
  return new AotError(
    'AOT_DATA',
    `there is no text to tokenize: ${holds} none (only bytes that are not UTF-8); give files with UTF-8 text`,
  )
}

/**
 * Writes the tokens of the corpus, file after file with nothing between them, to the HDF5 file `file`, or goes on where an
 * earlier run was stopped. @throws AotError AOT_CONFIG when that was of other text, tokenizer or options, or while another
 * process is at it; AOT_DATA when the text changes meanwhile; Stopped.
 */
export async function encodeCorpus(
  inputs: Inputs,
  tokenizer: LoadedTokenizer,
  file: string,
  options: EncodeOptions = {},
): Promise<Encoded> {
  const place = outputPlace(file)
  const { share, force = false, unitBytes } = options
  const work = workOfTokens(tokenizer, options.dtype ?? 'auto')
  checkOutput(place, force)
  const made = await makeOutputFolder(place.shards)
  const encoding = new Encoding(place, { inputs, unitBytes, work, tokenizer: tokenizer.native, options }, options)
  let release: (() => void) | undefined
  try {
    const what = shownPath(file)
    release = share === undefined ? lockAll(place.shards, what) : lockShare(place.shards, what, share)
    if (force) removeOutput(place)
    return await encoding.run()
  } catch (error) {
    if (release === undefined) throw error
    const told = explained(error, encoding, options)
    if (share === undefined && !hasResults(place.shards)) removeFolderOfWork(place.shards)
    throw told
  } finally {
    release?.()
    await removeEmpty(made.filter((folder) => existsSync(folder)))
  }
}

/** The error with what is left of the work; where that is nothing, its plan goes too. */
function explained(error: unknown, encoding: Encoding, options: EncodeOptions): unknown {
  const stopped = options.signal?.aborted ?? false
  // A plan that is refused is none to go on with.
  const left = error instanceof AotError && /^AOT_(CONFIG|DATA)$/.test(error.code) && !stopped ? null : encoding.left()
  if (left !== null && left.finished > 0) {
    const again = `${left.finished} of ${formatNumberOf(left.units, 'unit')} are finished: run the same command again${options.force ? ', without --force,' : ''} to continue`
    if (stopped) return new Stopped(again)
    return error instanceof AotError ? new AotError(error.code, `${error.message}; ${again}`) : error
  }
  return stopped ? new Stopped('nothing unfinished was left behind') : error
}
