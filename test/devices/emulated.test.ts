/** What is the emulated device's own: its memory, and that work goes ahead of the host. */
import test from 'ava'
import { nativeFor } from '../../ts/native.js'
import { batch, create, inputs, targets, values } from '../engine/support.js'

const { setEmulation } = nativeFor('emulated')
test.afterEach.always(() => setEmulation({}))

test.serial('too little memory is said before anything is lost', async (t) => {
  setEmulation({ memoryLimit: 100_000 })
  await t.throwsAsync(create('emulated'), {
    code: 'AOT_MEMORY',
    message: /^the emulated device has no memory left for .*: use a smaller batch_size or model$/,
  })
  setEmulation({ memoryLimit: 3_000_000 })
  const engine = await create('emulated')
  const before = values(engine.parameters())
  const many = 400
  const repeat = (ids: Int32Array) =>
    Int32Array.from({ length: many * (ids.length / batch) }, (_, i) => ids[i % ids.length] as number)
  await t.throwsAsync(engine.accumulate(repeat(inputs(1)), repeat(targets(1)), many), {
    code: 'AOT_MEMORY',
    message: /^the emulated device has no memory left for the activations of this batch/,
  })
  t.deepEqual(values(engine.parameters()), before)
  const { loss } = await engine.accumulate(inputs(1), targets(1), batch)
  t.true(Number.isFinite(loss))
  engine.close()
})

test.serial('calls that are not waited for give the same numbers', async (t) => {
  const steps = 7
  const waited = await create('emulated')
  const want: number[] = []
  for (let i = 0; i < steps; i++) {
    want.push((await waited.accumulate(inputs(i), targets(i), batch)).loss)
    want.push((await waited.optimizerStep({ lr: 1e-2 })).gradNorm)
  }
  const ahead = await create('emulated')
  const got = await Promise.all(
    Array.from({ length: steps }, (_, i) => [
      ahead.accumulate(inputs(i), targets(i), batch).then(({ loss }) => loss),
      ahead.optimizerStep({ lr: 1e-2 }).then(({ gradNorm }) => gradNorm),
    ]).flat(),
  )
  t.deepEqual(got, want)
  t.deepEqual(values(ahead.parameters()), values(waited.parameters()))
  waited.close()
  ahead.close()
})

test.serial('a step that fails stops the steps issued after it', async (t) => {
  const engine = await create('emulated')
  await engine.accumulate(inputs(0), targets(0), batch)
  await engine.optimizerStep({ lr: 1e-2 })
  const before = values(engine.parameters())
  // An infinite gradient: the loss is finite, the norm is not.
  for (let i = 0; i < 15; i++) await engine.accumulate(inputs(1), targets(1), batch, { scale: 3e38 })
  const calls = [
    engine.accumulate(inputs(1), targets(1), batch, { scale: 3e38 }),
    engine.optimizerStep({ lr: 1e-2 }),
    engine.accumulate(inputs(2), targets(2), batch),
    engine.optimizerStep({ lr: 1e-2 }),
  ]
  const settled = await Promise.allSettled(calls)
  t.deepEqual(
    settled.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'rejected'],
  )
  t.deepEqual(values(engine.parameters()), before)
  t.is(engine.optimizerSteps, 1)
  // And goes on afterwards.
  await engine.accumulate(inputs(3), targets(3), batch)
  await engine.optimizerStep({ lr: 1e-2 })
  t.notDeepEqual(values(engine.parameters()), before)
  engine.close()
})
