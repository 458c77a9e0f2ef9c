/** What follows from a time. */
import type { Ceilings } from './ceilings.js'
import type { Figures, Time } from './record.js'
import { flopsPerToken, type ModelShape } from './shapes.js'

/** From a call's time, its FLOPs and bytes, and what the device can do at best. */
export async function opFigures(
  { median: seconds }: Time,
  { flops, bytes }: { flops: number; bytes: number },
  precision: 'fp32' | 'bf16',
  ceilings: Ceilings,
): Promise<Figures> {
  const product = ceilings.matmul[precision]
  const figures: Figures = {
    tflops: flops / seconds / 1e12,
    gbytes_per_s: bytes / seconds / 1e9,
    of_copy: bytes / seconds / ceilings.copy,
  }
  if (product === null) return figures
  const floor = Math.max(flops / product, bytes / (await ceilings.copyOf(bytes)))
  return { ...figures, of_matmul: flops / seconds / product, of_floor: floor / seconds }
}

/**
 * @param seconds of a step
 * @param product FLOP/s of a large matrix product; null: unknown, and so is the MFU
 */
export function stepFigures(shape: ModelShape, seconds: number, peakMemory: number, product: number | null): Figures {
  const tokens_per_s = (shape.batch * shape.attn_length) / seconds
  const flops = flopsPerToken(shape) * tokens_per_s
  return {
    tokens_per_s,
    tflops: flops / 1e12,
    ...(product === null ? {} : { mfu: flops / product }),
    peak_memory: peakMemory,
  }
}
