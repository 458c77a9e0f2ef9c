/** aot-bench train: whole training steps, each model in a process of its own so that its peak memory is its own. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { AotError, type AotErrorCode } from '../errors.js'
import type { Ceilings } from './ceilings.js'
import { type Row, timeOf } from './record.js'
import { flopsPerToken, type ModelShape } from './shapes.js'

export interface TrainRequest {
  device: string
  precision: 'fp32' | 'bf16'
  threads: number
  shape: ModelShape
  /** Timed ones; two come before. */
  steps: number
}

const profiledOp = z.strictObject({
  name: z.string(),
  calls: z.number(),
  seconds: z.number(),
  flops: z.number(),
  bytes: z.number(),
})
const measured = z.strictObject({
  description: z.string(),
  /** Seconds of each step. */
  samples: z.array(z.number()),
  /** Bytes. */
  peak_memory: z.number(),
  profile: z.strictObject({ seconds: z.number(), lanes: z.number(), ops: z.array(profiledOp) }),
})
const failed = z.strictObject({ code: z.string(), message: z.string() })
const answer = z.union([measured, failed])

export type TrainMeasurement = z.infer<typeof measured>

/**
 * Runs the steps in a child process.
 * @throws AotError as the engine says, AOT_INTERNAL when the process ends without an answer.
 */
export async function measureTraining(request: TrainRequest): Promise<TrainMeasurement> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('train_child.js', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = new Promise<void>((resolve) => {
    child.once('error', () => resolve())
    child.once('close', () => resolve())
  })
  const end = () => child.kill('SIGKILL')
  process.once('exit', end)
  try {
    child.stdin.on('error', () => {})
    child.stdin.end(JSON.stringify(request))
    let last = ''
    for await (const line of createInterface({ input: child.stdout })) last = line
    await ended
    const parsed = answer.safeParse(parseJson(last))
    if (!parsed.success) {
      throw new AotError(
        'AOT_INTERNAL',
        `the process that trains ended without an answer (${child.signalCode ?? child.exitCode})`,
      )
    }
    if ('message' in parsed.data) throw new AotError(parsed.data.code as AotErrorCode, parsed.data.message)
    return parsed.data
  } finally {
    process.off('exit', end)
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** The rows of a measurement: the step, and the ops that it was made of by their share of its time. */
export function trainRows(
  name: string,
  { device, precision, shape, threads }: TrainRequest,
  { samples, peak_memory, profile }: TrainMeasurement,
  ceilings: Pick<Ceilings, 'matmul'>,
): Row[] {
  const base = { by: 'arrows-of-time', device, precision } as const
  const sizes = { ...shape, threads }
  const time = timeOf(samples)
  const whole = profile.seconds * profile.lanes
  const ops = profile.ops
    .map(({ name: op, calls, seconds, flops, bytes }): Row => {
      const mean = Math.max(seconds, 1e-9) / calls
      return {
        ...base,
        bench: 'train_op',
        name: `${name} ${op}`,
        shape: sizes,
        time: { median: mean, p20: mean, p80: mean, repeats: calls },
        figures: {
          share: seconds / whole,
          tflops: (flops / Math.max(seconds, 1e-9) / 1e12) * profile.lanes,
          gbytes_per_s: (bytes / Math.max(seconds, 1e-9) / 1e9) * profile.lanes,
        },
      }
    })
    .sort((a, b) => (b.figures.share as number) - (a.figures.share as number))
  return [
    {
      ...base,
      bench: 'train',
      name,
      shape: sizes,
      time,
      figures: stepFigures(shape, time.median, peak_memory, ceilings.matmul[precision]),
    },
    ...ops,
  ]
}

/** @param seconds of a step @param product FLOP/s of a large matrix product; null: unknown, and so is the MFU */
export function stepFigures(
  shape: ModelShape,
  seconds: number,
  peakMemory: number,
  product: number | null,
): Row['figures'] {
  const tokens_per_s = (shape.batch * shape.attn_length) / seconds
  const flops = flopsPerToken(shape) * tokens_per_s
  return {
    tokens_per_s,
    tflops: flops / 1e12,
    ...(product === null ? {} : { mfu: flops / product }),
    peak_memory: peakMemory,
  }
}
