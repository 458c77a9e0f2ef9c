import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { native } from '../../ts/native.js'
import { makeInputs, runners } from './harness.js'

const shape = { batch: 5, window: 40, width: 24, out: 20, heads: 3, vocabulary: 300 }

test('two runs are equal bit for bit, and forward results for any number of threads', (t) => {
  for (const name of ['lm_head_loss_backward', 'attention_backward', 'linear_backward_weight', 'layernorm_backward']) {
    const inputs = makeInputs(name, shape)
    const run = () => native.runOp('cpu', 'fp32', name, shape, inputs, { threads: 2, rate: 0.1, seed: 3 })
    t.deepEqual(run(), run(), name)
  }
  for (const name of ['lm_head_loss', 'attention_forward', 'linear_gelu_forward', 'adamw']) {
    const inputs = makeInputs(name, shape).map((values) => values.map(Math.abs))
    if (name === 'lm_head_loss') inputs[2] = new Float32Array(200).fill(7)
    const run = (threads: number) => native.runOp('cpu', 'fp32', name, shape, inputs, { threads, rate: 0.1, seed: 3 })
    t.deepEqual(run(1), run(3), name)
    t.deepEqual(run(1), run(8), name)
  }
})

test('devices and instruction sets that are not there are refused, with what to do', (t) => {
  const inputs = makeInputs('linear_forward', shape)
  const run = (device: string, isa = '') => native.runOp(device, 'fp32', 'linear_forward', shape, inputs, { isa })
  t.throws(() => run('gpu'), { code: 'AOT_DEVICE', message: 'there is no device "gpu": use cpu' })
  const error = t.throws(() => run('cpu', 'sse9'), { code: 'AOT_DEVICE' })
  t.regex(error.message, /^AOT_ISA=sse9 is unknown: use one of .*baseline, or leave it unset$/)
})

test('an op says what is wrong with its arguments', (t) => {
  const inputs = makeInputs('linear_forward', shape)
  const run = (op: string, sizes = shape, values = inputs) => native.runOp('cpu', 'fp32', op, sizes, values)
  t.throws(() => run('nothing'), { code: 'AOT_CONFIG', message: 'there is no op "nothing"' })
  t.throws(() => run('linear_forward', { ...shape, heads: 5 }), {
    code: 'AOT_CONFIG',
    message: 'linear_forward: width must be a multiple of heads',
  })
  t.throws(() => run('linear_forward', shape, inputs.slice(1)), {
    code: 'AOT_CONFIG',
    message: 'linear_forward takes 3 inputs',
  })
  t.throws(() => run('linear_forward', { ...shape, out: 21 }), {
    code: 'AOT_CONFIG',
    message: 'linear_forward: weight must have 504 elements',
  })
})

test('the table gives costs', (t) => {
  // x 200x24, weight 20x24, bias 20, y 200x20.
  const cost = native.opCost('linear_forward', shape, 'fp32')
  t.deepEqual(cost, { flops: 2 * 200 * 20 * 24, bytes: 4 * (4800 + 480 + 20 + 4000) })
  t.is(native.opCost('linear_forward', shape, 'bf16').bytes, cost.bytes - 2 * (4800 + 4000))
  t.is(native.opCost('linear_forward_fp32', shape, 'bf16').bytes, cost.bytes - 2 * 4800)
  t.deepEqual(native.opCost('copy', { batch: 3, window: 4, width: 5 }, 'bf16'), { flops: 0, bytes: 2 * 4 * 60 })
  // Of 40 keys a token attends to those up to itself: 5 sequences of 40*41/2 pairs; 2 products forwards, 5 backwards.
  t.is(native.opCost('attention_forward', shape, 'bf16').flops, 2 * 2 * 5 * 820 * 24)
  t.is(native.opCost('attention_backward', shape, 'bf16').flops, 2 * 5 * 5 * 820 * 24)
  // 200 ids, x 200x24, and of a table of 300 rows no more than 200.
  t.is(native.opCost('token_embedding_forward', shape, 'fp32').bytes, 4 * (200 + 4800 + 4800))
  // Weights, gradients and both moments, read and written, and the norm.
  t.deepEqual(native.opCost('adamw', { width: 1000 }, 'bf16'), { flops: 16 * 1000, bytes: 4 * 8001 })
})

test('AOT_ISA chooses the instruction set of a process', (t) => {
  const inputs = makeInputs('linear_forward', { window: 3, width: 70, out: 5 })
  const script = `
    import { native } from ${JSON.stringify(new URL('../../ts/native.js', import.meta.url).href)}
    const inputs = JSON.parse(process.argv[1]).map((values) => new Float32Array(values))
    try {
      const { y } = native.runOp('cpu', 'fp32', 'linear_forward', { window: 3, width: 70, out: 5 }, inputs)
      console.log([...y].join())
    } catch (error) {
      console.log(error.code, error.message)
    }`
  const run = (isa: string) =>
    execFileSync(
      process.execPath,
      ['--input-type=module', '-e', script, JSON.stringify(inputs.map((values) => [...values]))],
      { env: { ...process.env, AOT_ISA: isa }, cwd: fileURLToPath(new URL('.', import.meta.url)), encoding: 'utf8' },
    ).trim()
  for (const isa of native.availableIsas()) {
    const { y } = native.runOp('cpu', 'fp32', 'linear_forward', { window: 3, width: 70, out: 5 }, inputs, { isa })
    t.is(run(isa), [...(y as Float32Array)].join(), isa)
  }
  t.regex(run('mmx'), /^AOT_DEVICE AOT_ISA=mmx is unknown: use one of .*baseline, or leave it unset$/)
})

test('copies copy', (t) => {
  const inputs = makeInputs('copy', { batch: 3, window: 2, width: 7 })
  for (const { name, run } of runners) {
    t.deepEqual(run('bf16', 'copy', { batch: 3, window: 2, width: 7 }, inputs).y, inputs[0], name)
  }
})
