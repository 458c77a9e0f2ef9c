/** Which GPU there is, and whether the engine can use it. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { checkOf, device, notRun, runNode } from './place.js'
import type { Check, Gpu } from './report.js'

/** Makes a small engine on the device; prints how the engine describes it and how many GPUs there are, or why it cannot. */
const probe = `
import { native } from './dist/ts/native.js'
try {
  const modelParams = { vocab_size: 8, n_layers: 1, n_heads: 1, embed_dim: 8, attn_length: 4, mlp_ratio: 1, dropout: 0, embd_dropout: 0 }
  const options = { model: 'gpt', modelParams, precision: 'fp32', seed: 0 }
  const engine = await native.Engine.create({ ...options, device: '${device}' })
  engine.close()
  let count = 1
  try {
    for (;; count++) (await native.Engine.create({ ...options, device: 'cuda:' + count })).close()
  } catch {}
  console.log(engine.description + '\\n' + count)
} catch (error) {
  console.log(error.message)
  process.exitCode = 1
}`

/** The driver's own words on the first GPU; null where nvidia-smi is missing or fails. */
function askDriver(): { name: string; driver: string; memory: string } | null {
  try {
    const query = ['--query-gpu=name,driver_version,memory.total', '--format=csv,noheader', '--id=0']
    const [name, driver, memory] = execFileSync('nvidia-smi', query, {
      encoding: 'utf8',
      stdio: 'pipe',
      timeout: 60_000,
    })
      .trim()
      .split(/, */)
    return name && driver && memory ? { name, driver, memory } : null
  } catch {
    return null
  }
}

/** What the probe prints, among what the engine says on the standard error. */
export function readProbe(output: string): { description: string; count: number } {
  const lines = output.trim().split('\n')
  const at = lines.findIndex((line) => line.startsWith(`${device} (`))
  return { description: lines[at] ?? output.trim(), count: Number(lines[at + 1]) || 1 }
}

/** A GPU that is there but cannot be used is a failed check; none at all is no failure. */
export async function checkEnvironment(): Promise<{ check: Check; gpu: Gpu | null }> {
  const name = 'environment'
  const driver = askDriver()
  const result = await runNode(name, ['--input-type=module', '-e', probe], 300)
  const description = result.output.trim()
  if (result.status === 0) {
    const gpu = { ...readProbe(result.output), driver: driver?.driver ?? null, memory: driver?.memory ?? null }
    return { check: checkOf(name, result, 'the engine runs on it'), gpu }
  }
  const isThere = driver !== null || existsSync('/dev/nvidia0')
  const seen = driver === null ? '' : ` (nvidia-smi finds ${driver.name}, driver ${driver.driver})`
  if (!isThere) return { check: notRun(name, description), gpu: null }
  return { check: { ...checkOf(name, result, ''), details: `${description}${seen}` }, gpu: null }
}
