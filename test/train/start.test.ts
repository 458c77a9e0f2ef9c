/** What --init-from takes, and every way in which it does not fit. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import type { Tensor } from '../../ts/index.js'
import { native } from '../../ts/native.js'
import { exportWeights } from '../../ts/train/export.js'
import { trainRun } from '../../ts/train/run.js'
import { newEngine } from '../../ts/train/start.js'
import { readSafetensors, type Tensor as StoredTensor, writeSafetensors } from '../goldens/safetensors.js'
import { makeRun, plain, realDataset, type Settings } from './runs.js'

test('--init-from takes runs, states, exported folders and plain files, and says what does not fit', async (t) => {
  const { folder, settings } = await realDataset(t, 300)
  const all: Settings = { ...settings, steps_to_train: 4, save_every: 2 }
  const from = makeRun(folder, all, 'from')
  await trainRun(from, plain, { native, print: () => {}, terminal: null })
  const run = makeRun(folder, { ...all, seed: 5 }, 'new')
  const start = async (path: string, changed = run) => {
    const engine = await newEngine(native.Engine, changed, path)
    const parameters = new Map<string, Tensor>(engine.parameters())
    t.deepEqual([engine.minibatch, engine.optimizerSteps, engine.options.seed], [0, 0, 5])
    engine.close()
    return parameters
  }
  const state = join(from.runFolder, 'state/4')
  const weights = readSafetensors(join(state, 'model.safetensors')).tensors as Map<string, Tensor>
  await exportWeights(from.runFolder, join(folder, 'exported'))

  // As PyTorch saves the original: without our metadata, with the causal masks.
  const plainFile = join(folder, 'plain.safetensors')
  const write = (change: (tensors: Map<string, StoredTensor>) => void) => {
    const copy = new Map<string, StoredTensor>(weights)
    change(copy)
    writeSafetensors(plainFile, copy)
  }
  write((tensors) => {
    tensors.set('transformer.h.0.attn.cant_attend', { shape: [8, 8], data: new Int32Array(64) })
  })
  mkdirSync(join(folder, 'linked'))
  cpSync(plainFile, join(folder, 'linked/model.safetensors'))
  for (const path of [
    from.runFolder,
    join(from.runFolder, 'state'),
    state,
    join(state, 'model.safetensors'),
    join(folder, 'exported'),
    join(folder, 'exported/model.safetensors'),
    plainFile,
    join(folder, 'linked'),
  ]) {
    t.deepEqual(await start(path), weights, path)
  }
  t.notDeepEqual(await start(join(from.runFolder, 'state/2')), weights)

  const refused = async (path: string, code: string, message: string, changed = run) => {
    const error = await t.throwsAsync(start(path, changed), { code }, message)
    t.is(error?.message, `--init-from ${path}: ${message}`)
  }
  const hint = "; it must hold the weights of the config's model, gpt, with its model_params"
  write((tensors) => tensors.delete('transformer.ln_f.bias'))
  await refused(plainFile, 'AOT_DATA', `${plainFile}: tensor "transformer.ln_f.bias" is missing${hint}`)
  write((tensors) => tensors.set('transformer.h.1.ln_1.bias', { shape: [8], data: new Float32Array(8) }))
  await refused(
    plainFile,
    'AOT_DATA',
    `${plainFile}: tensor "transformer.h.1.ln_1.bias" is not one of this model${hint}`,
  )
  write((tensors) => tensors.set('lm_head.weight', { shape: [8, 300], data: new Float32Array(2400) }))
  const shape = 'tensor "lm_head.weight" has shape [8,300] where the model needs [300,8]'
  await refused(plainFile, 'AOT_DATA', `${plainFile}: ${shape}${hint}`)
  const wider = makeRun(folder, { ...all, 'model_params.vocab_size': 302 }, 'wider')
  const file = join(folder, 'exported/model.safetensors')
  const embedder = 'tensor "transformer.token_embedder.weight" has shape [300,8] where the model needs [302,8]'
  await refused(join(folder, 'exported'), 'AOT_DATA', `${file}: ${embedder}${hint}`, wider)

  // Of another model: by the metadata, by the config beside it, by the names alone.
  const other = (from: string, to: string) => {
    const content = readFileSync(from)
    writeFileSync(to, Buffer.from(content.toString('latin1').replace('"model":"gpt"', '"model":"gru"'), 'latin1'))
  }
  other(join(state, 'model.safetensors'), plainFile)
  await refused(plainFile, 'AOT_CONFIG', "its weights are of the model gru, the config's model is gpt")
  const config = join(folder, 'exported/config.json')
  writeFileSync(config, JSON.stringify({ ...JSON.parse(readFileSync(config, 'utf8')), model: 'gru' }))
  await refused(join(folder, 'exported'), 'AOT_CONFIG', "its weights are of the model gru, the config's model is gpt")
  writeSafetensors(plainFile, new Map([['gru.weight_ih_l0', { shape: [2], data: new Float32Array(2) }]]))
  const first = 'tensor "transformer.token_embedder.weight" is missing'
  await refused(plainFile, 'AOT_DATA', `${plainFile}: ${first}${hint}`)

  // No weights at all, and damage.
  const nowhere = join(folder, 'nowhere')
  const names = 'name a run folder, a folder of its state, an exported folder or a safetensors file'
  await refused(nowhere, 'AOT_IO', `there is no ${nowhere}/model.safetensors: ${names}`)
  await refused(folder, 'AOT_IO', `there is no ${folder}/model.safetensors: ${names}`)
  for (const content of ['', 'text', '\x07\0\0\0\0\0\0\0', '\x02\0\0\0\0\0\0\0[]', '\xff'.repeat(64)]) {
    writeFileSync(plainFile, content, 'latin1')
    await refused(plainFile, 'AOT_DATA', `${plainFile} is not a safetensors file`)
  }
  writeFileSync(plainFile, readFileSync(join(folder, 'linked/model.safetensors')).subarray(0, -4))
  await refused(plainFile, 'AOT_DATA', `${plainFile} is not a safetensors file`)
  const damaged = readFileSync(join(state, 'model.safetensors'))
  damaged[damaged.length - 1] = (damaged.at(-1) as number) ^ 1
  writeFileSync(join(state, 'model.safetensors'), damaged)
  await refused(from.runFolder, 'AOT_DATA', 'model.safetensors is damaged: checksum')
  writeFileSync(join(from.runFolder, 'state/latest'), 'x')
  await refused(
    from.runFolder,
    'AOT_DATA',
    `${from.runFolder}/state/latest is damaged: name one of the folders beside it`,
  )
})
