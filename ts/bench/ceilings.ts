/** What the device can do at best, measured in the same run as what is held against it: products and copies. */
import { type NativeOpOptions, nativeFor } from '../native.js'
import { type Row, timeOf } from './record.js'

type Precision = 'fp32' | 'bf16'

export interface Ceilings {
  /** FLOP/s of a large matrix product; null where none was measured. */
  matmul: Record<Precision, number | null>
  /** Bytes/s of a large copy, read and written. */
  copy: number
  /**
   * Bytes/s of what moves `bytes`. A GPU's cache is flushed before every op, so that this is the large copy's; the cpu's
   * ops live on what is in its caches, and so does a copy of as many bytes.
   */
  copyOf(bytes: number): Promise<number>
}

/** Sizes of the large product and of the large copy; of the latter rows of 64 Ki floats. */
function largeShapes(device: string, threads: number) {
  if (device.startsWith('cuda')) {
    return { product: { batch: 16, window: 512, width: 8192, out: 8192 }, copy: { batch: 64, window: 64 } }
  }
  if (device === 'cpu') {
    return {
      product: { batch: 2 * threads, window: 512, width: 1024, out: 1024 },
      copy: { batch: threads, window: 512 },
    }
  }
  return { product: { batch: 2, window: 64, width: 64, out: 64 }, copy: { batch: 2, window: 16 } }
}

/** @param options of every op that is timed: threads */
export async function measureCeilings(
  device: string,
  precisions: readonly Precision[],
  seconds: number,
  options: NativeOpOptions & { threads: number },
): Promise<{ ceilings: Ceilings; rows: Row[] }> {
  const native = nativeFor(device)
  const { product, copy } = largeShapes(device, options.threads)
  const rows: Row[] = []
  const matmul: Ceilings['matmul'] = { fp32: null, bf16: null }
  const base = { bench: 'ceiling', by: 'arrows-of-time', device } as const
  for (const precision of precisions) {
    const { samples } = await native.timeOp(device, precision, 'linear_forward', product, seconds, options)
    const time = timeOf(samples)
    const { flops } = native.opCost('linear_forward', product, precision)
    matmul[precision] = flops / time.median
    const figures = { tflops: flops / time.median / 1e12 }
    rows.push({ ...base, name: 'matmul', precision, shape: product, time, figures })
  }
  const width = 65536
  const rate = async (shape: { batch: number; window: number; width: number }) => {
    const time = timeOf((await native.timeOp(device, 'fp32', 'copy', shape, seconds, options)).samples)
    return { time, bytes: native.opCost('copy', shape, 'fp32').bytes }
  }
  const large = await rate({ ...copy, width })
  const largest = large.bytes / large.time.median
  const figures = { gbytes_per_s: largest / 1e9 }
  rows.push({ ...base, name: 'copy', precision: null, shape: { ...copy, width }, time: large.time, figures })

  const known = new Map<number, number>()
  const copyOf = async (bytes: number) => {
    if (device !== 'cpu' || bytes >= large.bytes) return ceilings.copy
    // Powers of two, each a row of floats a thread.
    const size = 2 ** Math.max(12, Math.round(Math.log2(bytes)))
    let found = known.get(size)
    if (found === undefined) {
      const floats = size / 8 / options.threads
      const shape = { batch: options.threads, window: Math.ceil(floats / width), width: Math.min(floats, width) }
      const measured = await rate({ ...shape, width: Math.max(1, Math.round(shape.width)) })
      found = measured.bytes / measured.time.median
      known.set(size, found)
    }
    return found
  }
  const ceilings: Ceilings = { matmul, copy: largest, copyOf }
  return { ceilings, rows }
}
