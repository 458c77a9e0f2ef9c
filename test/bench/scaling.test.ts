/** The model of several devices, against cases worked out by hand. */
import test from 'ava'
import {
  leastSeconds,
  leastStep,
  measuredSteps,
  type NamedStep,
  type StepChoice,
  splitStep,
} from '../../ts/bench/device_steps.js'
import { linkNames, linkOf } from '../../ts/bench/links.js'
import type { Row } from '../../ts/bench/record.js'
import {
  cutBuckets,
  type DeviceStep,
  exchangedBytes,
  exchangeSeconds,
  exposedSeconds,
  type Group,
  gradientSpans,
  limits,
  scale,
} from '../../ts/bench/scaling.js'
import { groupOf, scalingTable } from '../../ts/bench/scaling_table.js'
import { flopsPerToken, type ModelShape, shapeSets, stepCalls } from '../../ts/bench/shapes.js'
import { measureTraining } from '../../ts/bench/train.js'
import { native } from '../../ts/native.js'
import { file, row, run } from './rows.js'

const any: StepChoice = { models: [], precisions: [], threads: null }
const close = (actual: number, expected: number) => Math.abs(actual - expected) <= 1e-9 * Math.abs(expected) + 1e-12
const link = (bandwidth: number, latency = 0) => ({ name: 'a link', bandwidth, latency })

test('what a ring sends: 2(N-1)/N of the gradients, in 2(N-1) steps', (t) => {
  t.is(exchangedBytes(1000, 1), 0)
  t.is(exchangedBytes(1000, 2), 4000)
  t.is(exchangedBytes(1000, 4), 6000)
  t.true(exchangedBytes(1000, 1024) < 8000)
  // 6000 bytes at 3000 a second, and six steps of a tenth.
  t.true(close(exchangeSeconds(1000, 4, link(3000, 0.1)), 2.6))
  t.is(exchangeSeconds(1000, 4, link(Number.POSITIVE_INFINITY)), 0)
})

test('the exchange hides behind what is left of the backward pass', (t) => {
  const second = (elements: number) => elements
  const backward = [1, 2, 3]
  t.is(exposedSeconds(backward, [], second), 0)
  t.is(exposedSeconds(backward, [{ elements: 4, turn: 2 }], second), 4, 'complete at the end alone: nothing hides')
  t.is(exposedSeconds(backward, [{ elements: 4, turn: 0 }], second), 0, 'from 1 to 5 of 6')
  t.is(exposedSeconds(backward, [{ elements: 7, turn: 0 }], second), 2, 'from 1 to 8 of 6')
  // 1 to 5; then 5 to 7, though complete at 3; then 7 to 8, though complete at 6.
  const three = [4, 2, 1].map((elements, turn) => ({ elements, turn }))
  t.is(exposedSeconds(backward, three, second), 2)
  // 1 to 2; the next is complete at 3 and goes to 4; the last is complete at 6 and goes to 7.
  const ones = [1, 1, 1].map((elements, turn) => ({ elements, turn }))
  t.is(exposedSeconds(backward, ones, second), 1)
  t.is(
    exposedSeconds(backward, three, () => 0),
    0,
  )
})

test('a bucket waits for the last of its gradients', (t) => {
  const spans = [2, 1, 0].map((turn) => ({ elements: 10, turn }))
  t.deepEqual(cutBuckets(spans, 8), [
    { elements: 6, turn: 0 },
    { elements: 8, turn: 1 },
    { elements: 8, turn: 2 },
    { elements: 8, turn: 2 },
  ])
  t.deepEqual(
    cutBuckets(spans, 10),
    [0, 1, 2].map((turn) => ({ elements: 10, turn })),
  )
  t.deepEqual(cutBuckets(spans, 100), [{ elements: 30, turn: 2 }])
  // Of a recurrent model the embedding, which is final last, lies between the layers and the head.
  const recurrent = [1, 2, 0].map((turn) => ({ elements: 10, turn }))
  t.deepEqual(
    cutBuckets(recurrent, 10),
    [0, 1, 2].map((turn) => ({ elements: 10, turn })),
  )
  t.deepEqual(
    cutBuckets(recurrent, 8).map(({ turn }) => turn),
    [0, 1, 2, 2],
  )
})

