/** Made-up run folders, and what readRun() gives of them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { type RunRecord, readRun } from '../../ts/arrow/read_run.js'
import { parseConfig } from '../../ts/config/load.js'
import { resolveRun } from '../../ts/config/resolve.js'
import type { ResolvedRun } from '../../ts/config/types.js'
import { ValidWindowsJsonl } from '../../ts/logging/valid_windows_jsonl.js'
import { configHash, fixedKeys } from '../../ts/train/state.js'

export function temporaryFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'aot-arrow-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export interface MadeRun {
  /** Of training_params, or with their section before a dot, or of the config's top. */
  settings?: Record<string, unknown>
  /** Windows of 4 tokens, which lie side by side. */
  windows?: number[]
  /** Mean loss of each window, and bits per byte, at each validation. */
  valid: { step: number; losses: number[]; bitsPerByte?: number }[]
  keepsWindows?: boolean
  /** Minibatches that the checkpoint is at, of how many; null: none yet. */
  saved?: { step: number; of: number } | null
  fingerprint?: string
}

const sections = ['model_params', 'optim_params']

function configOf(settings: Record<string, unknown>): Record<string, unknown> {
  const config: Record<string, Record<string, unknown>> = {
    model_params: { vocab_size: 50, n_layers: 1, n_heads: 1, embed_dim: 4, attn_length: 4 },
    training_params: { dataset_folder: 'text.h5', batch_size: 8, stride: 4, valid_steps: 4, backwards: false },
    optim_params: { lr: 0.01, warmup_steps: 5 },
  }
  const top: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(settings)) {
    const [section, name] = key.split('.') as [string, string | undefined]
    if (name !== undefined && sections.includes(section)) (config[section] as Record<string, unknown>)[name] = value
    else if (['seed', 'model', 'precision', 'split', 'logging'].includes(key)) top[key] = value
    else (config.training_params as Record<string, unknown>)[key] = value
  }
  return { ...top, ...config }
}

/** A state that says of the run what a trainer would. */
function writeState(folder: string, run: ResolvedRun, { saved, fingerprint, valid }: MadeRun): void {
  const { step, of } = saved as { step: number; of: number }
  const state = {
    ...{ optimizer_steps: step, samples: 8 * step, tokens: 32 * step, loss_sum: 0, loss_count: 0 },
    ...{ lr: 0.01, grad_norm: 1, validated_step: valid.findLast((one) => one.step <= step)?.step ?? 0 },
    ...{ metrics_bytes: 0, samples_bytes: 0 },
    plan: {
      ...{ steps: of, cooldownStart: of, cooldownSteps: 0, cooldownNow: false },
      wanted: { stepsToTrain: of, cooldownFinish: 0 },
    },
    dataset: { tokens: 1000, fingerprint: fingerprint ?? 'abc', maxId: 49 },
    fixed: fixedKeys(run),
    config_sha256: configHash(run),
  }
  const place = join(folder, 'state', String(step))
  mkdirSync(place, { recursive: true })
  writeFileSync(join(place, 'trainer.json'), JSON.stringify({ format: 1, step, state, files: {}, sha256: '' }))
  const header = JSON.stringify({
    __metadata__: { format: 'pt' },
    a: { dtype: 'F32', shape: [3, 5], data_offsets: [0, 60] },
    b: { dtype: 'F32', shape: [2], data_offsets: [60, 68] },
  })
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  writeFileSync(join(place, 'model.safetensors'), Buffer.concat([length, Buffer.from(header), Buffer.alloc(68)]))
}

const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

/** Writes the folder as a training run does: a line of training before each validation, with twice its loss. */
export function makeRunFolder(parent: string, name: string, made: MadeRun): string {
  const folder = join(parent, name)
  mkdirSync(folder, { recursive: true })
  const { config } = parseConfig(JSON.stringify(configOf({ precision: 'fp32', ...made.settings })), 'made up')
  const text = `${JSON.stringify(config, null, 2)}\n`
  writeFileSync(join(folder, 'config.json'), text)
  const run = resolveRun(
    { config: parseConfig(text, 'made up').config, given: new Set(), notes: [] },
    { configPath: 'config.json', device: 'cpu' },
  )
  const lines = made.valid.flatMap(({ step, losses, bitsPerByte }, i) => {
    const place = { step, epochs: step / 100, ksamples: step / 125, time: 1700000000 + Math.random() * 1000 }
    const loss = meanOf(losses)
    const bits = bitsPerByte === undefined ? {} : { 'bits_per_byte/valid': bitsPerByte }
    return [
      { ...place, 'loss/train_step': 2 * loss, lr: 0.01, tokens_per_s: 100 * Math.random() },
      { ...place, 'loss/valid': loss, ...bits, 'loss/valid_by_position': [0, 1, 2, 3].map((p) => loss + p + i) },
    ]
  })
  writeFileSync(join(folder, 'metrics.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  if (made.keepsWindows !== false) {
    const file = new ValidWindowsJsonl(folder, { step: 0, bytes: 0 })
    for (const { step, losses } of made.valid) {
      const numbers = made.windows ?? losses.map((_, i) => i)
      file.valid(step, Float64Array.from(losses), Float64Array.from(numbers))
    }
    file.close()
  }
  if (made.saved !== undefined && made.saved !== null) writeState(folder, run, made)
  return folder
}

export function makeRecord(parent: string, name: string, made: MadeRun): RunRecord {
  return readRun(makeRunFolder(parent, name, made))
}
