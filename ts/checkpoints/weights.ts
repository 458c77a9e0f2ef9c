/** Which weights a path means: those of a run, of a saved state, of an exported folder, or a safetensors file. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { AotError } from '../errors.js'
import { ioError } from './durable.js'
import { readHeader, type SafetensorsHeader, withReading } from './safetensors.js'
import { type Checkpoint, readCheckpoint } from './store.js'

export const weightsName = 'model.safetensors'

export interface Weights {
  file: string
  /** Verified. null for weights that are no checkpoint: there is nothing to verify them by. */
  checkpoint: Checkpoint | null
  header: SafetensorsHeader
}

/** The folder that state/latest names, for a run folder and for its state folder; else the folder itself. */
function stateOf(folder: string): string {
  for (const state of [join(folder, 'state'), folder]) {
    const latest = join(state, 'latest')
    if (!existsSync(latest)) continue
    const text = readFileSync(latest, 'utf8')
    if (/^\d+\n?$/.test(text)) return join(state, text.trim())
    throw new AotError('AOT_DATA', `${latest} is damaged: name one of the folders beside it`)
  }
  if (existsSync(join(folder, 'state', 'backups'))) {
    throw new AotError('AOT_IO', 'the run has no saved state yet: name another, or let it save one')
  }
  return folder
}

/**
 * AOT_IO when there are none or they cannot be read, AOT_DATA when they are not what was saved. Messages say what is wrong
 * with `path`, which they leave to the caller to name.
 */
export async function findWeights(path: string): Promise<Weights> {
  const isFile = existsSync(path) && statSync(path).isFile()
  const folder = isFile ? dirname(path) : stateOf(path)
  const file = isFile ? path : join(folder, weightsName)
  if (!existsSync(file)) {
    throw new AotError(
      'AOT_IO',
      `there is no ${file}: name a run folder, a folder of its state, an exported folder or a safetensors file`,
    )
  }
  const isCheckpoint = basename(file) === weightsName && existsSync(join(folder, 'trainer.json'))
  const checkpoint = isCheckpoint ? await readCheckpoint(folder) : null
  return { file, checkpoint, header: await withReading(file, (open) => readHeader(file, open)) }
}

/** The kind of model that the weights are of, by their metadata or the config.json beside them; null when neither says. */
export function modelOf({ file, header }: Weights): string | null {
  if (header.metadata.model !== undefined) return header.metadata.model
  const config = join(dirname(file), 'config.json')
  if (!existsSync(config)) return null
  try {
    const { model } = JSON.parse(readFileSync(config, 'utf8'))
    return typeof model === 'string' ? model : null
  } catch (error) {
    // Of another program, maybe.
    if (error instanceof SyntaxError) return null
    throw ioError('read', config, error)
  }
}
