/** What runs take of the devices' memory, and what is free there. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { ResolvedRun } from '../config/types.js'
import { AotError, type AotErrorCode } from '../errors.js'
import { nativeFor } from '../native.js'
import type { Bytes } from './schedule.js'

/** Of a device: that of the machine, or of the GPU itself. */
export function poolOf(device: string): string {
  return device.startsWith('cuda') ? device : 'memory'
}

/** What the run takes on these devices, each of which has its share of every batch. @throws AotError AOT_CONFIG. */
export function memoryNeed(run: ResolvedRun, devices: readonly string[]): Bytes {
  const { model, precision, seed, training_params: training } = run.config
  const share = (batch: number) => Math.ceil(batch / devices.length)
  const need = new Map<string, number>()
  for (const device of devices) {
    const options = { model, modelParams: run.modelParams, device, precision, seed, threads: run.threads }
    const plan = nativeFor(device).planMemory(options, share(training.batch_size), share(run.validBatchSize))
    const pool = poolOf(device)
    need.set(pool, (need.get(pool) ?? plan.process) + plan.engine)
  }
  return need
}

/**
 * Bytes free of each pool of these devices. A GPU is asked in a process of its own, for a process that has asked keeps
 * some of its memory.
 * @throws AotError AOT_DEVICE for the first that is not there.
 */
export async function freeMemory(devices: readonly string[]): Promise<Bytes> {
  const gpus = [...new Set(devices.filter((device) => device.startsWith('cuda')))]
  const free = new Map<string, number>()
  for (const device of new Set(devices)) {
    if (!device.startsWith('cuda')) free.set(poolOf(device), nativeFor(device).freeMemory(device))
  }
  if (gpus.length === 0) return free
  const script = fileURLToPath(new URL('./ask_memory.js', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...gpus])
  const answers: (number | { code: AotErrorCode; message: string })[] = JSON.parse(stdout)
  for (const [index, answer] of answers.entries()) {
    if (typeof answer !== 'number') throw new AotError(answer.code, answer.message)
    free.set(gpus[index] as string, answer)
  }
  return free
}
