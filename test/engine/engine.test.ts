/** The engine's calls: initial weights, gradients, dropout, errors, order. */

import { join } from 'node:path'
import test from 'ava'
import { Engine, type EngineOptions } from '../../ts/index.js'
import { writeSafetensors } from '../goldens/safetensors.js'
import { batch, create, devices, ids, inputs, models, targets, temporaryFolder, tiny, values } from './support.js'

const folder = temporaryFolder()

test('parameter names, in order, and shapes', async (t) => {
  const engine = await create('reference', { modelParams: { ...tiny, n_layers: 1 } })
  const shapes = [...engine.parameters()].map(([name, { shape, data }]) => {
    t.is(
      data.length,
      shape.reduce((product, size) => product * size, 1),
    )
    return `${name} ${shape}`
  })
  t.deepEqual(shapes, [
    'transformer.token_embedder.weight 43,18',
    'transformer.position_embedder.weight 11,18',
    'transformer.h.0.ln_1.weight 18',
    'transformer.h.0.ln_1.bias 18',
    'transformer.h.0.attn.attn.in_proj_weight 54,18',
    'transformer.h.0.attn.attn.in_proj_bias 54',
    'transformer.h.0.attn.attn.out_proj.weight 18,18',
    'transformer.h.0.attn.attn.out_proj.bias 18',
    'transformer.h.0.ln_2.weight 18',
    'transformer.h.0.ln_2.bias 18',
    'transformer.h.0.mlp.c_fc.weight 45,18',
    'transformer.h.0.mlp.c_fc.bias 45',
    'transformer.h.0.mlp.c_proj.weight 18,45',
    'transformer.h.0.mlp.c_proj.bias 18',
    'transformer.ln_f.weight 18',
    'transformer.ln_f.bias 18',
    'lm_head.weight 43,18',
  ])
  t.is(
    engine.parameterCount,
    2 * 43 * 18 + 11 * 18 + 2 * 18 + 6 * 18 + 3 * 18 * 18 + 3 * 18 + 18 * 18 + 2 * 45 * 18 + 45 + 18 - 18,
  )
  t.deepEqual(engine.options, {
    model: 'gpt',
    modelParams: { ...tiny, n_layers: 1 },
    device: 'reference',
    precision: 'fp32',
    seed: 7,
  })
  engine.close()
})

test('initial weights: bounds and moments, the same on every device, another for another seed', async (t) => {
  const modelParams = { ...tiny, vocab_size: 700, embed_dim: 48 }
  const engine = await create('reference', { modelParams })
  const weights = engine.parameters()
  const moments = (name: string) => {
    const data = Array.from(weights.get(name)?.data as Float32Array)
    const mean = data.reduce((sum, value) => sum + value, 0) / data.length
    const deviation = Math.sqrt(data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / data.length)
    return { mean, deviation, largest: Math.max(...data.map(Math.abs)), count: data.length }
  }
  const normal = moments('transformer.token_embedder.weight')
  t.true(Math.abs(normal.mean) < 4 / Math.sqrt(normal.count), `${normal.mean}`)
  t.true(Math.abs(normal.deviation - 1) < 4 / Math.sqrt(2 * normal.count), `${normal.deviation}`)
  t.true(normal.largest > 3.5 && normal.largest < 6.7)
  const block = 'transformer.h.1.'
  for (const [name, bound] of [
    [`${block}attn.attn.in_proj_weight`, Math.sqrt(6 / (4 * 48))],
    [`${block}attn.attn.out_proj.weight`, 1 / Math.sqrt(48)],
    [`${block}mlp.c_fc.weight`, 1 / Math.sqrt(48)],
    [`${block}mlp.c_proj.weight`, 1 / Math.sqrt(120)],
    [`${block}mlp.c_fc.bias`, 1 / Math.sqrt(48)],
    ['lm_head.weight', 1 / Math.sqrt(48)],
  ] as const) {
    const { mean, deviation, largest, count } = moments(name)
    t.true(largest <= bound * 1.0000001 && largest > bound * (1 - 12 / count), `${name}: ${largest} of ${bound}`)
    t.true(Math.abs(mean) < (4 * bound) / Math.sqrt(3 * count), `${name}: mean ${mean}`)
    t.true(Math.abs(deviation / bound - 1 / Math.sqrt(3)) < 2 / Math.sqrt(count), `${name}: deviation ${deviation}`)
  }
  for (const [name, value] of [
    [`${block}ln_1.weight`, 1],
    [`${block}ln_1.bias`, 0],
    [`${block}attn.attn.in_proj_bias`, 0],
    [`${block}attn.attn.out_proj.bias`, 0],
    ['transformer.ln_f.weight', 1],
  ] as const) {
    t.true(
      weights.get(name)?.data.every((one) => one === value),
      name,
    )
  }
  t.deepEqual(values((await create('cpu', { modelParams })).parameters()), values(weights))
  const other = (await create('cpu', { modelParams, seed: 7n + 2n ** 32n })).parameters()
  t.notDeepEqual(values(other).get('lm_head.weight'), values(weights).get('lm_head.weight'))
})

