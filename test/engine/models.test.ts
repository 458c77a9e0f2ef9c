/** The kinds of model by the public class: which keys each takes. */
import test from 'ava'
import { Engine, type EngineOptions } from '../../ts/index.js'
import { ids, tiny } from './support.js'

const shape = { vocab_size: 43, embed_dim: 18, attn_length: 11 }

for (const model of ['gru', 'lstm'] as const) {
  test(`${model}: the keys of its shape, defaults filled in`, async (t) => {
    const engine = await Engine.create({ model, modelParams: shape })
    t.is(engine.options.model, model)
    t.deepEqual(engine.options.modelParams, { ...shape, n_layers: 1, dropout: 0.1, embd_dropout: null })
    const { loss } = await engine.accumulate(ids(22, 1), ids(22, 2), 2)
    t.true(Math.abs(loss - Math.log(43)) < 1, `${loss}`)
    await engine.optimizerStep({ lr: 1e-3 })
    engine.close()
  })

  test(`${model}: desired_attn_length is an older name of attn_length`, async (t) => {
    const { attn_length: desired_attn_length, ...rest } = shape
    const engine = await Engine.create({ model, modelParams: { ...rest, desired_attn_length } } as never)
    t.is(engine.options.modelParams.attn_length, 11)
    engine.close()
  })

  test(`${model}: the keys of a GPT are refused`, async (t) => {
    const refused = (modelParams: object, message: string) =>
      t.throwsAsync(Engine.create({ model, modelParams } as EngineOptions), {
        code: 'AOT_CONFIG',
        message: `Engine.create: ${message}`,
      })
    await refused(
      tiny,
      `modelParams.n_heads: ${model} has no n_heads or mlp_ratio: take them out; its keys are vocab_size, n_layers, embed_dim, attn_length, dropout and embd_dropout`,
    )
    await refused({ ...shape, n_layer: 2 }, 'modelParams.n_layer is no key there is; did you mean n_layers?')
    await refused(
      { ...shape, desired_attn_length: 12 },
      'modelParams.desired_attn_length: 12, but attn_length, which means the same, is 11; keep one of them',
    )
    await refused(
      undefined as never,
      'modelParams must be an object { vocab_size, n_layers, embed_dim, attn_length, ... }',
    )
  })
}

test('a model that does not exist', async (t) => {
  await t.throwsAsync(Engine.create({ model: 'rnn', modelParams: shape } as never), {
    code: 'AOT_CONFIG',
    message: 'Engine.create: model must be "gpt", "gru" or "lstm"',
  })
})
