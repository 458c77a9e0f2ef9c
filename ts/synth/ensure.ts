/** The data of a config with a section `synth`: made where it is absent, or not what it should be. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ioError, makeFolder } from '../checkpoints/durable.js'
import type { Config } from '../config/schema.js'
import { AotError } from '../errors.js'
import { type NativeFileLock, native } from '../native.js'
import { makeSynth, type SynthData, wholeSynth } from './folder.js'
import { countsOf, languageOf } from './languages.js'
import { readRecord, recordName, type WholeRecord } from './record.js'

export interface EnsureOptions {
  /** Takes the lines for the user. */
  print?: ((line: string) => void) | undefined
  /** Aborted: no more is written, and what is there is not whole. */
  signal?: AbortSignal | undefined
}

const lockName = 'lock'

/**
 * Makes the data of the config's language in training_params.dataset_folder, if it is not there; nothing for a config
 * without a language. Of several processes one makes it, the others wait.
 * @throws AotError AOT_CONFIG when the folder holds something else; what `signal` was aborted with.
 */
export async function ensureSynth(
  config: Pick<Config, 'synth' | 'model_params' | 'training_params'>,
  options: EnsureOptions = {},
): Promise<void> {
  const { synth, model_params, training_params } = config
  if (synth === undefined) return
  const perWindow = model_params.attn_length / languageOf(synth).exampleLength
  await ensureFolder(training_params.dataset_folder, synthData(synth, perWindow), options)
}

export function synthData(section: NonNullable<Config['synth']>, perWindow: number): SynthData {
  const language = languageOf(section)
  const counts = countsOf(section, language, perWindow)
  return { section: { ...section, ...counts }, language, attnLength: perWindow * language.exampleLength }
}

/** `made`: whether it was not there before. */
export async function ensureFolder(
  folder: string,
  data: SynthData,
  { print = () => {}, signal }: EnsureOptions = {},
): Promise<{ record: WholeRecord; made: boolean }> {
  await makeFolder(folder).catch((error) => {
    throw ioError('make the folder', folder, error)
  })
  refuseOthers(folder)
  // Data that is whole needs no lock: it may lie where nothing can be written.
  const before = wholeSynth(folder, data)
  if (before !== null) return { record: before, made: false }
  const lock = await lockOf(folder, print, signal)
  try {
    const since = wholeSynth(folder, data)
    if (since !== null) return { record: since, made: false }
    const other = readRecord(folder)
    if (other?.state === 'whole')
      print(`${folder} holds other or damaged data of ${other.section.language}: it is made anew`)
    print(`making ${data.section.language} in ${folder}`)
    return { record: await makeSynth(folder, data, signal), made: true }
  } finally {
    lock.release()
  }
}

/** A folder without synth.json must be empty. */
function refuseOthers(folder: string): void {
  const others = readdirSync(folder).filter((name) => name !== lockName && !name.startsWith(`${recordName}.`))
  if (others.length === 0 || readRecord(folder) !== null) return
  throw new AotError(
    'AOT_CONFIG',
    `${folder} holds what aot-synth did not make (${others.slice(0, 3).join(', ')}${others.length > 3 ? ', ...' : ''}): name a new folder for the data, or empty this one`,
  )
}

async function lockOf(folder: string, print: (line: string) => void, signal?: AbortSignal): Promise<NativeFileLock> {
  for (let told = false; ; told = true) {
    signal?.throwIfAborted()
    try {
      return new native.FileLock(join(folder, lockName), {
        busy: `${folder} is being made by {holder}: waiting for it`,
      })
    } catch (error) {
      if (!(error instanceof AotError) || error.code !== 'AOT_CONFIG') throw error
      if (!told) print(error.message)
      await sleep(50)
    }
  }
}
