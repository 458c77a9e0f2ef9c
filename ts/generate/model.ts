/** What generates: the model of a run, its tokenizer and its direction, from any folder that holds them. */
import { existsSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { findWeights } from '../checkpoints/weights.js'
import { loadConfigFile } from '../config/load.js'
import { directionOf } from '../config/resolve.js'
import type { Direction } from '../config/types.js'
import { AotError } from '../errors.js'
import { type NativeTokenizer, native } from '../native.js'
import { Engine, type EngineOptions } from '../train/engine.js'
import { runOf } from '../train/export.js'
import { loadRunTokenizer, runTokenizerFolder } from '../train/run_tokenizer.js'

export interface RunModel {
  engine: Engine
  /** null when there is none to be found. */
  tokenizer: NativeTokenizer | null
  direction: Direction
  attnLength: number
  vocabSize: number
  /** Of the weights. */
  file: string
}

/**
 * Opens a run folder (its newest state), a state or backup of it, or a folder that aot-export wrote. States are verified.
 * @throws AotError for what is missing or damaged.
 */
export async function openRunModel(path: string, device: string): Promise<RunModel> {
  const { file, checkpoint } = await findWeights(path).catch((error) => {
    throw error instanceof AotError ? new AotError(error.code, `${path}: ${error.message}`) : error
  })
  const folder = checkpoint === null ? dirname(file) : runOf(realpathSync(checkpoint.folder))
  const configPath = folder === null ? null : join(folder, 'config.json')
  if (configPath === null || !existsSync(configPath)) {
    throw new AotError(
      'AOT_IO',
      `${path}: there is no config.json, which tells the direction: name a run folder, a state in it, or an exported folder`,
    )
  }
  const { config } = loadConfigFile(configPath, [])
  const direction = directionOf(config)
  const { model, model_params: params } = config
  const vocabSize = params.vocab_size + (direction.kind === 'fwbw' ? 2 : 0)
  const tokenizer = findTokenizer(dirname(configPath), config.training_params.tokenizer_path)
  return {
    tokenizer: tokenizer === null ? null : loadRunTokenizer(native.Tokenizer, tokenizer, params.vocab_size, direction),
    engine: await Engine.create({
      model,
      modelParams: { ...params, vocab_size: vocabSize },
      device,
      weights: file,
    } as EngineOptions),
    direction,
    attnLength: params.attn_length,
    vocabSize,
    file,
  }
}

/** The copy beside the config, else the folder that the config names, else none. */
function findTokenizer(folder: string, configured: string | null): string | null {
  const own = runTokenizerFolder(folder)
  return [own, configured].find((place) => place !== null && existsSync(place)) ?? null
}
