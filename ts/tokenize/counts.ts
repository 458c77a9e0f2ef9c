/**
 * From a corpus to a tokenizer. What is counted of a large corpus is kept in `<tokenizer folder>.counts/`, unit by unit, until
 * the tokenizer is saved: a restart counts what is missing.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { removeEmpty } from '../checkpoints/durable.js'
import { AotError } from '../errors.js'
import { formatNumberOf } from '../logging/amounts.js'
import { type NativeTokenizer, native, type TextReport, type TrainFilesResult } from '../native.js'
import type { NativeUnit } from '../native_units.js'
import { unitFile } from './entries.js'
import { type Inputs, lookAgain } from './inputs.js'
import { newControl, runJob } from './job.js'
import { lockAll } from './locks.js'
import { hasManifest, type Manifest, readManifest, writeManifest } from './manifest.js'
import { makeOutputFolder } from './outputs.js'
import { defaultUnitBytes, evenCuts, unitBytes } from './plan.js'
import { compareWithPlan, makePlan, unitsOf, type WorkRequest } from './planning.js'
import { removeFolderOfWork, removeStale, removeWork } from './shard_files.js'
import { shownPath } from './shown.js'
import { Stages } from './stages.js'
import { type NewTokenizer, saveTrained } from './tokenizers.js'
import { Stopped, type WorkOptions } from './work_options.js'

export interface TrainOptions extends WorkOptions {
  /** Default: that of the plan, or by the size of the corpus. */
  unitBytes?: number | undefined
  /** Counts anew, whatever is there. */
  force?: boolean | undefined
}

export interface Trained {
  tokenizer: NativeTokenizer
  folder: string
  text: TextReport
  /** Distinct words, or characters, and their occurrences. */
  words: number
  occurrences: number
  /** Bytes of text counted now. */
  bytesNow: number
  stages: Stages
}

const afterReading = 'learning merges'
const cureOf = (folder: string) => `delete ${shownPath(folder)}, or start anew with --force`

/**
 * Trains a tokenizer on the corpus and saves it in `folder`, or goes on where an earlier run was stopped. @throws AotError
 * AOT_CONFIG when that was of other text, or while another process is at it; AOT_DATA when the text changes; Stopped.
 */
export async function trainTokenizer(
  inputs: Inputs,
  folder: string,
  tokenizer: NewTokenizer,
  options: TrainOptions = {},
): Promise<Trained> {
  const counts = `${folder}.counts`
  const sizes = inputs.files.map(({ size }) => size)
  const oneUnit = evenCuts(sizes, options.unitBytes ?? defaultUnitBytes(inputs.bytes)).length === 0
  const stages = new Stages()
  const save = (trained: NativeTokenizer) => saveTrained(trained, folder, inputs, tokenizer)
  const result =
    oneUnit && !hasManifest(counts)
      ? await trainInMemory(inputs, tokenizer, options, stages, save)
      : await new Counting(inputs, counts, tokenizer, options, stages).run(save)
  return { ...result, text: { ...result.text, files: inputs.files.length }, folder, stages }
}

/** What a process left that was killed after it had saved the tokenizer; of no more use, unless one is at work there. */
export function removeLeftCounts(folder: string): void {
  const counts = `${folder}.counts`
  if (!existsSync(counts)) return
  let release: () => void
  try {
    release = lockAll(counts, shownPath(counts))
  } catch {
    return
  }
  removeFolderOfWork(counts)
  release()
}

type Counted = TrainFilesResult & { bytesNow: number }

async function trainInMemory(
  inputs: Inputs,
  tokenizer: NewTokenizer,
  options: TrainOptions,
  stages: Stages,
  save: (trained: NativeTokenizer) => Promise<void>,
): Promise<Counted> {
  const threads = options.threads ?? native.availableCores()
  const files = inputs.files.map(({ path }) => path)
  const { signal, progress } = options
  const { result, seconds, secondsAfterReading } = await (tokenizer.kind === 'bpe'
    ? runJob({ label: 'training the tokenizer', afterReading, signal, progress }, (control) =>
        native.trainFiles(files, { vocabSize: tokenizer.vocabSize, threads }, control),
      )
    : runJob({ label: 'collecting the characters', signal, progress }, (control) =>
        native.trainCharFiles(files, { unknown: tokenizer.unknown, threads }, control),
      )
  ).catch((error: unknown) => {
    throw signal?.aborted ? new Stopped('nothing unfinished was left behind') : error
  })
  stages.add('counting', seconds - secondsAfterReading)
  if (tokenizer.kind === 'bpe') stages.add('learning merges', secondsAfterReading)
  await lookAgain(inputs, 'leave the text alone and run the command again')
  await save(result.tokenizer)
  return { ...result, bytesNow: inputs.bytes }
}

/** The counting of a corpus of several units, under its lock. */
class Counting {
  constructor(
    readonly inputs: Inputs,
    readonly counts: string,
    readonly tokenizer: NewTokenizer,
    readonly options: TrainOptions,
    readonly stages: Stages,
  ) {}

