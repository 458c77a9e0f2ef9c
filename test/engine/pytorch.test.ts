/** The engine against PyTorch, from given weights, through the public API: goldens/engine/make_goldens.py. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { Engine } from '../../ts/index.js'
import { packageRoot } from '../../ts/native.js'
import { devices } from '../devices.js'
import { readSafetensors, type Tensor, writeSafetensors } from '../goldens/safetensors.js'

const folder = mkdtempSync(join(tmpdir(), 'aot-pytorch-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

function load(name: string) {
  const { tensors, metadata } = readSafetensors(join(packageRoot, `test/goldens/engine/${name}.safetensors`))
  const part = (prefix: string) =>
    new Map(
      [...tensors].filter(([key]) => key.startsWith(prefix)).map(([key, value]) => [key.slice(prefix.length), value]),
    )
  const weights = join(folder, `${name}-${Math.random()}.safetensors`)
  writeSafetensors(weights, part('weights.'))
  const batch = Number(metadata.batch)
  const tokens = (key: string, index: number): Int32Array => {
    const { data, shape } = tensors.get(key) as Tensor
    const size = (shape[1] as number) * (shape[2] as number)
    return (data as Int32Array).slice(index * size, (index + 1) * size)
  }
  return {
    truth: (key: string) => tensors.get(key) as Tensor,
    float32Error: JSON.parse(metadata.float32_errors as string) as Record<string, number>,
    model: metadata.model as 'gpt' | 'gru' | 'lstm',
    modelParams: JSON.parse(metadata.model_params as string),
    lr: Number(metadata.lr),
    weights,
    batch,
    inputs: (index: number) => tokens('inputs', index),
    targets: (index: number) => tokens('targets', index),
  }
}
type Golden = ReturnType<typeof load>

const goldens = ['two_layers', 'head_dim_38', 'gru_two_layers', 'gru_odd_width', 'lstm_two_layers', 'lstm_odd_width']

/** The distances from the float64 truth, smallest first (a NaN fails), and what one may be: see close(). */
function errors(t: ExecutionContext, golden: Golden, key: string, ours: ArrayLike<number>) {
  const { data } = golden.truth(key)
  t.is(ours.length, data.length, key)
  const sorted = Array.from(data, (truth, i) => Math.abs((ours[i] as number) - truth)).sort((a, b) => a - b)
  t.false(sorted.some(Number.isNaN), `${key}: not a number`)
  const size = Math.max(...Array.from(data, Math.abs))
  return { sorted, bound: 2 * (golden.float32Error[key] as number) + 2e-7 * size }
}

/** Ours may be twice as far from the float64 truth as PyTorch's float32 is, and a rounding of the truth's size. */
function close(t: ExecutionContext, golden: Golden, key: string, ours: ArrayLike<number>) {
  const { sorted, bound } = errors(t, golden, key, ours)
  const error = sorted.at(-1) as number
  t.true(error <= bound, `${key}: error ${error}, allowed ${bound}`)
}

/**
 * Weights after steps: 99 of 100 as in close(). AdamW divides a gradient by its own size, so the rounding of the few
 * that all but cancel at the first step comes out as large as a part of a step; a twentieth of one is allowed (more
 * where PyTorch is further off: the bias of the keys has no gradient but rounding).
 */
function closeAfterSteps(t: ExecutionContext, golden: Golden, key: string, ours: ArrayLike<number>) {
  const { sorted, bound } = errors(t, golden, key, ours)
  const error = sorted[Math.floor(0.99 * (sorted.length - 1))] as number
  t.true(error <= bound, `${key}: error ${error}, allowed ${bound}`)
  t.true((sorted.at(-1) as number) <= Math.max(golden.lr / 20, bound), `${key}: largest error ${sorted.at(-1)}`)
}

const create = (golden: Golden, device: string) =>
  Engine.create({
    model: golden.model,
    modelParams: golden.modelParams,
    device,
    precision: 'fp32',
    seed: 0,
    weights: golden.weights,
  })

for (const device of devices) {
  for (const name of goldens) {
    test(`${name} on ${device}: logits, loss and gradients`, async (t) => {
      const golden = load(name)
      const engine = await create(golden, device)
      const { logits, shape } = await engine.forward(golden.inputs(0), golden.batch)
      t.deepEqual(shape, golden.truth('logits').shape)
      close(t, golden, 'logits', logits)
      const { loss } = await engine.accumulate(golden.inputs(0), golden.targets(0), golden.batch, { scale: 1 })
      close(t, golden, 'loss', [loss])
      const gradients = engine.gradients()
      t.deepEqual(
        [...gradients.keys()].sort(),
        Object.keys(golden.float32Error)
          .filter((key) => key.startsWith('gradient.'))
          .map((key) => key.slice('gradient.'.length))
          .sort(),
      )
      for (const [parameter, gradient] of gradients) {
        t.deepEqual(gradient.shape, golden.truth(`gradient.${parameter}`).shape)
        close(t, golden, `gradient.${parameter}`, gradient.data)
      }
      engine.close()
    })

    for (const aggregate of [1, 2]) {
      test(`${name} on ${device}: five optimizer steps of ${aggregate}`, async (t) => {
        const golden = load(name)
        const engine = await create(golden, device)
        const losses: number[] = []
        const norms: number[] = []
        for (let step = 0; step < 5; step++) {
          for (let part = 0; part < aggregate; part++) {
            const index = step * aggregate + part
            const { loss } = await engine.accumulate(golden.inputs(index), golden.targets(index), golden.batch, {
              scale: 1 / aggregate,
            })
            losses.push(loss)
          }
          norms.push((await engine.optimizerStep({ lr: golden.lr, clip: 1.0 })).gradNorm)
        }
        close(t, golden, `steps${aggregate}.loss`, losses)
        close(t, golden, `steps${aggregate}.grad_norm`, norms)
        for (const [parameter, { data }] of engine.parameters())
          closeAfterSteps(t, golden, `steps${aggregate}.${parameter}`, data)
        engine.close()
      })
    }
  }
}
