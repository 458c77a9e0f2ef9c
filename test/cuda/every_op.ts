/** Every op, and steps of a small model, once on a device: what compute-sanitizer watches. */
import { Engine, type EngineOptions } from '../../ts/index.js'
import { native, nativeFor } from '../../ts/native.js'
import { makeInputs, precisions } from '../ops/harness.js'

const shapes = [
  { batch: 2, window: 37, width: 42, out: 27, heads: 3, vocabulary: 97 },
  { batch: 1, window: 64, width: 64, out: 128, heads: 2, vocabulary: 128 },
]
const shared = { vocab_size: 97, n_layers: 2, attn_length: 37, dropout: 0.1, embd_dropout: 0.1 }
const models: EngineOptions[] = [
  { model: 'gpt', modelParams: { ...shared, embed_dim: 42, n_heads: 3, mlp_ratio: 2 } },
  { model: 'gru', modelParams: { ...shared, embed_dim: 64 } },
  { model: 'lstm', modelParams: { ...shared, embed_dim: 64 } },
]

/** @throws AotError what the device says. */
export async function runEveryOp(device: string): Promise<void> {
  for (const { name } of native.listOps()) {
    for (const precision of precisions) {
      for (const shape of shapes) {
        nativeFor(device).runOp(device, precision, name, shape, makeInputs(name, shape), { rate: 0.1, seed: 3 })
      }
    }
  }
  const tokens = Int32Array.from({ length: 2 * shared.attn_length }, (_, i) => (i * i) % shared.vocab_size)
  for (const precision of precisions) {
    for (const model of models) {
      const engine = await Engine.create({ ...model, device, precision, seed: 1 })
      for (let step = 0; step < 2; step++) {
        await engine.accumulate(tokens, tokens, 2)
        await engine.optimizerStep({ lr: 1e-3, clip: 1 })
      }
      await engine.generate(tokens.slice(0, 5), { tokens: 8, temperature: 1, topK: 0, seed: 1 })
      engine.close()
    }
  }
}