for (const device of devices) {
  for (const model of models) {
    test(`finite differences of the whole model, dropout on: ${model.model}, ${device}`, async (t) => {
      const engine = await create(device, model)
      await engine.accumulate(inputs(0), targets(0), batch, { scale: 1 })
      const gradients = engine.gradients()
      const weights = engine.parameters()
      engine.close()
      // Along a direction of random signs in one parameter at a time: the derivative is the sum of signed gradients. The
      // mask is that of minibatch 0 each time, because each engine is new.
      const lossAt = async (name: string, signs: Int32Array, step: number) => {
        const moved = new Map(weights)
        const { shape, data } = weights.get(name) as { shape: number[]; data: Float32Array }
        moved.set(name, { shape, data: data.map((value, i) => value + step * (((signs[i] as number) & 1) * 2 - 1)) })
        const path = join(folder, `${model.model}-${device}-difference.safetensors`)
        writeSafetensors(path, moved)
        const other = await create('reference', { ...model, weights: path })
        const { loss } = await other.accumulate(inputs(0), targets(0), batch)
        other.close()
        return loss
      }
      for (const [name, { data }] of gradients) {
        const signs = ids(data.length, 99)
        const exact = data.reduce((sum, value, i) => sum + value * (((signs[i] as number) & 1) * 2 - 1), 0)
        const step = 1e-3
        const measured = ((await lossAt(name, signs, step)) - (await lossAt(name, signs, -step))) / (2 * step)
        t.true(Math.abs(measured - exact) < 2e-4 + 2e-3 * Math.abs(exact), `${name}: ${measured}, gradient ${exact}`)
      }
    })

    test(`dropout: new in every minibatch, off in evaluate and forward, scale: ${model.model}, ${device}`, async (t) => {
      const engine = await create(device, model)
      const { losses } = await engine.evaluate(inputs(1), targets(1), batch)
      const first = await engine.accumulate(inputs(1), targets(1), batch)
      const once = engine.gradients()
      const second = await engine.accumulate(inputs(1), targets(1), batch)
      t.not(first.loss, second.loss)
      t.is(engine.minibatch, 2)
      t.deepEqual((await engine.evaluate(inputs(1), targets(1), batch)).losses, losses)
      const { logits, shape } = await engine.forward(inputs(1), batch)
      t.deepEqual(shape, [batch, tiny.attn_length, tiny.vocab_size])
      // evaluate() is the cross-entropy of forward().
      const target = targets(1)
      for (let row = 0; row < losses.length; row++) {
        const line = Array.from(logits.subarray(row * tiny.vocab_size, (row + 1) * tiny.vocab_size))
        const sum = line.reduce((total, logit) => total + Math.exp(logit), 0)
        const loss = Math.log(sum) - (line[target[row] as number] as number)
        t.true(Math.abs(loss - (losses[row] as number)) < 1e-5)
      }
      const scaled = await create(device, model)
      t.is((await scaled.accumulate(inputs(1), targets(1), batch, { scale: 0.25 })).loss, first.loss)
      for (const [name, { data }] of scaled.gradients()) {
        const whole = once.get(name)?.data as Float32Array
        t.true(
          data.every(
            (value, i) =>
              Math.abs(4 * value - (whole[i] as number)) <= 1e-6 * Math.max(1, Math.abs(whole[i] as number)),
          ),
          name,
        )
      }
      await engine.optimizerStep({ lr: 1e-3 })
      t.true([...engine.gradients().values()].every(({ data }) => data.every((value) => value === 0)))
      engine.close()
      scaled.close()
    })
  }

  test(`what is wrong is said: ${device}`, async (t) => {
    const engine = await create(device)
    const before = values(engine.parameters())
    const rejects = (promise: Promise<unknown>, code: string, message: string) =>
      t.throwsAsync(promise, { name: 'AotError', code, message })
    const wrong = inputs(0)
    wrong[5] = 43
    await rejects(engine.forward(wrong, batch), 'AOT_DATA', "inputs[5] is the id 43: the model's vocab_size is 43")
    wrong[5] = -1
    await rejects(
      engine.evaluate(inputs(0), wrong, batch),
      'AOT_DATA',
      "targets[5] is the id -1: the model's vocab_size is 43",
    )
    await rejects(
      engine.accumulate(inputs(0), targets(0).subarray(1), batch),
      'AOT_DATA',
      'targets holds 32 ids and inputs 33: they must be as many',
    )
    await rejects(
      engine.forward(inputs(0), 4),
      'AOT_DATA',
      'inputs holds 33 ids, which is no whole number of tokens for each of 4 sequences',
    )
    await rejects(
      engine.forward(new Int32Array(0), 1),
      'AOT_DATA',
      'inputs holds 0 ids, which is no whole number of tokens for each of 1 sequences',
    )
    await rejects(
      engine.forward(inputs(0), 1),
      'AOT_DATA',
      "inputs holds windows of 33 tokens: the model's attn_length is 11",
    )
    await rejects(engine.forward([1] as never, 1), 'AOT_CONFIG', 'inputs must be an Int32Array')
    await rejects(engine.forward(inputs(0), 0), 'AOT_CONFIG', 'batch must be a whole number from 1 to 2147483647')
    const scale = 1e300
    await rejects(
      engine.accumulate(inputs(0), targets(0), batch, { scale }),
      'AOT_CONFIG',
      'scale must be a finite number',
    )
    await rejects(engine.optimizerStep({ lr: -1 }), 'AOT_CONFIG', 'lr must be a finite number from 0 on')
    await rejects(engine.optimizerStep({} as never), 'AOT_CONFIG', 'optimizerStep: lr must be a number')
    await rejects(
      engine.generate(new Int32Array(0), { tokens: 1, temperature: -1 }),
      'AOT_CONFIG',
      'temperature must be a finite number from 0 on (0: greedy)',
    )
    await rejects(
      engine.generate(Int32Array.of(50), { tokens: 1 }),
      'AOT_DATA',
      "prompt[1] is the id 50: the model's vocab_size is 43",
    )
    t.is(engine.minibatch, 0)
    t.deepEqual(values(engine.parameters()), before)
    engine.close()
    await rejects(engine.forward(inputs(0), batch), 'AOT_CONFIG', 'the engine is closed: make another one')
    t.throws(() => engine.parameters(), { code: 'AOT_CONFIG', message: 'the engine is closed: make another one' })
    t.notThrows(() => engine.close())
  })

  test(`a gradient or loss that is not finite leaves weights and moments: ${device}`, async (t) => {
    const engine = await create(device)
    const before = values(engine.parameters())
    for (let i = 0; i < 16; i++) await engine.accumulate(inputs(0), targets(0), batch, { scale: 3e38 })
    const error = await t.throwsAsync(engine.optimizerStep({ lr: 1 }), { code: 'AOT_NUMERIC' })
    t.true(error?.message.startsWith('the gradient at optimizer step 1 is not finite: the weights are as before'))
    t.deepEqual(values(engine.parameters()), before)
    t.is(engine.optimizerSteps, 0)
    t.true([...engine.gradients().values()].every(({ data }) => data.every((value) => value === 0)))
    const spoilt = engine.parameters()
    const name = 'transformer.h.0.ln_1.weight'
    spoilt.set(name, { shape: [18], data: new Float32Array(18).fill(Number.NaN) })
    const path = join(folder, `${device}-spoilt.safetensors`)
    writeSafetensors(path, spoilt)
    const other = await create(device, { weights: path })
    await t.throwsAsync(other.accumulate(inputs(0), targets(0), batch), {
      code: 'AOT_NUMERIC',
      message: /^the loss of minibatch 0 is not a finite number/,
    })
    await t.throwsAsync(other.save(join(folder, 'spoilt')), {
      code: 'AOT_NUMERIC',
      message: `not saved to ${join(folder, 'spoilt')}: the gradients are not finite`,
    })
    await t.throwsAsync(other.optimizerStep({ lr: 1e-3 }), { code: 'AOT_NUMERIC' })
    await t.throwsAsync(other.generate(Int32Array.of(0), { tokens: 1 }), {
      code: 'AOT_NUMERIC',
      message: "the model's logits are not finite: its weights are spoilt",
    })
    engine.close()
    other.close()
  })

  test(`calls run in the order in which they were made: ${device}`, async (t) => {
    const waited = await create(device)
    const losses: number[] = []
    for (let i = 0; i < 4; i++) {
      losses.push((await waited.accumulate(inputs(i), targets(i), batch)).loss)
      await waited.optimizerStep({ lr: 1e-2 })
    }
    const hurried = await create(device)
    const promises = [0, 1, 2, 3].map((i) => {
      const array = inputs(i)
      const promise = hurried.accumulate(array, targets(i), batch)
      array.fill(0) // was copied
      void hurried.optimizerStep({ lr: 1e-2 })
      return promise
    })
    t.deepEqual(values(hurried.parameters()), values(waited.parameters()), 'parameters() waits')
    const last = hurried.evaluate(inputs(0), targets(0), batch)
    hurried.close()
    t.deepEqual(
      (await Promise.all(promises)).map(({ loss }) => loss),
      losses,
    )
    t.is((await last).losses.length, 33, 'close() waits')
    t.deepEqual((await waited.evaluate(inputs(0), targets(0), batch)).losses, (await last).losses)
    waited.close()
  })
}

