// Training steps (forward, backward, clip, AdamW; dropout 0.1) of one of the shapes of shapes.json, through the public API:
//     node bench/train.js mini fp32 [steps] [device]
// Prints tokens/s of the median step and the peak memory of the process. bench/train_pytorch.py does the same in PyTorch.
import { readFileSync } from 'node:fs'
import { Engine } from '../dist/ts/index.js'

const [name = 'mini', precision = 'fp32', steps = '7', device = 'cpu'] = process.argv.slice(2)
const shapes = JSON.parse(readFileSync(new URL('shapes.json', import.meta.url), 'utf8'))
const { model = 'gpt', batch, ...modelParams } = shapes[name]
const engine = await Engine.create({ model, modelParams: { ...modelParams, dropout: 0.1 }, precision, device })
const tokens = () =>
  Int32Array.from({ length: batch * modelParams.attn_length }, () => Math.floor(Math.random() * modelParams.vocab_size))
const [inputs, targets] = [tokens(), tokens()]
const seconds = []
for (let step = 0; step < Number(steps) + 2; step++) {
  const started = performance.now()
  await engine.accumulate(inputs, targets, batch)
  await engine.optimizerStep({ lr: 1e-4, clip: 1 })
  if (step >= 2) seconds.push((performance.now() - started) / 1000)
}
seconds.sort((a, b) => a - b)
const rate = (second) => Math.round(inputs.length / second)
const peak = Math.round(process.resourceUsage().maxRSS / 1024)
console.log(
  `arrows-of-time ${name} ${precision}: ${rate(seconds[seconds.length >> 1])} tokens/s (best ${rate(seconds[0])}), peak ${peak} MB`,
)
