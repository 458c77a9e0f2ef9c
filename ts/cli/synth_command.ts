/** What aot-synth does: makes the folder, with a config beside the data, and says what is in it. */
import { existsSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFile } from '../checkpoints/durable.js'
import type { JsonObject } from '../config/jsonc.js'
import { parseConfig } from '../config/load.js'
import { fillFromSynth } from '../config/synth_fill.js'
import { AotError } from '../errors.js'
import { ensureFolder, synthData } from '../synth/ensure.js'
import type { SynthData } from '../synth/folder.js'
import { counted } from '../synth/language.js'
import { isRecordOf, readRecord, type WholeRecord } from '../synth/record.js'
import { stopOnSignals } from './command.js'
import type { SynthArguments } from './synth_arguments.js'

export async function synthCommand({ section, folder, perWindow, force }: SynthArguments): Promise<void> {
  const data = synthData(section, perWindow)
  const configPath = join(folder, 'config.json')
  const config = configOf(folder, data, configPath)
  if (!force) refuseOthers(folder, data)
  const signal = stopOnSignals('aot-synth', 'nothing unfinished is taken for whole')
  try {
    // Before the data: what a kill leaves is then made whole with a config of its own, not with that of other data.
    if (force && readRecord(folder) !== null) await rm(configPath, { force: true })
    const print = (line: string) => process.stderr.write(`aot-synth: ${line}\n`)
    const { record, made } = await ensureFolder(folder, data, { print, signal })
    if (!existsSync(configPath)) await replaceFile(configPath, `${JSON.stringify(config, null, 2)}\n`)
    process.stdout.write(`${report(folder, perWindow, record, made).join('\n')}\n`)
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

function refuseOthers(folder: string, { section, attnLength }: SynthData): void {
  const record = readRecord(folder)
  if (record?.state !== 'whole' || isRecordOf(record, section, attnLength)) return
  throw new AotError(
    'AOT_CONFIG',
    `${folder} holds ${record.section.language} with other options: name another folder, or replace it with --force`,
  )
}

/** What the language decides, and a small model with a training that suits it. */
function configOf(folder: string, { section, attnLength }: SynthData, path: string): JsonObject {
  const config = {
    model: 'gpt',
    synth: section,
    model_params: { n_layers: 2, n_heads: 4, embed_dim: 64, attn_length: attnLength, dropout: 0 },
    training_params: {
      dataset_folder: folder,
      batch_size: 64,
      backwards: false,
      steps_to_train: 8000,
      save_every: 2000,
      backup_every: null,
      step_log: 100,
    },
    optim_params: { lr: 0.003, warmup_steps: 50 },
  }
  parseConfig(JSON.stringify(config), path) // says what cannot be
  return fillFromSynth(config, section, [])
}

function report(folder: string, perWindow: number, record: WholeRecord, made: boolean): string[] {
  const bytes = statSync(join(folder, 'tokens.h5')).size
  const [fact, ...facts] = record.facts
  return [
    `${made ? 'made       ' : 'there      '} ${folder}: ${counted(record.tokens, 'token')}, ${(bytes / 1e6).toFixed(1)} MB`,
    `language    ${record.section.language}: ${fact}`,
    ...facts.map((one) => `            ${one}`),
    `window      ${counted(record.attn_length, 'token')}, ${counted(perWindow, 'example')}`,
    `floor       ${record.floor.toFixed(4)} nats per token, in any order`,
    `next        npx aot-arrow ${join(folder, 'config.json')}`,
  ]
}