  get #threads(): number {
    return this.options.threads ?? native.availableCores()
  }

  async run(save: (trained: NativeTokenizer) => Promise<void>): Promise<Counted> {
    const { counts, options } = this
    const made = await makeOutputFolder(counts)
    let release: (() => void) | undefined
    try {
      release = lockAll(counts, shownPath(counts))
      if (options.force) removeWork(counts)
      const counted = await this.#work()
      await save(counted.tokenizer)
      removeFolderOfWork(counts)
      return counted
    } catch (error) {
      if (release === undefined) throw error
      throw await this.#explained(error)
    } finally {
      release?.()
      await removeEmpty(made.filter((folder) => existsSync(folder)))
    }
  }

  #path(unit: NativeUnit): string {
    return join(this.counts, unitFile(unit.number, 'counts'))
  }

  async #plan(): Promise<Manifest> {
    const { inputs, counts, options } = this
    const work = { kind: this.tokenizer.kind === 'bpe' ? ('words' as const) : ('characters' as const) }
    const request: WorkRequest = { inputs, unitBytes: options.unitBytes, work, tokenizer: null, options }
    if (!hasManifest(counts)) {
      const manifest = await makePlan(request)
      options.signal?.throwIfAborted()
      await writeManifest(counts, manifest)
      return manifest
    }
    const manifest = readManifest(counts)
    const begun = `the counts in ${shownPath(counts)} were begun on other text or with other options`
    // Counts do not say which bytes they are of: a file with another time may be another text.
    if (compareWithPlan(manifest, request, begun, cureOf(counts)).timesDiffer) {
      throw new AotError('AOT_CONFIG', `${begun}, and files have been changed since: ${cureOf(counts)}`)
    }
    return manifest
  }

  /** Units whose counts are there and whole. */
  async #counted(manifest: Manifest, units: NativeUnit[]): Promise<Set<number>> {
    const whole = new Set<number>()
    for (const unit of units) {
      if (!existsSync(this.#path(unit))) continue
      try {
        const { unit: number, text } = await native.checkCounts(this.#path(unit), manifest.plan)
        if (number === unit.number && text.bytes === unitBytes(unit)) whole.add(number)
      } catch (error) {
        if (!(error instanceof AotError && error.code === 'AOT_DATA')) throw error
      }
    }
    return whole
  }

  async #work(): Promise<Counted> {
    const { inputs, counts, tokenizer, stages } = this
    const { signal, progress } = this.options
    const manifest = await stages.time('planning', () => this.#plan())
    const units = unitsOf(manifest, inputs)
    removeStale(counts, () => true)
    const whole = await stages.time('verifying', () => this.#counted(manifest, units))
    const bytesOf = (list: NativeUnit[]) => list.reduce((sum, unit) => sum + unitBytes(unit), 0)
    const missing = units.filter(({ number }) => !whole.has(number))
    const bytesNow = bytesOf(missing)
    const kind = tokenizer.kind === 'bpe' ? ('words' as const) : ('characters' as const)
    const { plan } = manifest
    const before = { bytes: inputs.bytes - bytesNow, tokens: 0, words: 0 }
    const label = tokenizer.kind === 'bpe' ? 'training the tokenizer' : 'collecting the characters'
    const job = { label, afterReading, total: inputs.bytes, before, signal, progress }
    const { result, seconds, secondsAfterReading } = await runJob(job, async (control) => {
      if (missing.length > 0) {
        await native.countUnits(missing, { folder: counts, plan, threads: this.#threads, kind }, control)
        await lookAgain(inputs, `leave the text alone, and ${cureOf(counts)}`)
      }
      const paths = units.map((unit) => this.#path(unit))
      // The bytes are those of the text: reading the counts is none of them.
      const learning = { ...newControl(), stop: control.stop }
      return tokenizer.kind === 'bpe'
        ? native.trainCounts(paths, { plan, vocabSize: tokenizer.vocabSize }, learning)
        : native.trainCharCounts(paths, { plan, unknown: tokenizer.unknown }, learning)
    })
    stages.add('counting', seconds - secondsAfterReading)
    stages.add('learning merges', secondsAfterReading)
    return { ...result, bytesNow }
  }

  /** The error with what is left of the work; where that is nothing, its plan goes too. */
  async #explained(error: unknown): Promise<unknown> {
    const stopped = this.options.signal?.aborted ?? false
    const nothing = stopped ? new Stopped('nothing unfinished was left behind') : error
    if (!hasManifest(this.counts)) {
      removeFolderOfWork(this.counts)
      return nothing
    }
    const refused = error instanceof AotError && /^AOT_(CONFIG|DATA)$/.test(error.code)
    if (refused && !stopped) return error
    const manifest = readManifest(this.counts)
    const units = unitsOf(manifest, this.inputs)
    const counted = units.filter((unit) => existsSync(this.#path(unit))).length
    if (counted === 0) {
      removeFolderOfWork(this.counts)
      return nothing
    }
    const again = this.options.force ? 'without --force, to continue' : 'to continue'
    const left = `${counted} of ${formatNumberOf(units.length, 'unit')} are counted: run the same command again ${again}`
    if (stopped) return new Stopped(left)
    return error instanceof AotError ? new AotError(error.code, `${error.message}; ${left}`) : error
  }
}