test('logits that no array can hold are refused before they are computed', async (t) => {
  const modelParams = { ...tiny, vocab_size: 50257, n_layers: 1, n_heads: 1, embed_dim: 2, attn_length: 1024 }
  const engine = await create('cpu', { modelParams })
  await t.throwsAsync(engine.forward(new Int32Array(2 ** 21), 2 ** 11), {
    name: 'AotError',
    code: 'AOT_MEMORY',
    message: 'the logits of this batch are 422 GB, too much for one array: use a smaller batch',
  })
  engine.close()
})

test('options: unknown, missing and wrong', async (t) => {
  const rejects = (options: object, code: string, message: string) =>
    t.throwsAsync(Engine.create(options as never), { name: 'AotError', code, message })
  const { vocab_size: _, ...lacking } = tiny
  await rejects(
    { modelParams: { ...tiny, n_layer: 2 } },
    'AOT_CONFIG',
    'Engine.create: modelParams.n_layer is no key there is; did you mean n_layers?',
  )
  await rejects(
    { modelParams: tiny, devcie: 'cpu' },
    'AOT_CONFIG',
    'Engine.create: devcie is no key there is; did you mean device?',
  )
  await rejects(undefined as never, 'AOT_CONFIG', 'Engine.create: an object { modelParams, ... } is needed')
  const sizes = 'vocab_size, n_layers, n_heads, embed_dim, attn_length'
  await rejects({}, 'AOT_CONFIG', `Engine.create: modelParams must be an object { ${sizes}, ... }`)
  await rejects({ modelParams: lacking }, 'AOT_CONFIG', 'model_params.vocab_size is missing: give it')
  await rejects(
    { modelParams: { ...tiny, n_layers: '2' } },
    'AOT_CONFIG',
    'Engine.create: modelParams.n_layers must be a number',
  )
  await rejects(
    { modelParams: { ...tiny, n_layers: 2.5 } },
    'AOT_CONFIG',
    'model_params.n_layers must be a whole number from 1 to 4096, not 2.5',
  )
  await rejects(
    { modelParams: { ...tiny, n_heads: 5 } },
    'AOT_CONFIG',
    'model_params.embed_dim (18) must be a multiple of model_params.n_heads (5)',
  )
  await rejects(
    { modelParams: { ...tiny, mlp_ratio: 0.05 } },
    'AOT_CONFIG',
    'model_params.mlp_ratio is too small: int(mlp_ratio * embed_dim) is 0',
  )
  await rejects(
    { modelParams: { ...tiny, dropout: 1 } },
    'AOT_CONFIG',
    'model_params.dropout must be a rate from 0 to below 1, not 1',
  )
  await rejects(
    { modelParams: tiny, seed: -1 },
    'AOT_CONFIG',
    'Engine.create: seed must be a whole number from 0 to 2^64 - 1',
  )
  await rejects({ modelParams: tiny, seed: 2n ** 64n }, 'AOT_CONFIG', 'seed must be a whole number from 0 to 2^64 - 1')
  await t.throwsAsync(create('tpu'), { code: 'AOT_DEVICE' })
  const huge = { ...tiny, vocab_size: 2 ** 24, embed_dim: 65535, n_layers: 4096 }
  await t.throwsAsync(create('cpu', { modelParams: huge }), {
    code: 'AOT_MEMORY',
    message: /would take .* GB of memory and .* GB are free/,
  })
})

