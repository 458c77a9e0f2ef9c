/** Replicas of one process against one device: the same numbers but for rounding, the same bits again and again. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import type { AotError } from '../../ts/errors.js'
import { native } from '../../ts/native.js'
import { ids, temporaryFolder } from '../engine/support.js'
import { readSafetensors, writeSafetensors } from '../goldens/safetensors.js'
import { aggregate, type Changes, create, distance, models, train, weights } from './support.js'

const folder = temporaryFolder()
const steps = 20
const minibatches = steps * aggregate

const several = (device: string, count: number) => Array.from({ length: count }, () => device).join()

async function trained(device: string, changes: Changes, hint = true) {
  const engine = await create(device, changes)
  const trace = await train(engine, 0, minibatches, hint)
  const { losses } = await engine.evaluate(ids(55, 100), ids(55, 101), 5)
  const result = { ...trace, evaluated: losses, weights: weights(engine), description: engine.description }
  engine.close()
  return result
}

for (const { model, modelParams } of models) {
  test(`1, 2 and 4 replicas do the same as one device: ${model}`, async (t) => {
    const options = { model, modelParams }
    // What rounding does in 20 steps is seen on the reference device, whose sums are in double.
    const exact = await trained('reference', options)
    const single = await trained('cpu', options)
    for (const count of [2, 4]) {
      const replicas = await trained(several('cpu', count), options)
      t.regex(replicas.description, new RegExp(`^${count} replicas, sums by threads: ${count} x cpu`))
      for (const key of ['losses', 'norms', 'evaluated', 'weights'] as const) {
        const error = distance(replicas[key], exact[key])
        const usual = distance(single[key], exact[key])
        t.true(error <= 3 * usual, `${count} replicas, ${key}: ${error} against ${usual}`)
      }
      // The same command again, and without the hint that lets the exchange overlap: the same bits.
      t.deepEqual(await trained(several('cpu', count), options), replicas)
      t.deepEqual(await trained(several('cpu', count), options, false), replicas, 'without the hint')
    }
    const plain = await trained('reference,reference', options)
    t.true(distance(plain.weights, exact.weights) <= 3 * distance(single.weights, exact.weights))
  })

  test(`a state saved anywhere continues bit for bit on as many replicas, on others but for rounding: ${model}`, async (t) => {
    const options = { model, modelParams }
    const unbroken = await create('cpu,cpu,cpu', options)
    const expected = await train(unbroken, 0, 8)
    for (const at of [0, 1, 2, 5]) {
      const first = await create('cpu,cpu,cpu', options)
      await train(first, 0, at)
      const place = join(folder, `${model}-${at}`)
      await save(first, place)
      first.close()
      for (const device of ['cpu,cpu,cpu', 'cpu', 'cpu,cpu']) {
        const engine = await native.Engine.load(place, { device, threads: 1, bucketElements: 512 })
        t.is(engine.minibatch, at)
        const trace = await train(engine, at, 8)
        if (device === 'cpu,cpu,cpu') {
          t.deepEqual(trace.losses, expected.losses.slice(at), `saved at ${at}`)
          t.deepEqual(weights(engine), weights(unbroken), `saved at ${at}`)
        } else {
          trace.losses.forEach((loss, i) => {
            const before = expected.losses[at + i] as number
            t.true(Math.abs(loss - before) < 1e-5 * before, `${device}, saved at ${at}: ${loss} and ${before}`)
          })
        }
        engine.close()
      }
    }
    unbroken.close()
  })
}

async function save(engine: Awaited<ReturnType<typeof create>>, place: string): Promise<void> {
  mkdirSync(place, { recursive: true })
  await engine.save(place)
}

test('several threads a replica, bf16, and no hint before another minibatch', async (t) => {
  for (const changes of [{ threads: 2 }, { precision: 'bf16' }, { threads: 3, bucketElements: 100 }] as const) {
    const runs = [await trained('cpu,cpu', changes), await trained('cpu,cpu', changes)]
    t.deepEqual(runs[0], runs[1])
  }
  const engine = await create('cpu,cpu')
  await engine.accumulate(ids(11, 1), ids(11, 2), 1, 1, true)
  const error = await t.throwsAsync(engine.accumulate(ids(11, 1), ids(11, 2), 1, 1), { instanceOf: Error })
  t.regex(error?.message ?? '', /was the last of its optimizer step: call optimizerStep first/)
  t.is((error as AotError).code, 'AOT_CONFIG')
  await engine.optimizerStep({ lr: 1e-3, clip: 1 })
  await engine.accumulate(ids(11, 1), ids(11, 2), 1, 1)
  engine.close()
})

test('gradients of several replicas are one sum, before and after they are exchanged', async (t) => {
  const read = async (device: string, last: boolean) => {
    const engine = await create(device)
    await engine.accumulate(ids(33, 1), ids(33, 2), 3, 0.5, false)
    await engine.accumulate(ids(33, 3), ids(33, 4), 3, 0.5, last)
    const gradients = engine.gradients().flatMap(([, { data }]) => Array.from(data))
    await save(engine, join(folder, `read-${last}`))
    const again = await native.Engine.load(join(folder, `read-${last}`), { device, threads: 1 })
    t.deepEqual(
      again.gradients().flatMap(([, { data }]) => Array.from(data)),
      gradients,
    )
    again.close()
    engine.close()
    return gradients
  }
  const single = await read('cpu', false)
  const size = distance(single, new Float64Array(single.length))
  for (const last of [false, true]) {
    const error = distance(await read('cpu,cpu,cpu,cpu', last), single)
    t.true(error < 1e-6 * size, `${error} of ${size}`)
  }
})

test('a number that is not finite on one replica stops all before the step', async (t) => {
  const single = await create('cpu')
  await save(single, join(folder, 'weights'))
  single.close()
  const { tensors } = readSafetensors(join(folder, 'weights/model.safetensors'))
  const embedding = tensors.get('transformer.token_embedder.weight')
  if (embedding === undefined) return t.fail()
  // Only a sequence that holds the token 42 comes upon it, which is of the second replica.
  embedding.data[42 * 18] = Number.NaN
  writeSafetensors(join(folder, 'nan.safetensors'), tensors)
  const engine = await create('cpu,cpu', { weights: join(folder, 'nan.safetensors') })
  const before = weights(engine)
  const inputs = new Int32Array(22).fill(1)
  inputs[15] = 42
  await t.throwsAsync(engine.accumulate(inputs, ids(22, 2), 2, 1, true), { code: 'AOT_NUMERIC' })
  await t.throwsAsync(engine.optimizerStep({ lr: 1, clip: 1 }), { code: 'AOT_NUMERIC' })
  t.deepEqual(weights(engine), before)
  // It goes on with what is finite.
  await engine.accumulate(new Int32Array(22).fill(1), new Int32Array(22).fill(2), 2, 1, true)
  t.true((await engine.optimizerStep({ lr: 1e-3, clip: 1 })).gradNorm > 0)
  engine.close()
})

test('devices that cannot make one group are told in one line', async (t) => {
  for (const [device, line] of [
    ['cpu,reference', /^--device: cpu \(cpu, .*\) and reference \(.*\) do not compute alike/],
    ['cuda:0,cuda:1', /^(device cuda:0|no)/],
  ] as const) {
    const error = await t.throwsAsync(create(device), { code: 'AOT_DEVICE' })
    t.regex(error?.message ?? '', line)
    t.notRegex(error?.message ?? '', /\n/)
  }
})

test('logits and generated tokens are those of one device', async (t) => {
  const outcome = async (device: string) => {
    const engine = await create(device)
    await train(engine, 0, 2)
    const logits = new Float32Array(3 * 11 * 43)
    await engine.forward(ids(33, 5), 3, logits)
    const { tokens } = await engine.generate(Int32Array.of(0, 5), { tokens: 9, temperature: 1, topK: 0, seed: 3 })
    engine.close()
    return { logits, tokens }
  }
  const [single, both] = [await outcome('cpu'), await outcome('cpu,cpu')]
  t.true(distance(both.logits, single.logits) < 1e-5)
  t.deepEqual(both.tokens, single.tokens)
})
