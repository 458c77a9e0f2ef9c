/** aot-export, and its folders in the hands of PyTorch. */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { Engine, type GptParams, Tokenizer } from '../../ts/index.js'
import { native, packageRoot } from '../../ts/native.js'
import { exportWeights } from '../../ts/train/export.js'
import { trainRun } from '../../ts/train/run.js'
import { readSafetensors } from '../goldens/safetensors.js'
import { makeRun, plain, realDataset, type Settings } from './runs.js'

async function trained(t: ExecutionContext, changes: Settings = {}) {
  const { folder, settings } = await realDataset(t, 300)
  const all: Settings = { ...settings, steps_to_train: 6, save_every: 3, backup_every: 3, ...changes }
  const run = makeRun(folder, { ...all, 'model_params.n_layers': 2, 'model_params.n_heads': 2 }, 'run')
  await trainRun(run, plain, { native, print: () => {}, terminal: null })
  return { folder, run, runFolder: run.runFolder }
}

function aotExport(folder: string, args: string[], fileLimit?: number) {
  const command = [process.execPath, join(packageRoot, 'bin/aot-export.js'), ...args]
  const limited = ['bash', '-c', `ulimit -f ${fileLimit} && exec "$@"`, 'bash', ...command]
  const [program, ...rest] = fileLimit === undefined ? command : limited
  const { status, stdout, stderr } = spawnSync(program as string, rest, { cwd: folder, encoding: 'utf8' })
  return { status, stdout, stderr }
}

/** Below `folder`, sorted. */
function everyFile(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
}

test('a run becomes a folder of plain weights, config and tokenizer', async (t) => {
  const { folder, run, runFolder } = await trained(t)
  const ran = aotExport(folder, [runFolder, 'out/exported'])
  t.deepEqual(ran, {
    status: 0,
    stderr: '',
    stdout:
      "exported    out/exported, step 6\nweights     gpt, 6,624 parameters in 29 tensors\nconfig      the run's\ntokenizer   the run's\n",
  })
  const exported = join(folder, 'out/exported')
  const tokenizer = everyFile(join(runFolder, 'tokenizer'))
  t.deepEqual(everyFile(exported), [
    'config.json',
    'model.safetensors',
    'tokenizer',
    ...tokenizer.map((name) => join('tokenizer', name)),
  ])
  for (const name of ['config.json', ...tokenizer.map((name) => join('tokenizer', name))]) {
    t.deepEqual(readFileSync(join(exported, name)), readFileSync(join(runFolder, name)), name)
  }
  t.deepEqual(readdirSync(join(folder, 'out')), ['exported'])

  const weights = join(exported, 'model.safetensors')
  const { tensors, metadata } = readSafetensors(weights)
  t.deepEqual(metadata, { format: 'pt' })
  const engine = await Engine.load(join(runFolder, 'state/6'))
  t.deepEqual(tensors, engine.parameters())
  engine.close()
  // The data begins at a multiple of 8, as readers that map the file want it.
  t.is(readFileSync(weights).readBigUInt64LE() % 8n, 0n)

  // Older states, and one that was carried out of its run.
  const other = await exportWeights(join(runFolder, 'state/backups/3'), join(folder, 'older'))
  t.deepEqual([other.step, other.tokenizer, other.runFolder], [3, true, runFolder])
  t.notDeepEqual(readSafetensors(join(folder, 'older/model.safetensors')).tensors, tensors)
  cpSync(join(runFolder, 'state/6'), join(folder, 'alone'), { recursive: true })
  const alone = aotExport(folder, ['alone', 'from-alone'])
  t.regex(alone.stdout, /\nconfig {6}the model alone: the state does not lie in its run folder\ntokenizer {3}none/)
  const config = JSON.parse(readFileSync(join(folder, 'from-alone/config.json'), 'utf8'))
  t.deepEqual(config, { model: 'gpt', model_params: { ...run.modelParams, mlp_ratio: 4, dropout: 0.1 } })
  t.deepEqual(readSafetensors(join(folder, 'from-alone/model.safetensors')).tensors, tensors)
})

test('FW+BW: the folder has the two ids in weights and tokenizer', async (t) => {
  const { folder, runFolder } = await trained(t, { backwards: null, valid_steps: 2 })
  await exportWeights(runFolder, join(folder, 'exported'))
  const { tensors } = readSafetensors(join(folder, 'exported/model.safetensors'))
  t.deepEqual(tensors.get('lm_head.weight')?.shape, [302, 8])
  const tokenizer = Tokenizer.load(join(folder, 'exported/tokenizer'))
  t.deepEqual([tokenizer.vocabSize, tokenizer.tokenToId('<|backward|>')], [302, 301])
})

