/** aot-bench train: whole training steps, each model in a process of its own so that its peak memory is its own. */
import { z } from 'zod'
import type { Ceilings } from './ceilings.js'
import { measureInChild } from './child.js'
import { stepFigures } from './figures.js'
import { type Row, timeOf } from './record.js'
import type { ModelShape } from './shapes.js'

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
export type TrainMeasurement = z.infer<typeof measured>

/**
 * Runs the steps in a child process.
 * @throws AotError as the engine says, AOT_INTERNAL when the process ends without an answer; the signal's reason.
 */
export function measureTraining(request: TrainRequest, signal?: AbortSignal): Promise<TrainMeasurement> {
  return measureInChild('train_child', request, measured, signal)
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
      const busy = Math.max(seconds, 1e-9)
      const mean = busy / calls
      const rate = (flops / busy) * profile.lanes
      const product = ceilings.matmul[precision]
      return {
        ...base,
        bench: 'train_op',
        name: `${name} ${op}`,
        shape: sizes,
        time: { median: mean, p20: mean, p80: mean, repeats: calls },
        figures: {
          share: seconds / whole,
          tflops: rate / 1e12,
          gbytes_per_s: (bytes / busy / 1e9) * profile.lanes,
          ...(product === null ? {} : { of_matmul: rate / product }),
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