for (const model of ['gpt', 'gru', 'lstm'] as const) {
  test(`the block of gradients is the engine's: ${model}`, async (t) => {
    const shape: ModelShape = { ...shapeSets.tiny[`${model}_tiny`], n_layers: 3, embed_dim: 30 }
    const { vocab_size, n_layers, embed_dim, attn_length, dropout } = shape
    const heads = model === 'gpt' ? { n_heads: 2, mlp_ratio: 4 } : {}
    const engine = await native.Engine.create({
      model,
      modelParams: { vocab_size, n_layers, embed_dim, attn_length, dropout, ...heads },
      device: 'cpu',
      precision: 'fp32',
      seed: 0,
      threads: 1,
    })
    const spans: { elements: number; turn: number }[] = []
    for (const [name, { shape: sizes }] of engine.parameters()) {
      const layer = /\.h\.(\d+)\.|_l(\d+)$/.exec(name)
      const isHead = /ln_f|lm_head/.test(name)
      const turn = layer ? n_layers - Number(layer[1] ?? layer[2]) : isHead ? 0 : n_layers + 1
      const [rows, ...rest] = sizes as [number, ...number[]]
      const padded = name === 'lm_head.weight' ? Math.ceil(rows / 128) * 128 : rows
      const elements = Math.ceil((padded * rest.reduce((product, size) => product * size, 1)) / 64) * 64
      const last = spans.at(-1)
      if (last?.turn === turn) last.elements += elements
      else spans.push({ elements, turn })
    }
    engine.close()
    t.deepEqual(gradientSpans(shape), spans)
  })
}

/** 4 s forward; 1, 2 and 3 s backward; the optimizer 0.5 s. */
const onGpu: DeviceStep = { forward: 4, backward: [1, 2, 3], optimizer: 0.5, batch: 12, lanes: 1, slice: 12 }
const group = (more: Partial<Group> = {}): Group => ({
  buckets: [4, 2, 1].map((elements, turn) => ({ elements, turn })),
  // Of two devices each sends the whole: an element a second.
  link: link(4),
  aggregate: 1,
  ...more,
})

test('one device makes the step that was measured', (t) => {
  for (const mode of ['strong', 'weak'] as const) {
    const one = scale(onGpu, group({ link: link(1e-6, 100) }), 1, mode, 256)
    t.like(one, { sequences: 12, compute: 10, bytes: 0, exchange: 0, exposed: 0, step: 10.5, efficiency: 1 })
    t.is(one.tokensPerSecond, (12 * 256) / 10.5)
  }
})

test('two devices, a batch each', (t) => {
  const two = scale(onGpu, group(), 2, 'weak', 256)
  t.like(two, { sequences: 12, compute: 10, bytes: 28, exchange: 7, exposed: 2, optimizer: 0.5, step: 12.5 })
  t.is(two.efficiency, 10.5 / 12.5)
  t.is(two.tokensPerSecond, (2 * 12 * 256) / 12.5)
})

test('two devices that share the batch: half of the computing, all of the optimizer', (t) => {
  // Backward 0.5, 1, 1.5: 0.5 to 4.5, 6.5, 7.5; the pass is over at 3.
  const two = scale(onGpu, group(), 2, 'strong', 256)
  t.like(two, { sequences: 6, compute: 5, exchange: 7, exposed: 4.5, step: 10 })
  t.is(two.efficiency, 10.5 / 20)
  t.is(two.tokensPerSecond, (12 * 256) / 10)
  // Nothing to wait for: what is lost is the optimizer's.
  const free = scale(onGpu, group({ link: link(Number.POSITIVE_INFINITY) }), 2, 'strong', 256)
  t.like(free, { exposed: 0, step: 5.5 })
  // Of 12 sequences one of 5 devices has 3.
  t.like(scale(onGpu, group(), 5, 'strong', 256), { sequences: 3, compute: 2.5 })
})

test('of several minibatches the last alone hides the exchange', (t) => {
  const two = scale(onGpu, group({ aggregate: 3 }), 2, 'weak', 256)
  t.like(two, { compute: 30, exposed: 2, step: 32.5 })
  t.is(two.efficiency, 30.5 / 32.5)
  t.is(two.tokensPerSecond, (3 * 2 * 12 * 256) / 32.5)
})

test('a thread takes whole sequences, and its last one alone hides the exchange', (t) => {
  const onCpu = { ...onGpu, lanes: 2, slice: 1 }
  // Six sequences a thread: its last backward pass takes a sixth of 1, 2 and 3 s.
  const one = scale(onCpu, group({ buckets: [{ elements: 1, turn: 0 }] }), 2, 'weak', 256)
  t.true(close(one.exposed, 1 - 5 / 6))
  // 12 of 5 devices: 3 for the busiest, 2 of its threads for the busiest, of 6.
  const five = scale(onCpu, group(), 5, 'strong', 256)
  t.is(five.sequences, 3)
  t.true(close(five.compute, 10 / 3))
  // A recurrent model's thread takes up to so many in one pass.
  const together = scale({ ...onCpu, slice: 6 }, group(), 2, 'weak', 256)
  t.is(together.exposed, 2)
})

