/** The tests of ops and of whole models, on every device there is; and single ops under compute-sanitizer. */
import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { formatNumberOf } from '../logging/amounts.js'
import { checkOf, device, notRun, packageRoot, runNode } from './place.js'
import type { Check, Gpu } from './report.js'

const testLimit = 20 * 60
const sanitizerLimit = 30 * 60

/** dist/test/ops/linear.test.js and its like. */
export function deviceTests(): string[] {
  return ['dist/test/ops', 'dist/test/engine'].flatMap((folder) =>
    readdirSync(join(packageRoot, folder))
      .filter((name) => name.endsWith('.test.js'))
      .map((name) => `${folder}/${name}`),
  )
}

/** What a TAP report counts: `12 tests`, or which of them failed. */
export function countTap(output: string): { passed: number; failed: string[]; details: string } {
  const passed = output.match(/^ok /gm)?.length ?? 0
  const failed = [...output.matchAll(/^not ok \d+ - (.*)$/gm)].map(([, name]) => name as string)
  const total = formatNumberOf(passed + failed.length, 'test')
  return { passed, failed, details: failed.length === 0 ? total : `${failed.length} of ${total}: ${failed.join('; ')}` }
}

export async function checkTests(file: string, gpu: Gpu | null): Promise<Check> {
  const name = file.replace(/^dist\//, '').replace(/\.test\.js$/, '')
  const args = ['node_modules/ava/entrypoints/cli.mjs', '--tap', '--timeout=15m', file]
  // A test that would leave the GPU out must not look like one that passed on it.
  const result = await runNode(name, args, testLimit, { env: gpu === null ? {} : { AOT_REQUIRE_DEVICE: device } })
  const { passed, failed, details } = countTap(result.output)
  const check = checkOf(name, result, details)
  if (check.ok && passed === 0) return { ...check, ok: false, details: 'it ran no test' }
  return failed.length === 0 ? check : { ...check, ok: false, details: `${check.details}; ${details}` }
}

function findSanitizer(): string | undefined {
  const { CUDA_HOME, CUDA_PATH, PATH = '' } = process.env
  const toolkits = [CUDA_HOME, CUDA_PATH, '/usr/local/cuda'].flatMap((folder) => (folder ? [join(folder, 'bin')] : []))
  return [...PATH.split(delimiter), ...toolkits].map((folder) => join(folder, 'compute-sanitizer')).find(existsSync)
}

/** Every op once or twice under compute-sanitizer, whose tools make kernels many times slower. */
export async function checkSanitizer(tool: 'memcheck' | 'racecheck', gpu: Gpu | null): Promise<Check> {
  const name = `compute-sanitizer ${tool}`
  if (gpu === null) return notRun(name, 'it needs a GPU')
  const sanitizer = findSanitizer()
  if (sanitizer === undefined)
    return notRun(name, 'compute-sanitizer is not installed here (it comes with the CUDA toolkit)')
  const through = [
    sanitizer,
    '--tool',
    tool,
    '--error-exitcode',
    '9',
    '--report-api-errors',
    'no',
    '--target-processes',
    'all',
  ]
  const result = await runNode(name, ['dist/test/cuda/run_every_op.js', device], sanitizerLimit, { through })
  return checkOf(name, result, 'every op in fp32 and bf16, and steps of a model: no error')
}
