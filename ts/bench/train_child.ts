/** The process in which aot-bench trains: a TrainRequest comes in, lines of JSON go out, the last a TrainMeasurement or an error. */
import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { nativeFor } from '../native.js'
import { describeFailure } from './child.js'
import type { TrainMeasurement, TrainRequest } from './train.js'

const warmUp = 2

async function measure({ device, precision, threads, shape, steps }: TrainRequest): Promise<TrainMeasurement> {
  const { model, batch, n_heads, mlp_ratio, ...params } = shape
  const engine = await nativeFor(device).Engine.create({
    model,
    modelParams: { ...params, embd_dropout: null, ...(model === 'gpt' ? { n_heads, mlp_ratio } : {}) },
    device,
    precision,
    seed: 0,
    threads,
  })
  const tokens = (factor: number) =>
    Int32Array.from({ length: batch * shape.attn_length }, (_, i) => (i * factor + 1) % shape.vocab_size)
  const [inputs, targets] = [tokens(7919), tokens(104729)]
  const samples: number[] = []
  for (let step = -warmUp; step < steps; step++) {
    const started = performance.now()
    await engine.accumulate(inputs, targets, batch, 1, true)
    await engine.optimizerStep({ lr: 1e-4, clip: 1 })
    if (step >= 0) samples.push((performance.now() - started) / 1000)
    console.log(JSON.stringify({ step }))
  }
  const peak_memory = engine.peakDeviceMemory || process.resourceUsage().maxRSS * 1024
  // After the peak was read: it is no part of a training.
  await engine.profile(inputs, targets, batch)
  const profile = await engine.profile(inputs, targets, batch)
  const { description } = engine
  engine.close()
  return { description, samples, peak_memory, profile }
}

try {
  console.log(JSON.stringify(await measure(JSON.parse(readFileSync(0, 'utf8')))))
} catch (error) {
  console.log(JSON.stringify(describeFailure(error)))
}
