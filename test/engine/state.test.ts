/** What the engine writes and reads: exact state, weights of others, every kind of damage. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { Engine } from '../../ts/index.js'
import { readSafetensors, type Tensor, writeSafetensors } from '../goldens/safetensors.js'
import { batch, create, devices, inputs, models, targets, temporaryFolder, values } from './support.js'

const folder = temporaryFolder()

/** Part `part` of six minibatches of an accumulation of two; returns what can be seen of it. */
async function play(engine: Engine, part: number): Promise<number[]> {
  const seen = [(await engine.accumulate(inputs(part), targets(part), batch, { scale: 0.5 })).loss]
  if (part % 2 === 1) seen.push((await engine.optimizerStep({ lr: 1e-2 })).gradNorm)
  return seen
}

for (const device of devices)
  for (const model of models) {
    test(`a state saved anywhere continues bit for bit: ${model.model}, ${device}`, async (t) => {
      const seed = 2n ** 63n + 5n
      const unbroken = await create(device, { ...model, seed })
      const expected: number[][] = []
      for (let part = 0; part < 6; part++) expected.push(await play(unbroken, part))
      for (const at of [0, 1, 2, 5]) {
        const first = await create(device, { ...model, seed })
        for (let part = 0; part < at; part++) await play(first, part)
        const place = join(folder, `${model.model}-${device}`, `${at}`)
        await first.save(place)
        first.close()
        const engine = await Engine.load(place, { device, threads: device === 'cpu' ? 2 : undefined })
        t.is(engine.minibatch, at)
        t.is(engine.optimizerSteps, at >> 1)
        t.is(engine.options.seed, seed)
        for (let part = at; part < 6; part++) t.deepEqual(await play(engine, part), expected[part], `${at}: ${part}`)
        t.deepEqual(values(engine.parameters()), values(unbroken.parameters()), `saved at ${at}`)
        engine.close()
      }
      unbroken.close()
    })
  }

test('files: names, shapes, no padding, gradients only when pending', async (t) => {
  const engine = await create('cpu')
  await play(engine, 0)
  await engine.save(join(folder, 'files'))
  const model = readSafetensors(join(folder, 'files/model.safetensors'))
  t.deepEqual(values(model.tensors as never), values(engine.parameters()))
  t.is(model.metadata.minibatch, '1')
  const state = readSafetensors(join(folder, 'files/optimizer.safetensors')).tensors
  t.deepEqual(state.get('gradient.lm_head.weight'), engine.gradients().get('lm_head.weight'))
  t.is(state.size, 3 * model.tensors.size)
  await play(engine, 1)
  await engine.save(join(folder, 'files'))
  t.is(readSafetensors(join(folder, 'files/optimizer.safetensors')).tensors.size, 2 * model.tensors.size)
  const { losses } = await engine.evaluate(inputs(0), targets(0), batch)
  // A saved model is a weights file for others.
  const other = await create('cpu', { weights: join(folder, 'files/model.safetensors'), seed: 1 })
  t.deepEqual((await other.evaluate(inputs(0), targets(0), batch)).losses, losses)
  engine.close()
  other.close()
})

/** A safetensors file of raw parts. */
function write(path: string, header: unknown, data: Uint8Array): void {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  writeFileSync(path, Buffer.concat([length, text, data]))
}

test('weights in F16 and BF16', async (t) => {
  const bits: [string, number[], number[]][] = [
    [
      'F16',
      [0x3c00, 0xc000, 0x0001, 0x83ff, 0x3555, 0x7bff],
      [1, -2, 2 ** -24, -1023 * 2 ** -24, 0.333251953125, 65504],
    ],
    ['BF16', [0x3f80, 0xc000, 0x0001, 0x3eab], [1, -2, 2 ** -133, 0.333984375]],
  ]
  const engine = await create('reference')
  const weights = engine.parameters()
  for (const [dtype, halves, expected] of bits) {
    const header: Record<string, unknown> = {}
    const parts: Buffer[] = []
    let offset = 0
    for (const [name, { shape, data }] of weights) {
      const raw = Buffer.from(new Uint16Array(data.length).map((_, i) => halves[i % halves.length] as number).buffer)
      header[name] = { dtype, shape, data_offsets: [offset, offset + raw.length] }
      offset += raw.length
      parts.push(raw)
    }
    const path = join(folder, `${dtype}.safetensors`)
    write(path, header, Buffer.concat(parts))
    const other = await create('reference', { weights: path })
    t.deepEqual(
      Array.from((other.parameters().get('lm_head.weight')?.data as Float32Array).slice(0, halves.length)),
      expected,
    )
  }
})

