/** A saved state as a folder for other programs: plain weights, the config, the tokenizer. */
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { copyFile, mkdir, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { ioError, makeFolder, removeEmpty, renameAndSync, syncPath, writeAndSync } from '../checkpoints/durable.js'
import { copyPlain, type SafetensorsHeader } from '../checkpoints/safetensors.js'
import { findWeights, weightsName } from '../checkpoints/weights.js'
import { AotError } from '../errors.js'
import { isOccupied } from '../tokenize/outputs.js'
import { runTokenizerFolder } from './run_tokenizer.js'

export interface Exported {
  folder: string
  step: number
  tensors: number
  parameters: number
  model: string
  /** Whether the run was found around the state: without it config.json holds the model alone. */
  runFolder: string | null
  tokenizer: boolean
}

/** The run of a state folder, <run>/state/<step> or <run>/state/backups/<step>. */
function runOf(state: string): string | null {
  const above = [dirname(dirname(state)), dirname(dirname(dirname(state)))]
  return above.find((folder) => existsSync(join(folder, 'state')) && existsSync(join(folder, 'config.json'))) ?? null
}

/** What config.json will hold: the run's own, or what the engine wrote of the model. */
function configText(runFolder: string | null, { metadata }: SafetensorsHeader): string {
  if (runFolder !== null) {
    const path = join(runFolder, 'config.json')
    try {
      const text = readFileSync(path, 'utf8')
      JSON.parse(text)
      return text
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw ioError('read', path, error)
      throw new AotError('AOT_DATA', `${path} is damaged: start the run once more, which writes it anew`)
    }
  }
  const { model, model_params: params = '{}' } = metadata
  return `${JSON.stringify({ model, model_params: JSON.parse(params) }, null, 2)}\n`
}

async function copyTokenizer(from: string, to: string): Promise<void> {
  try {
    await mkdir(to)
    for (const { name } of readdirSync(from, { withFileTypes: true }).filter((entry) => entry.isFile())) {
      await copyFile(join(from, name), join(to, name))
      await syncPath(join(to, name))
    }
  } catch (error) {
    throw ioError('copy the tokenizer to', to, error)
  }
  await syncPath(to)
}

/**
 * Writes the weights of a run's newest checkpoint, or of a state folder, to the new folder `target`: model.safetensors
 * with names and shapes as in the original's PyTorch state dict, config.json, and tokenizer/ when the run has one. The
 * folder appears whole or not at all. AOT_CONFIG when it is there already, AOT_DATA or AOT_IO when the checkpoint is not
 * as it was saved.
 */
export async function exportWeights(path: string, target: string, signal?: AbortSignal): Promise<Exported> {
  if (isOccupied(target)) throw new AotError('AOT_CONFIG', `${target} is there already: move it away, or name another`)
  const { file, checkpoint } = await findWeights(path)
  if (checkpoint === null) {
    throw new AotError(
      'AOT_DATA',
      `${path} is no run and no saved state (there is no trainer.json beside ${file}): name one of those`,
    )
  }
  const runFolder = runOf(realpathSync(checkpoint.folder))
  const made = await makeFolder(dirname(resolve(target))).catch((error) => {
    throw ioError('make the folder', dirname(resolve(target)), error)
  })
  const temporary = `${resolve(target)}.tmp`
  try {
    await rm(temporary, { recursive: true, force: true })
    await mkdir(temporary).catch((error) => {
      throw ioError('make the folder', temporary, error)
    })
    const header = await copyPlain(file, join(temporary, weightsName), signal)
    await writeAndSync(join(temporary, 'config.json'), configText(runFolder, header))
    const own = runFolder === null ? null : runTokenizerFolder(runFolder)
    const tokenizer = own !== null && existsSync(join(own, 'tokenizer.json')) ? own : null
    if (tokenizer !== null) await copyTokenizer(tokenizer, join(temporary, 'tokenizer'))
    await syncPath(temporary)
    signal?.throwIfAborted()
    await renameAndSync(temporary, resolve(target))
    const sizes = [...header.tensors.values()].map(({ shape }) => shape.reduce((a, b) => a * b, 1))
    return {
      folder: target,
      step: checkpoint.step,
      tensors: sizes.length,
      parameters: sizes.reduce((a, b) => a + b, 0),
      model: header.metadata.model ?? 'of unknown kind',
      runFolder,
      tokenizer: tokenizer !== null,
    }
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => {})
    await removeEmpty(made)
    throw error
  }
}
