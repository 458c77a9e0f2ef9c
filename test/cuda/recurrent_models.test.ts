/**
 * Whole models of GRU and LSTM in bf16, of a width at which a GPU may keep the weights on chip: both ways of
 * AOT_RECURRENCE against the cpu, through passes that run as they come, are captured and are replayed.
 */
import test from 'ava'
import { Engine } from '../../ts/index.js'
import { devices, gpus } from '../devices.js'
import { ids, values } from '../engine/support.js'
import { type Precision, rms } from '../ops/harness.js'

const modelParams = { vocab_size: 97, n_layers: 2, embed_dim: 64, attn_length: 12, dropout: 0.1, embd_dropout: 0.1 }
const batch = 5
const inputs = ids(batch * modelParams.attn_length, 1, modelParams.vocab_size)
const targets = ids(batch * modelParams.attn_length, 2, modelParams.vocab_size)

/** Three steps, and what everything gives after them. A device captures a pass the second time and then replays it. */
async function train(model: 'gru' | 'lstm', device: string, precision: Precision, path?: 'steps' | 'persistent') {
  const before = process.env.AOT_RECURRENCE
  if (path) process.env.AOT_RECURRENCE = path
  const engine = await Engine.create({ model, modelParams, device, precision, seed: 3 }).finally(() => {
    if (before === undefined) delete process.env.AOT_RECURRENCE
    else process.env.AOT_RECURRENCE = before
  })
  const losses: number[] = []
  for (let step = 0; step < 3; step++) {
    losses.push((await engine.accumulate(inputs, targets, batch)).loss)
    await engine.optimizerStep({ lr: 1e-3 })
  }
  losses.push((await engine.accumulate(inputs, targets, batch)).loss)
  const gradients = values(engine.gradients())
  const evaluated: Float32Array[] = []
  for (let i = 0; i < 4; i++) evaluated.push((await engine.evaluate(inputs, targets, batch)).losses)
  const { logits } = await engine.forward(inputs, batch)
  const { tokens } = await engine.generate(inputs.slice(0, 9), { tokens: 6, temperature: 0 })
  engine.close()
  return { losses, gradients, evaluated, logits, tokens }
}

type Numbers = ArrayLike<number>
const apart = (a: Numbers, b: Numbers) => rms(Float32Array.from(a, (x, i) => x - (b[i] as number)))

for (const device of ['emulated', ...gpus].filter((name) => devices.includes(name))) {
  for (const model of ['gru', 'lstm'] as const) {
    test.serial(`${model} in both ways trains, evaluates and writes as on the cpu: ${device}`, async (t) => {
      const want = await train(model, 'cpu', 'bf16')
      const exact = await train(model, 'cpu', 'fp32')
      for (const path of ['steps', 'persistent'] as const) {
        const got = await train(model, device, 'bf16', path)
        // Bf16 may differ from bf16 by no more than twice what it differs from fp32.
        const close = (what: string, ours: Numbers, theirs: Numbers, truth: Numbers) => {
          const [off, allowed] = [apart(ours, theirs), 2 * apart(theirs, truth)]
          t.true(off <= allowed, `${path}: ${what} is ${off} from the cpu's, ${allowed} allowed`)
        }
        t.true(Math.abs((got.losses[0] as number) - (want.losses[0] as number)) < 1e-5, path)
        close('the loss', got.losses, want.losses, exact.losses)
        for (const [name, gradient] of want.gradients) {
          close(name, got.gradients.get(name) as number[], gradient, exact.gradients.get(name) as number[])
        }
        for (const [i, losses] of got.evaluated.entries()) {
          t.deepEqual(losses, got.evaluated[0], `${path}: evaluation ${i + 1}`)
        }
        const [ours, theirs, truth] = [got, want, exact].map(({ evaluated }) => evaluated[0] as Float32Array)
        close('evaluation', ours as Numbers, theirs as Numbers, truth as Numbers)
        close('forward', got.logits, want.logits, exact.logits)
        t.deepEqual(got.tokens, want.tokens, path)
        t.deepEqual(await train(model, device, 'bf16', path), got, `${path}: again`)
      }
    })
  }
}

for (const model of ['gru', 'lstm'] as const) {
  test.serial(`${model} on the cpu is the same whatever AOT_RECURRENCE asks of a GPU`, async (t) => {
    const usual = await train(model, 'cpu', 'bf16')
    for (const path of ['steps', 'persistent'] as const)
      t.deepEqual(await train(model, 'cpu', 'bf16', path), usual, path)
  })
}
