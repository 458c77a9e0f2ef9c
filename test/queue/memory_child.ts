/** node memory_child.js OPTIONS BATCH: trains two steps and prints what was planned and what was taken, in JSON. */
import { readFileSync } from 'node:fs'
import { nativeFor } from '../../ts/native.js'

const [options, batch] = process.argv.slice(2).map((word) => JSON.parse(word))
const native = nativeFor(options.device)
const mostResident = () => {
  const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) as unknown as [string, string]
  return Number(kilobytes) * 1024
}
const plan = native.planMemory(options, batch, batch)
const before = mostResident()
const engine = await native.Engine.create(options)
const { attn_length, vocab_size } = options.modelParams
const ids = Int32Array.from({ length: batch * attn_length }, (_, i) => i % vocab_size)
for (let step = 0; step < 2; step++) {
  await engine.accumulate(ids, ids, batch, 1)
  await engine.optimizerStep({ lr: 0.001, clip: 1 })
}
await engine.evaluate(ids, ids, batch)
const taken = engine.peakDeviceMemory || mostResident() - before
process.stdout.write(JSON.stringify({ planned: plan.engine, taken, process: plan.process, before }))