test('from how many devices on more do not pay', (t) => {
  const plain: DeviceStep = { forward: 8, backward: [0], optimizer: 0, batch: 8, lanes: 1, slice: 8 }
  const buckets = [{ elements: 1, turn: 0 }]
  // A step of the ring takes half a second: N-1 s beside 8/N of computing.
  const slow = group({ buckets, link: link(Number.POSITIVE_INFINITY, 0.5) })
  t.deepEqual(limits(plain, slow, 'strong', 1024), { half: 4, fastest: 2, most: 8 })
  // 8 s beside N-1: below a half from N = 10 on.
  t.like(limits(plain, slow, 'weak', 1024), { half: 10, most: 1024 })
  const free = group({ buckets, link: link(Number.POSITIVE_INFINITY) })
  t.deepEqual(limits(plain, free, 'strong', 1024), { half: null, fastest: 8, most: 8 })
  t.deepEqual(limits(plain, free, 'weak', 16), { half: null, fastest: 16, most: 16 })
})

const tiny = shapeSets.tiny.gpt_tiny

test('the parts of a step by its ops', (t) => {
  const ops = (names: Record<string, number>) => Object.entries(names).map(([op, seconds]) => ({ op, seconds }))
  // Two layers: of five norms one is the head's.
  const gpt = splitStep(
    tiny,
    ops({
      linear_forward: 5,
      lm_head_loss_backward: 7,
      layernorm_backward: 5,
      attention_backward: 1,
      linear_backward_weight: 1,
      linear_gelu_backward_input: 1,
      dropout_backward: 1,
      embedding_backward: 3,
      adamw: 2,
    }),
    30,
  )
  t.deepEqual(gpt, { forward: 9, backward: [8, 4, 4, 3], optimizer: 2 })
  const gru = shapeSets.tiny.gru_tiny
  const recurrent = { lm_head_loss_backward: 1, layernorm_backward: 1, token_embedding_backward: 1, gru_backward: 4 }
  t.deepEqual(splitStep(gru, ops({ ...recurrent, dropout_forward: 4 }), 20), {
    forward: 11,
    backward: [2, 3, 3, 1],
    optimizer: 0,
  })
  t.deepEqual(splitStep(gru, ops({ ...recurrent, dropout_forward: 4, dropout_forward_fp32: 2 }), 20), {
    forward: 11,
    backward: [2, 3, 3, 1],
    optimizer: 0,
  })
})

function trained(seconds: number, more: Partial<Row> & { threads?: number } = {}): Row[] {
  const { threads = 2, name = 'gpt_tiny', ...rest } = more
  const shape = { ...tiny, threads }
  const part = (op: string, share: number) =>
    row(`${name} ${op}`, 1e-3, { ...rest, bench: 'train_op', shape, figures: { share } })
  return [
    row(name, seconds, { ...rest, bench: 'train', shape }),
    part('linear_forward', 0.3),
    part('lm_head_loss_backward', 0.2),
    part('attention_backward', 0.2),
    part('adamw', 0.1),
    row('gru_tiny adamw', 1, { bench: 'train_op', shape, figures: { share: 0.9 } }),
  ]
}

test('steps of a file of runs: the shortest of each work', (t) => {
  const peer = row('gpt_tiny', 1, { bench: 'train', by: 'PyTorch 2.13.0 eager', shape: { ...tiny, threads: 2 } })
  const runs = file(run(trained(20)), run([peer, ...trained(10)]), run(trained(30)), run(trained(7, { threads: 1 })))
  const [two, one, ...more] = measuredSteps('a.json', runs, any)
  t.deepEqual(more, [])
  t.like(two, { name: 'gpt_tiny', device: 'cpu', precision: 'fp32', shape: tiny, date: run([]).date })
  const { forward, backward, optimizer, ...rest } = two?.step as DeviceStep
  t.deepEqual(rest, { batch: 2, lanes: 2, slice: 1 })
  t.true([forward, ...backward, optimizer].every((part, i) => close(part, [5, 2, 1, 1, 0, 1][i] as number)))
  t.is(one?.step.lanes, 1)
  t.is(scale(two?.step as DeviceStep, group(), 1, 'strong', 32).step, 10)

  const [gpu] = measuredSteps('a.json', file(run(trained(10, { device: 'cuda:0' }))), { ...any, models: ['gpt_tiny'] })
  t.like(gpu?.step, { batch: 2, lanes: 1, slice: 2 })
  t.is(groupOf(gpu as NamedStep, { link: link(1), aggregate: 1, devices: 1, bucket: null }).buckets.length, 1)

  const chosen = (more: Partial<StepChoice>) => measuredSteps('a.json', runs, { ...any, ...more })
  t.deepEqual(chosen({ threads: 1 }), [one as NamedStep])
  t.throws(() => chosen({ models: ['XL'] }), {
    code: 'AOT_DATA',
    message: /^a\.json has no training step of XL, only of gpt_tiny: measure one by /,
  })
  for (const other of [{ precisions: ['bf16'] }, { threads: 3 }]) {
    t.throws(() => chosen(other), { code: 'AOT_DATA', message: /^a\.json has no training step in this precision, on / })
  }
  t.throws(() => measuredSteps('a.json', file(run([row('copy', 1), peer])), any), {
    code: 'AOT_DATA',
    message: /^a\.json has no training step with its ops: measure one by aot-bench train MODEL --json FILE$/,
  })
})