test('what is no whole state, and a place that is taken, are refused in one line; nothing is left', async (t) => {
  const { folder, runFolder } = await trained(t)
  const refused = (source: string, message: string, target = 'new/place', fileLimit?: number) => {
    const ran = aotExport(folder, [source, target], fileLimit)
    t.deepEqual([ran.status, ran.stdout], [2, ''], ran.stderr)
    t.regex(ran.stderr, new RegExp(`^aot-export: ${message}.*\n$`))
    t.false(existsSync(join(folder, 'new')))
    t.false(existsSync(join(folder, `${target}.tmp`)))
  }
  mkdirSync(join(folder, 'taken'))
  writeFileSync(join(folder, 'taken/file'), 'mine')
  refused(runFolder, 'taken is there already: move it away, or name another', 'taken')
  refused(runFolder, 'taken/file is there already', 'taken/file')
  refused(runFolder, 'cannot make the folder .*/taken/file: .*', 'taken/file/below')
  refused('nowhere', 'there is no nowhere/model.safetensors: name a run folder, a folder of its state')
  refused('taken', 'there is no taken/model.safetensors')
  mkdirSync(join(folder, 'begun/state/backups'), { recursive: true })
  refused('begun', 'the run has no saved state yet')
  refused(runFolder, 'cannot write .*new/place.tmp/.*: .*', 'new/place', 4)

  await exportWeights(runFolder, join(folder, 'exported'))
  refused('exported', 'exported is no run and no saved state')

  writeFileSync(join(runFolder, 'config.json'), '{')
  refused(runFolder, '.*config.json is damaged: start the run once more')
  const latest = join(runFolder, 'state/latest')
  writeFileSync(latest, '../elsewhere\n')
  refused(runFolder, '.*state/latest is damaged: name one of the folders beside it')
  const weights = join(runFolder, 'state/6/model.safetensors')
  const bytes = readFileSync(weights)
  bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1
  writeFileSync(weights, bytes)
  refused(join(runFolder, 'state/6'), 'model.safetensors is damaged: checksum')
  refused(weights, 'model.safetensors is damaged: checksum')
  rmSync(join(runFolder, 'state/6/trainer.json'))
  refused(join(runFolder, 'state/6'), '.* is no run and no saved state')
  await t.throwsAsync(exportWeights(join(runFolder, 'state/3'), join(folder, 'new'), AbortSignal.abort()))
  t.false(existsSync(join(folder, 'new')))
  t.false(existsSync(join(folder, 'new.tmp')))
})

/** The Python examples of docs/weights.md, in their order. */
function examples(): string[] {
  const text = readFileSync(join(packageRoot, 'docs/weights.md'), 'utf8')
  return [...text.matchAll(/^```python\n(.*?)^```$/gms)].map(([, code]) => code as string)
}

/** Ids of two windows of the tiny model. */
const inputs = Array.from({ length: 2 }, (_, row) => Array.from({ length: 8 }, (_, i) => (row * 131 + i * 37) % 300))

async function logits(weights: string, modelParams: Record<string, unknown>): Promise<Float32Array> {
  const engine = await Engine.create({ modelParams: modelParams as unknown as GptParams, weights })
  const { logits } = await engine.forward(Int32Array.from(inputs.flat()), inputs.length)
  engine.close()
  return logits
}

function farthest(ours: Float32Array, theirs: ArrayLike<number> | undefined): number {
  return ours.reduce((most, value, i) => Math.max(most, Math.abs(value - (theirs?.[i] ?? Number.NaN))), 0)
}

test('PyTorch reads an exported folder and writes weights for --init-from, by the examples of the docs', async (t) => {
  const { folder, run, runFolder } = await trained(t)
  const exported = join(folder, 'exported')
  await exportWeights(runFolder, exported)
  const ours = await logits(join(exported, 'model.safetensors'), run.modelParams)
  t.is(examples().length, 2)

  const python = process.env.AOT_PYTHON ?? 'python3'
  if (spawnSync(python, ['-c', 'import torch, safetensors']).status !== 0) {
    t.log(`${python} has no torch and safetensors (AOT_PYTHON names another): names, shapes and format were compared`)
    const { tensors } = readSafetensors(join(packageRoot, 'test/goldens/engine/two_layers.safetensors'))
    const names = [...tensors.keys()].filter((key) => key.startsWith('weights.')).map((key) => key.slice(8))
    t.deepEqual([...readSafetensors(join(exported, 'model.safetensors')).tensors.keys()].sort(), names.sort())
    return
  }
  const files = ['reading.py', 'writing.py', 'inputs.json'].map((name) => join(folder, name))
  for (const [i, content] of [...examples(), JSON.stringify(inputs)].entries())
    writeFileSync(files[i] as string, content)
  const script = join(packageRoot, 'test/train/torch_weights.py')
  const { status, stderr } = spawnSync(python, [script, ...files], { cwd: folder, encoding: 'utf8' })
  t.is(status, 0, stderr)
  const { tensors } = readSafetensors(join(folder, 'logits.safetensors'))
  const difference = farthest(ours, tensors.get('read')?.data)
  t.true(difference < 1e-5, `${difference}`)
  const fresh = farthest(
    await logits(join(folder, 'from_torch.safetensors'), run.modelParams),
    tensors.get('fresh')?.data,
  )
  t.true(fresh < 1e-5, `${fresh}`)
  t.log(`logits differ from PyTorch's by ${difference} (exported) and ${fresh} (read)`)
})