test('bf16: near fp32, and not it', async (t) => {
  for (const device of devices)
    for (const model of models) {
      const [single, half] = [await create(device, model), await create(device, { ...model, precision: 'bf16' })]
      const [a, b] = [await single.forward(inputs(0), batch), await half.forward(inputs(0), batch)]
      const largest = Math.max(...a.logits.map((value, i) => Math.abs(value - (b.logits[i] as number))))
      t.true(largest > 1e-4 && largest < 0.05, `${device}: ${largest}`)
      t.is(half.options.precision, 'bf16')
      single.close()
      half.close()
    }
})

test('recurrent models: parameters in the order of the state dict, and how they start', async (t) => {
  for (const { model, modelParams } of models.slice(1)) {
    const engine = await create('cpu', { model, modelParams: { ...modelParams, embed_dim: 48 } } as EngineOptions)
    const gates = model === 'gru' ? 3 * 48 : 4 * 48
    const weights = engine.parameters()
    t.deepEqual(
      [...weights].map(([name, { shape }]) => `${name} ${shape}`),
      [
        ...[0, 1].flatMap((i) => [
          `${model}.weight_ih_l${i} ${gates},48`,
          `${model}.weight_hh_l${i} ${gates},48`,
          `${model}.bias_ih_l${i} ${gates}`,
          `${model}.bias_hh_l${i} ${gates}`,
        ]),
        'token_embedder.weight 43,48',
        'ln_f.weight 48',
        'ln_f.bias 48',
        'lm_head.weight 43,48',
      ],
    )
    for (const [name, { data }] of weights) {
      const largest = Math.max(...data.map(Math.abs))
      const bound = 1 / Math.sqrt(48)
      if (name.startsWith(model) || name.startsWith('lm_head'))
        t.true(largest <= bound * 1.0000001 && largest > bound * 0.9, name)
    }
    t.is(engine.parameterCount, 2 * 2 * (gates * 48 + gates) + 2 * 43 * 48 + 2 * 48)
    engine.close()
  }
})

