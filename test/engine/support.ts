/** What the engine's tests share: tiny models and batches. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { Engine, type EngineOptions, type GptParams } from '../../ts/index.js'

export { devices } from '../devices.js'

export const tiny: GptParams = {
  vocab_size: 43,
  n_layers: 2,
  n_heads: 3,
  embed_dim: 18,
  attn_length: 11,
  mlp_ratio: 2.5,
  dropout: 0.2,
  embd_dropout: 0.1,
}

/** The recurrent ones know no length: attn_length is long enough for every sequence here. */
const recurrent = { vocab_size: 43, n_layers: 2, embed_dim: 18, attn_length: 64, dropout: 0.2, embd_dropout: 0.1 }

export const models = [
  { model: 'gpt', modelParams: tiny },
  { model: 'gru', modelParams: recurrent },
  { model: 'lstm', modelParams: recurrent },
] as const

export function create(device: string, changes: Partial<EngineOptions> = {}): Promise<Engine> {
  const threads = device === 'cpu' ? 2 : undefined
  return Engine.create({ modelParams: tiny, device, seed: 7, threads, ...changes } as EngineOptions)
}

/** Ids that look random: the same for the same key. */
export function ids(count: number, key: number, vocabSize = tiny.vocab_size): Int32Array {
  let state = key * 2654435761 + 1
  return Int32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state >>> 8) % vocabSize
  })
}

export const batch = 3
export const inputs = (key: number) => ids(batch * tiny.attn_length, 2 * key)
export const targets = (key: number) => ids(batch * tiny.attn_length, 2 * key + 1)

/** A folder of the test file's own. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'aot-engine-'))
  test.after.always(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function values(tensors: Map<string, { data: Float32Array }>): Map<string, number[]> {
  return new Map([...tensors].map(([name, { data }]) => [name, Array.from(data)]))
}
