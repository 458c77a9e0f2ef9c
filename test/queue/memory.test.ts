/** What training is said to take of memory, beside what it takes. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test from 'ava'
import { native } from '../../ts/native.js'
import { freeMemory, memoryNeed } from '../../ts/queue/memory.js'
import { devices, gpus } from '../devices.js'
import { folderWithText, makeRun } from '../train/runs.js'

const child = fileURLToPath(new URL('./memory_child.js', import.meta.url))

const large = {
  gpt: { vocab_size: 5000, n_layers: 3, n_heads: 4, embed_dim: 256, attn_length: 128, dropout: 0.1 },
  gru: { vocab_size: 5000, n_layers: 2, embed_dim: 256, attn_length: 64, dropout: 0.1 },
  lstm: { vocab_size: 5000, n_layers: 2, embed_dim: 256, attn_length: 64, dropout: 0.1 },
}
const small = {
  gpt: { vocab_size: 300, n_layers: 2, n_heads: 4, embed_dim: 64, attn_length: 32, dropout: 0.1 },
  gru: { vocab_size: 300, n_layers: 2, embed_dim: 64, attn_length: 32, dropout: 0.1 },
  lstm: { vocab_size: 3000, n_layers: 2, embed_dim: 64, attn_length: 32, dropout: 0.1 },
}

for (const device of devices.filter((one) => one === 'cpu' || one === 'emulated')) {
  for (const model of ['gpt', 'gru', 'lstm'] as const) {
    for (const precision of ['fp32', 'bf16'] as const) {
      test.serial(`${device}, ${model}, ${precision}: what is planned is taken, and little more`, async (t) => {
        const modelParams = (device === 'cpu' ? large : small)[model]
        const batch = device === 'emulated' ? 2 : model === 'gpt' ? 8 : 32
        const options = { model, modelParams, device, precision, seed: 1, threads: 2 }
        const words = [child, JSON.stringify(options), String(batch)]
        const { stdout } = await promisify(execFile)(process.execPath, words)
        const { planned, taken, process: beside, before } = JSON.parse(stdout)
        t.true(planned >= 0.97 * taken && planned <= 1.25 * taken, `planned ${planned}, taken ${taken}`)
        t.true(before <= beside, `beside the engine: planned ${beside}, taken ${before}`)
      })
    }
  }
}

test('more threads, sequences and validation windows take more', (t) => {
  const options = { model: 'gpt', modelParams: large.gpt, device: 'cpu', precision: 'fp32', seed: 1 } as const
  const plan = (threads: number, batch: number, valid: number) =>
    native.planMemory({ ...options, threads }, batch, valid).engine
  t.true(plan(2, 8, 8) > plan(1, 8, 8))
  // A thread without a sequence has no share of the gradients.
  t.is(plan(8, 2, 2), plan(2, 2, 2))
  t.true(plan(1, 1, 64) >= plan(1, 1, 1))
  t.throws(() => native.planMemory({ ...options, modelParams: { ...large.gpt, n_heads: 3 } }, 1, 1), {
    code: 'AOT_CONFIG',
  })
})

test('cpus share the memory of the machine, and each has its part of the batch', (t) => {
  const run = { ...makeRun(folderWithText(t), { batch_size: 8 }), threads: 1 }
  const [one, two] = [memoryNeed(run, ['cpu']), memoryNeed(run, ['cpu', 'cpu'])]
  t.deepEqual([...one.keys()], ['memory'])
  t.deepEqual([...two.keys()], ['memory'])
  const half = memoryNeed(
    { ...run, config: { ...run.config, training_params: { ...run.config.training_params, batch_size: 4 } } },
    ['cpu'],
  )
  const [a, b, c] = [one, two, half].map((need) => need.get('memory') as number) as [number, number, number]
  t.true(b > a)
  t.true(b < 2 * c, 'one process')
})

test('what is free', async (t) => {
  const free = await freeMemory(['cpu', 'reference', 'cpu'])
  t.deepEqual([...free.keys()], ['memory'])
  t.true((free.get('memory') as number) > 1e6)
  if (gpus.length === 0) {
    await t.throwsAsync(freeMemory(['cpu', 'cuda:0', 'cuda:1']), { code: 'AOT_DEVICE', message: /^device cuda:0: .*$/ })
  }
})