test('recurrent models: dropout falls between the layers, so that a single one has none', async (t) => {
  for (const { model, modelParams } of models.slice(1)) {
    const losses = async (layers: number) => {
      const shape = { ...modelParams, n_layers: layers, dropout: 0.5, embd_dropout: 0 }
      const engine = await create('cpu', { model, modelParams: shape } as EngineOptions)
      const { losses: each } = await engine.evaluate(inputs(1), targets(1), batch)
      const { loss } = await engine.accumulate(inputs(1), targets(1), batch)
      engine.close()
      return { without: each.reduce((sum, one) => sum + one, 0) / each.length, loss }
    }
    const single = await losses(1)
    t.true(Math.abs(single.loss - single.without) < 1e-6, `${model}: ${single.loss}, without dropout ${single.without}`)
    const two = await losses(2)
    t.true(Math.abs(two.loss - two.without) > 1e-4, `${model}: ${two.loss}, without dropout ${two.without}`)
  }
})

test('recurrent models: threads and sequences taken together change nothing but rounding', async (t) => {
  const many = 37
  const [given, wanted] = [ids(many * 11, 5), ids(many * 11, 6)]
  for (const model of models.slice(1)) {
    const results = []
    for (const [device, threads] of [
      ['reference', undefined],
      ['cpu', 1],
      ['cpu', 3],
      ['cpu', 40],
    ] as const) {
      const engine = await create(device, { ...model, threads })
      const { loss } = await engine.accumulate(given, wanted, many)
      results.push({ loss, gradients: engine.gradients() })
      engine.close()
    }
    const [truth, ...others] = results as [(typeof results)[0], ...typeof results]
    for (const { loss, gradients } of others) {
      t.true(Math.abs(loss - truth.loss) < 1e-6, `${loss} ${truth.loss}`)
      for (const [name, { data }] of gradients) {
        const want = truth.gradients.get(name)?.data as Float32Array
        const size = Math.sqrt(want.reduce((sum, x) => sum + x * x, 0) / want.length)
        t.true(
          data.every((x, i) => Math.abs(x - (want[i] as number)) < 2e-5 * size + 2e-6 * Math.abs(want[i] as number)),
          name,
        )
      }
    }
  }
})

test('the numbering of dropout is frozen: losses of the first minibatches', async (t) => {
  const losses = []
  for (const changes of [{ dropout: 0.5, embd_dropout: 0 }, { dropout: 0, embd_dropout: 0.5 }, {}]) {
    const engine = await create('reference', { modelParams: { ...tiny, ...changes }, seed: 2n ** 40n + 3n })
    for (let i = 0; i < 2; i++) {
      const { loss } = await engine.accumulate(inputs(i), targets(i), batch)
      losses.push(Number(loss.toFixed(5)))
    }
    engine.close()
  }
  t.deepEqual(losses, [3.86388, 3.83763, 3.98037, 3.92869, 3.95757, 3.82873])
})
