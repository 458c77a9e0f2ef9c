import test from 'ava'
import { row as rowSchema } from '../../ts/bench/record.js'
import { selectModels } from '../../ts/bench/session.js'
import { shapeSets } from '../../ts/bench/shapes.js'
import { measureTraining, trainRows } from '../../ts/bench/train.js'
import { devices } from '../devices.js'

const shape = shapeSets.tiny.gpt_tiny

for (const device of devices.filter((name) => name !== 'reference')) {
  test(`training steps are measured in a process of their own: ${device}`, async (t) => {
    const request = { device, precision: 'bf16', threads: 2, shape, steps: 3 } as const
    const measured = await measureTraining(request)
    t.is(measured.samples.length, 3)
    t.true(measured.peak_memory > 1e5, `${measured.peak_memory} bytes`)
    const rows = trainRows('gpt_tiny', request, measured, { matmul: { fp32: null, bf16: 1e9 } })
    for (const row of rows) rowSchema.parse(row)
    const [step, ...ops] = rows
    t.is(step?.bench, 'train')
    t.true((step?.figures.mfu as number) > 0)
    const shares = ops.map(({ figures }) => figures.share as number)
    const sum = shares.reduce((total, share) => total + share, 0)
    t.true(sum > 0 && sum <= 1.001, `the shares sum up to ${sum}`)
    t.deepEqual(
      shares,
      shares.toSorted((a, b) => b - a),
    )
  })
}

test('what the training cannot do is the error that the engine gives', async (t) => {
  const request = { device: 'cpu', precision: 'fp32', threads: 1, steps: 1 } as const
  await t.throwsAsync(measureTraining({ ...request, shape: { ...shape, n_heads: 5 } }), { code: 'AOT_CONFIG' })
  await t.throwsAsync(
    measureTraining({ ...request, shape: { ...shape, vocab_size: 2 ** 24, embed_dim: 2 ** 16, n_heads: 1 } }),
    {
      code: 'AOT_MEMORY',
    },
  )
})

test('an aborted training ends', async (t) => {
  const controller = new AbortController()
  const request = { device: 'cpu', precision: 'fp32', threads: 1, shape, steps: 100_000 } as const
  const measured = measureTraining(request, controller.signal)
  controller.abort()
  t.is(await measured.catch((error: Error) => error.name), 'AbortError')
})

test('models are named, or come from config files', (t) => {
  const names = (models: string[], shapes: 'small' | null = null) =>
    selectModels({ device: 'cpu', shapes, models }).map(({ name }) => name)
  t.deepEqual(names([]), Object.keys(shapeSets.small))
  t.deepEqual(names(['mini', 'gru_med'], 'small'), ['mini', 'gru_med'])
  const [config] = selectModels({
    device: 'cpu',
    shapes: null,
    models: ['configs/paper/model_sizes/en_mini_forward.json'],
  })
  t.is(config?.name, 'en_mini_forward')
  t.deepEqual(config?.shape, shapeSets.paper.mini)
  t.throws(() => names(['mini_']), {
    code: 'AOT_CONFIG',
    message: /^"mini_" is no config file and none of the models of --shapes small: nano, /,
  })
  t.throws(() => names(['none.json']), { code: 'AOT_IO', message: /none\.json: no such file/ })
})