for (const name of ['gpt_tiny', 'gru_tiny', 'lstm_tiny'] as const) {
  test(`the calls of a step are those that the engine makes: ${name}`, async (t) => {
    const shape = { ...shapeSets.tiny[name], n_layers: 3 }
    const request = { device: 'cpu', precision: 'bf16', threads: 1, shape, steps: 1 } as const
    const { profile } = await measureTraining(request)
    const counted = new Map<string, number>()
    for (const { op, shape: sizes, calls } of stepCalls(shape)) {
      const { flops } = native.opCost(op, sizes, 'bf16')
      if (op !== 'adamw') counted.set(op, (counted.get(op) ?? 0) + calls * flops)
    }
    const made = profile.ops.filter((op) => op.name !== 'adamw').map((op) => [op.name, op.flops] as const)
    t.deepEqual(new Map([...counted].sort()), new Map([...made].sort()))
  })
}

test('bounds of a GPU: no op is faster than its FLOPs and its bytes allow', (t) => {
  const { medium } = shapeSets.paper
  const peak = { flops: 989e12, bytes: 3.35e12 }
  const total = (given: typeof peak) => leastSeconds(medium, 'bf16', given).reduce((sum, op) => sum + op.seconds, 0)
  const products = (flopsPerToken(medium) * medium.batch * medium.attn_length) / peak.flops
  const byFlops = total({ ...peak, bytes: Number.POSITIVE_INFINITY })
  t.true(byFlops >= products && byFlops < 1.1 * products, `${byFlops} and ${products} seconds`)
  // Weights, gradients and moments: read 16 bytes a parameter, write 12 and more.
  const adamw = leastSeconds(medium, 'bf16', peak).find(({ op }) => op === 'adamw')?.seconds as number
  t.true(adamw >= (28 * 405e6) / peak.bytes && adamw < (36 * 405e6) / peak.bytes, `${adamw} seconds`)
  const byBytes = total({ ...peak, flops: Number.POSITIVE_INFINITY })
  t.true(total(peak) > Math.max(byFlops, byBytes) && total(peak) < 0.99 * (byFlops + byBytes))
  const { step, date } = leastStep('medium', medium, 'bf16', peak)
  t.is(date, null)
  t.true(close(scale(step, group(), 1, 'weak', 1).step, total(peak)))
})

test('links are as fast as their specification at most', (t) => {
  for (const name of linkNames) {
    const { bandwidth, latency } = linkOf(name)
    t.true(bandwidth > 1e9 && bandwidth < 1e12 && latency > 1e-6 && latency < 1e-4, name)
  }
  t.is(linkOf('nvlink4').bandwidth, 370e9)
  t.is(linkOf('pcie5').bandwidth, 63e9)
})

test('tables: two of one model, a line for each of several', (t) => {
  const plain = { width: 120, colours: false }
  const request = { link: linkOf('ethernet-10g'), aggregate: 1, devices: 8, bucket: null }
  const one = measuredSteps('a.json', file(run(trained(10))), any)
  const text = scalingTable(one, request, plain)
  t.regex(text, /^gpt_tiny, fp32, 2 threads, 2 × 32 tokens\ncpu \(measured 2026-11-25\); ethernet-10g: 1\.19 GB\/s/)
  t.regex(
    text,
    /the batch shared among the devices\n[\s\S]*\n {6}2 [\s\S]*\n {2}below 50 % from 2 devices on; most tokens\/s with 1\n/,
  )
  t.regex(text, /a batch as large on each device\n[\s\S]*\n {6}8 [\s\S]*efficiency is above 50 % up to 1024 devices$/)
  const bounds = [tiny, shapeSets.tiny.gru_tiny].map((shape) =>
    leastStep('a', shape, 'bf16', { flops: 1e12, bytes: 1e12 }),
  )
  const several = scalingTable(bounds, { ...request, aggregate: 7 }, plain)
  t.regex(several, /^a GPU at its best, 7 minibatches a step \(least times that FLOPs and bytes allow: bounds/)
  t.is(several.split('\n').length, 6)
})
