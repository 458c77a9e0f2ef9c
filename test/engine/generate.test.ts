/** Generation: the cache against plain recomputation, the sliding window, sampling. */
import test from 'ava'
import type { Engine } from '../../ts/index.js'
import { create, devices, models, tiny } from './support.js'

/** Logits after a sequence, by a forward pass over the last attn_length tokens. */
async function recomputed(engine: Engine, sequence: number[]): Promise<number[]> {
  const window = Int32Array.from(sequence.slice(-(engine.options.modelParams.attn_length as number)))
  const { logits } = await engine.forward(window, 1)
  return Array.from(logits.subarray(logits.length - tiny.vocab_size))
}

for (const device of devices) {
  for (const model of models) {
    test(`greedy equals plain recomputation, past attn_length too: ${model.model}, ${device}`, async (t) => {
      const engine = await create(device, model)
      for (const prompt of [[], [5, 9], [0, 5, 9], [...Array(20).keys()]]) {
        const sequence = prompt[0] === 0 ? [...prompt] : [0, ...prompt]
        const start = sequence.length
        for (let i = 0; i < 25; i++) {
          const logits = await recomputed(engine, sequence)
          sequence.push(logits.indexOf(Math.max(...logits)))
        }
        const { tokens } = await engine.generate(Int32Array.from(prompt), { tokens: 25 })
        t.deepEqual([...tokens], sequence.slice(start))
      }
      engine.close()
    })
  }

  test(`sampling follows the distribution, its seed and topK: ${device}`, async (t) => {
    const engine = await create(device)
    const logits = await recomputed(engine, [0, 3])
    const weights = logits.map((logit) => Math.exp(logit / 0.7))
    const sum = weights.reduce((total, weight) => total + weight, 0)
    const counts = new Array(tiny.vocab_size).fill(0)
    const draw = async (seed: number, topK = 0) =>
      (await engine.generate(Int32Array.of(3), { tokens: 1, temperature: 0.7, seed, topK })).tokens[0] as number
    const draws = 2000
    for (let seed = 0; seed < draws; seed++) counts[await draw(seed)]++
    for (const [id, weight] of weights.entries()) {
      const p = weight / sum
      t.true(Math.abs(counts[id] - p * draws) < 5 * Math.sqrt(p * draws) + 1, `${id}: ${counts[id]} of ${p * draws}`)
    }
    const likeliest = logits.map((logit, id) => ({ logit, id })).sort((a, b) => b.logit - a.logit)
    const three = new Set<number>()
    for (let seed = 0; seed < 100; seed++) three.add(await draw(seed, 3))
    t.deepEqual(
      [...three].sort(),
      likeliest
        .slice(0, 3)
        .map(({ id }) => id)
        .sort(),
    )
    const long = { tokens: 40, temperature: 1, seed: 2n ** 40n }
    const { tokens } = await engine.generate(Int32Array.of(3), long)
    t.deepEqual((await engine.generate(Int32Array.of(3), long)).tokens, tokens)
    t.notDeepEqual((await engine.generate(Int32Array.of(3), { ...long, seed: 0 })).tokens, tokens)
    t.deepEqual((await engine.generate(Int32Array.of(0, 3), { ...long, bos: 0 })).tokens, tokens)
    t.notDeepEqual((await engine.generate(Int32Array.of(3), { ...long, bos: 42 })).tokens, tokens)
    // So hot that only the random number decides: each token has its own.
    const hot = await engine.generate(Int32Array.of(3), { ...long, temperature: 1e6 })
    t.true(new Set(hot.tokens).size > 10, `${hot.tokens}`)
    engine.close()
  })
}

test('the devices sample the same tokens', async (t) => {
  const samples = []
  for (const device of devices) {
    const engine = await create(device)
    samples.push([...(await engine.generate(Int32Array.of(0), { tokens: 60, temperature: 1, seed: 4 })).tokens])
    engine.close()
  }
  t.deepEqual(samples[0], samples[1])
})