test('weights that do not fit, and damaged files', async (t) => {
  const engine = await create('cpu')
  const weights = engine.parameters()
  const path = join(folder, 'w.safetensors')
  const rejects = async (message: string, code = 'AOT_DATA') => {
    const error = await t.throwsAsync(create('cpu', { weights: path }), { name: 'AotError', code })
    t.is(error?.message, message.replace('PATH', path))
  }
  const changed = (change: (copy: Map<string, Tensor>) => void) => {
    const copy = new Map<string, Tensor>(weights)
    change(copy)
    writeSafetensors(path, copy)
  }
  changed((copy) => copy.delete('transformer.ln_f.bias'))
  await rejects('PATH: tensor "transformer.ln_f.bias" is missing')
  changed((copy) => copy.set('bias\n', { shape: [1], data: new Float32Array(1) }))
  await rejects('PATH: tensor "bias\\n" is not one of this model')
  changed((copy) => copy.set('lm_head.weight', { shape: [18, 43], data: new Float32Array(18 * 43) }))
  await rejects('PATH: tensor "lm_head.weight" has shape [18,43] where the model needs [43,18]')
  changed((copy) => copy.set('lm_head.weight', { shape: [43, 18], data: new Int32Array(18 * 43) }))
  await rejects('PATH: tensor "lm_head.weight" is I32: F32, F16 or BF16 is needed')

  changed(() => {})
  const whole = readFileSync(path)
  writeFileSync(path, whole.subarray(0, whole.length - 1))
  await rejects('PATH: tensor "lm_head.weight" lies outside of the file: it was cut short, or its header is damaged')
  writeFileSync(path, Buffer.concat([whole, Buffer.alloc(3)]))
  await rejects('PATH: the file has 3 bytes past its last tensor')
  writeFileSync(path, whole.subarray(0, 300))
  await rejects('PATH: the file ends inside its header: it was cut short')
  writeFileSync(path, '')
  await rejects('PATH: it is too short to be a safetensors file')
  writeFileSync(path, Buffer.alloc(64, 0xff))
  await rejects('PATH: it is not a safetensors file (its header would be too long)')
  write(path, '[1, 2]', Buffer.alloc(0))
  await rejects('PATH: its header is not a JSON object: the file is damaged')
  write(path, '{"a": ', Buffer.alloc(0))
  await rejects('PATH: its header is not a JSON object: the file is damaged')
  write(path, { a: { dtype: 'F32', shape: [-1], data_offsets: [0, 4] } }, Buffer.alloc(4))
  await rejects('PATH: the header\'s entry of tensor "a" is not well-formed')
  write(path, { a: { dtype: 'F99', shape: [1], data_offsets: [0, 4] } }, Buffer.alloc(4))
  await rejects('PATH: tensor "a" has the unknown dtype "F99"')
  write(path, { a: { dtype: 'F32', shape: [2 ** 40, 2 ** 40], data_offsets: [0, 4] } }, Buffer.alloc(4))
  await rejects('PATH: tensor "a" has 4 bytes, which is not what shape [1099511627776,1099511627776] of F32 takes')
  write(path, { a: { dtype: 'F32', shape: [1], data_offsets: [4, 8] } }, Buffer.alloc(8))
  await rejects('PATH: tensor "a" does not start where the one before it ends: the header is damaged')
  mkdirSync(join(folder, 'a-folder'))
  await t.throwsAsync(create('cpu', { weights: join(folder, 'a-folder') }), {
    code: 'AOT_IO',
    message: `cannot read ${join(folder, 'a-folder')}: it is not a file`,
  })
  await t.throwsAsync(create('cpu', { weights: join(folder, 'absent') }), {
    code: 'AOT_IO',
    message: `cannot open ${join(folder, 'absent')}: No such file or directory`,
  })
  engine.close()
})

test('a state whose metadata is damaged', async (t) => {
  const engine = await create('cpu')
  const place = join(folder, 'metadata')
  await engine.save(place)
  engine.close()
  const path = join(place, 'model.safetensors')
  const whole = readFileSync(path, 'latin1')
  for (const [from, to, message] of [
    ['"minibatch":"0"', '"minibatch":"x"', "its metadata has a wrong 'minibatch': the file is damaged"],
    ['"precision":"fp32"', '"precision":"fp31"', "its metadata has a wrong 'precision': the file is damaged"],
    ['"n_layers\\":2', '"n_layers\\":[', "its metadata has a wrong 'model_params': the file is damaged"],
    ['"n_heads\\":3', '"n_heads\\":4', 'its metadata is wrong: model_params.embed_dim (18) must be a multiple'],
  ] as const) {
    t.true(whole.includes(from), from)
    writeFileSync(path, whole.replace(from, to), 'latin1')
    const error = await t.throwsAsync(Engine.load(place), { code: 'AOT_DATA' })
    t.true(error?.message.startsWith(`${path}: ${message}`), error?.message)
  }
})

test('states that do not belong together, or are none', async (t) => {
  const engine = await create('cpu')
  const [one, two] = [join(folder, 'one'), join(folder, 'two')]
  await engine.save(one)
  await play(engine, 0)
  await engine.save(two)
  writeFileSync(join(two, 'model.safetensors'), readFileSync(join(one, 'model.safetensors')))
  await t.throwsAsync(Engine.load(two), {
    code: 'AOT_DATA',
    message: `${two}/optimizer.safetensors is not of the same state as ${two}/model.safetensors: 'minibatch' differs`,
  })
  writeSafetensors(join(one, 'model.safetensors'), engine.parameters())
  await t.throwsAsync(Engine.load(one), {
    code: 'AOT_DATA',
    message: `${one}/model.safetensors: its metadata lacks 'model': it is not a state that an engine saved`,
  })
  await t.throwsAsync(Engine.load(join(folder, 'nowhere')), { code: 'AOT_IO' })
  engine.close()
})
