/** Devices that are not there: one line that says so, and what to do. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { Engine } from '../../ts/index.js'
import { native, packageRoot } from '../../ts/native.js'
import { gpus } from '../devices.js'
import { tiny } from '../engine/support.js'
import { makeRun, realDataset } from '../train/runs.js'

// A build without device code, one with it where there is no driver, and one where there is a driver but no GPU.
const noGpu = new RegExp(
  '^device cuda:0: (this build has no device code: install the CUDA toolkit \\(nvcc\\) and build again with ' +
    '`npm run build:native -- --CDAOT_CUDA=on`, or|there is no NVIDIA driver here: install it, or|there is no GPU here:) ' +
    'use --device cpu$',
)
const withoutGpu = gpus.length === 0 ? test : test.skip

withoutGpu('the engine says that there is no GPU', async (t) => {
  const create = () => Engine.create({ modelParams: tiny, device: 'cuda:0' })
  t.regex((await t.throwsAsync(create, { code: 'AOT_DEVICE' })).message, noGpu)
})

withoutGpu('aot-train says so in one line', async (t) => {
  const { folder, settings } = await realDataset(t, 300)
  const { configPath } = makeRun(folder, settings)
  const words = [join(packageRoot, 'bin/aot-train.js'), configPath, '--device', 'cuda:0']
  const error = await t.throwsAsync(promisify(execFile)(process.execPath, words, { cwd: folder }), { code: 2 } as never)
  const lines = (error as unknown as { stderr: string }).stderr.trimEnd().split('\n')
  t.is(lines.length, 1, lines.join('\n'))
  t.regex(lines[0] as string, new RegExp(`^aot-train: ${noGpu.source.slice(1)}`))
})

withoutGpu('aot-train with several says so in one line, before anything is made', async (t) => {
  const { folder, settings } = await realDataset(t, 300)
  const { configPath, runFolder } = makeRun(folder, settings)
  const queue = [configPath, configPath, '-r', 'run', '-r', 'other', '--device', 'cpu,cuda:0']
  for (const words of [queue, [configPath, '--device', 'cuda:0,cuda:1']]) {
    const command = [join(packageRoot, 'bin/aot-train.js'), ...words]
    const error = await t.throwsAsync(promisify(execFile)(process.execPath, command, { cwd: folder }), {
      code: 2,
    } as never)
    const lines = (error as unknown as { stderr: string }).stderr.trimEnd().split('\n')
    t.is(lines.length, 1, lines.join('\n'))
    t.regex(lines[0] as string, new RegExp(`^aot-train: ${noGpu.source.slice(1)}`))
    t.false(existsSync(runFolder))
  }
})

test('the ordinary addon has no emulated device', (t) => {
  const values = [1, 2, 3, 4].map((x) => Float32Array.of(x))
  t.throws(() => native.runOp('emulated', 'fp32', 'adamw', {}, values), {
    code: 'AOT_DEVICE',
    message: 'device emulated is for development and was not built: run bin/setup in a clone of the project',
  })
  t.throws(() => native.setEmulation({}), { code: 'AOT_DEVICE', message: 'this addon has no emulated device' })
})
