/** A small run on a made-up text in a folder of its own, for the tests of the loop. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { loadConfigFile } from '../../ts/config/load.js'
import { resolveRun } from '../../ts/config/resolve.js'
import type { ResolvedRun, RunOptions } from '../../ts/config/types.js'
import { native } from '../../ts/native.js'

export const plain: RunOptions = { noStepPickup: false, cooldownNow: false }

export function temporaryFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'aot-train-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Bytes 97 to 122, repeating only after long. */
export function madeUpText(length: number): Buffer {
  let state = 12345
  return Buffer.from(
    Array.from({ length }, () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      return 97 + ((state >>> 16) % 26)
    }),
  )
}

export type Settings = Record<string, number | string | boolean | null | number[]>

/** `settings` by name of training_params, or as `optim_params.x`, `model_params.x`, `seed`. */
export function makeRun(folder: string, settings: Settings = {}, runName = 'run'): ResolvedRun {
  const config: Record<string, Record<string, unknown> | unknown> & {
    model_params: Record<string, unknown>
    training_params: Record<string, unknown>
    optim_params: Record<string, unknown>
  } = {
    model_params: { vocab_size: 256, n_layers: 1, n_heads: 1, embed_dim: 8, attn_length: 8 },
    training_params: {
      dataset_folder: join(folder, 'text.h5'),
      tokenizer_path: null,
      batch_size: 2,
      aggregate: 2,
      backwards: false,
      steps_to_train: 60,
      save_every: 10,
      backup_every: null,
      step_log: 4,
      valid_steps: 1,
      save_loc: join(folder, 'runs'),
    },
    optim_params: { lr: 0.01, warmup_steps: 5 },
  }
  for (const [key, value] of Object.entries(settings)) {
    const [section, name] = key.split('.') as [string, string | undefined]
    if (name !== undefined) (config[section] as Record<string, unknown>)[name] = value
    else if (['seed', 'split', 'precision', 'model'].includes(key)) config[key] = value
    else config.training_params[key] = value
  }
  if (config.model === 'gru' || config.model === 'lstm') delete config.model_params.n_heads
  // A file a process: a child may read its own while another is written.
  const configPath = join(folder, `config-${process.pid}.json`)
  writeFileSync(configPath, JSON.stringify(config))
  return resolveRun(loadConfigFile(configPath, []), { configPath, projectName: 'project', runName, device: 'cpu' })
}

/** A folder with a dataset, as the stand-ins read it. */
export function folderWithText(t: ExecutionContext, length = 2000): string {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'text.h5'), madeUpText(length))
  return folder
}

/** A tokenizer folder with the vocabulary of one character a byte. */
export function writeTokenizer(folder: string, vocabSize: number): string {
  const path = join(folder, 'tokenizer')
  mkdirSync(path, { recursive: true })
  const vocab = Object.fromEntries(Array.from({ length: vocabSize }, (_, i) => [String.fromCodePoint(0x100 + i), i]))
  writeFileSync(join(path, 'tokenizer.json'), JSON.stringify({ model: { vocab }, added_tokens: [] }))
  return path
}

export type Line = Record<string, unknown> & { step: number }

export function readLines(runFolder: string, name = 'metrics.jsonl'): Line[] {
  return readFileSync(join(runFolder, name), 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))
}

/** What must be equal between a broken run and an unbroken one. */
export function comparable(runFolder: string) {
  const metrics = readLines(runFolder).map(({ time, tokens_per_s, ...rest }) => rest as Line)
  const state = join(runFolder, 'state', readFileSync(join(runFolder, 'state', 'latest'), 'utf8').trim())
  return {
    metrics,
    samples: readFileSync(join(runFolder, 'samples.jsonl'), 'utf8'),
    validWindows: readFileSync(join(runFolder, 'valid_windows.jsonl'), 'utf8'),
    model: readFileSync(join(state, 'model.safetensors'), 'base64'),
    optimizer: readFileSync(join(state, 'optimizer.safetensors'), 'base64'),
  }
}

/** Names in the state folder, sorted; none where a run was killed before it made one. */
export function stateNames(runFolder: string): string[] {
  const state = join(runFolder, 'state')
  return existsSync(state) ? readdirSync(state).sort() : []
}

/** Words that follow each other by rules, so that a model can learn something. */
export function madeUpWords(words: number): string {
  const roots = ['time', 'arrow', 'past', 'future', 'word', 'loss', 'model', 'light', 'house', 'river', 'stone', 'écho']
  let state = 99
  let text = ''
  for (let i = 0; i < words; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    text += `${i % 3 === 2 ? 'of ' : ''}${roots[(i * 5 + ((state >>> 16) % 3)) % roots.length]}${state >>> 29 === 0 ? '.\n' : ' '}`
  }
  return text
}

/** A folder with a tokenizer of `vocabSize` ids and text.h5, made by the real tokenizer; gives the settings that name them. */
export async function realDataset(
  t: ExecutionContext,
  vocabSize: number,
): Promise<{ folder: string; settings: Settings }> {
  const folder = temporaryFolder(t)
  const files = [join(folder, 'text.txt')]
  writeFileSync(files[0] as string, madeUpWords(4000))
  const control = () => ({ progress: new Float64Array(4), stop: new Int32Array(1) })
  const { tokenizer } = await native.trainFiles(files, { vocabSize, threads: 1 }, control())
  const tokenizer_path = join(folder, 'tokenizer')
  mkdirSync(tokenizer_path)
  await tokenizer.save(tokenizer_path)
  await native.encodeFiles(tokenizer, files, join(folder, 'text.h5'), { threads: 1, dtype: 'auto' }, control())
  return { folder, settings: { tokenizer_path, 'model_params.vocab_size': vocabSize } }
}
