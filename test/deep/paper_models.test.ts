/**
 * The models of configs/paper/ at their full depth, width and vocabulary: parameters as the paper counts them, and an
 * optimizer step on a short window. XL (1.64 B parameters) and the big English one (3.48 B) want 26 and 56 GB: where a
 * machine has less, their one line about memory is tested instead. Windows of full length: test/config/paper.test.ts.
 */
import { totalmem } from 'node:os'
import test from 'ava'
import { paperConfigs } from '../../ts/config/paper.js'
import { Engine, type EngineOptions } from '../../ts/index.js'

/** In millions. */
const millions: Record<string, number> = {
  'gpt 3 x 48': 4.9,
  'gpt 4 x 128': 13.7,
  'gpt 6 x 192': 22,
  'gpt 10 x 380': 55.6,
  'gpt 12 x 768': 162,
  'gpt 24 x 1024': 405,
  'gpt 48 x 1600': 1640,
  'gpt 28 x 3072': 3480,
  'gru 1 x 256': 26.1,
  'gru 3 x 512': 56.2,
  'gru 5 x 768': 94.9,
  'lstm 1 x 256': 26.3,
  'lstm 3 x 512': 57.8,
  'lstm 5 x 768': 100.8,
}

/** One of each, those with windows of 256. */
const shapes = new Map<string, EngineOptions>()
for (const { model = 'gpt', model_params } of paperConfigs().values()) {
  const { n_layers, embed_dim, attn_length } = model_params
  const options = { model, modelParams: model_params, device: 'cpu', seed: 1 } as EngineOptions
  if (attn_length === 256) shapes.set(`${model} ${n_layers} x ${embed_dim}`, options)
}

test('every model is here', (t) => t.deepEqual([...shapes.keys()].sort(), Object.keys(millions).sort()))

const bytesPerParameter = 16

for (const [name, options] of shapes) {
  test.serial(`${name}: ${millions[name]} million parameters`, async (t) => {
    t.timeout(600_000)
    const parameters = (millions[name] as number) * 1e6
    if (bytesPerParameter * parameters > totalmem()) {
      await t.throwsAsync(Engine.create(options), { code: 'AOT_MEMORY', message: /would take [\d.]+ GB of memory and/ })
      return
    }
    const engine = await Engine.create(options)
    t.true(Math.abs(engine.parameterCount / parameters - 1) < 0.01, `${engine.parameterCount}`)
    const window = 16
    const tokens = Int32Array.from({ length: window + 1 }, (_, i) => (i * 7919) % 50257)
    const [input, target] = [tokens.slice(0, window), tokens.slice(1)]
    const mean = async () =>
      (await engine.evaluate(input, target, 1)).losses.reduce((sum, loss) => sum + loss / window, 0)
    const before = await mean()
    t.true(Math.abs(before - Math.log(50257)) < 1, `${before}`)
    await engine.accumulate(input, target, 1)
    await engine.optimizerStep({ lr: 1e-4 })
    const after = await mean()
    t.true(after < before, `${after} after ${before}`)
    engine.close()
  })
}
