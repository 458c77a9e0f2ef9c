/** What a benchmark leaves: its rows, and where, when and with what they were measured. */
import { z } from 'zod'

/** Seconds. */
const seconds = z.number().positive()

/** Of the repeats of one call: what half, a fifth and four fifths of them stayed below. */
export const time = z.strictObject({ median: seconds, p20: seconds, p80: seconds, repeats: z.int().positive() })

/** What follows from a time. Shares are parts of 1. */
export const figures = z
  .strictObject({
    tflops: z.number(),
    /** GB (10^9 bytes) a second, of bytes that are read or written once. */
    gbytes_per_s: z.number(),
    /** Of the large matrix product's FLOP/s of the same run, and of the large copy's bytes/s. */
    of_matmul: z.number(),
    of_copy: z.number(),
    /** The least time that these two allow for the call's FLOPs and bytes, as a part of its time. */
    of_floor: z.number(),
    tokens_per_s: z.number(),
    /** Model FLOPs of a token * tokens/s, as a part of the large matrix product's FLOP/s of the same run. */
    mfu: z.number(),
    /** Bytes: resident, on a CPU (tokenizing: beyond what the process had before); allocated on the device, on a GPU. */
    peak_memory: z.number(),
    /** Of a step's time. */
    share: z.number(),
    /** Of the text that was worked on. */
    text_bytes: z.number(),
    /** MB (10^6 bytes) of text a second. */
    mbytes_per_s: z.number(),
  })
  .partial()

export const row = z.strictObject({
  bench: z.enum(['ceiling', 'ops', 'train', 'train_op', 'tokenize']),
  /** Of the op (as the table of ops has it), the model, or the work. */
  name: z.string().min(1),
  /** `arrows-of-time`, or the peer with its version: `PyTorch 2.13.0 eager`. */
  by: z.string().min(1),
  device: z.string(),
  precision: z.enum(['fp32', 'bf16']).nullable(),
  /** What tells calls of one name apart: sizes, threads, bytes. */
  shape: z.record(z.string(), z.union([z.number(), z.string()])),
  time,
  figures,
})

export const machine = z.strictObject({
  processor: z.string(),
  cores: z.int(),
  /** Bytes. */
  memory: z.number(),
  system: z.string(),
  node: z.string(),
  /** As the engine describes them. */
  devices: z.array(z.string()),
})

/** How quiet the machine was while the rows were measured. */
export const noise = z.strictObject({
  /** Part of the processors' time that the hypervisor kept for others; null where the system does not tell. */
  steal: z.number().nullable(),
  /** Part of the processors' time that other processes of this system took; null where the system does not tell. */
  others: z.number().nullable(),
})

export const run = z.strictObject({
  /** ISO 8601, UTC. */
  date: z.iso.datetime(),
  version: z.string(),
  /** Of the source, `+` when files differ from it; null where there is no repository. */
  commit: z.string().nullable(),
  command: z.string(),
  machine,
  noise,
  rows: z.array(row),
})

/** A file of runs, as --json writes it. */
export const benchFile = z.strictObject({ format: z.literal('aot-bench'), runs: z.array(run) })

export type Time = z.infer<typeof time>
export type Figures = z.infer<typeof figures>
export type Row = z.infer<typeof row>
export type Machine = z.infer<typeof machine>
export type Noise = z.infer<typeof noise>
export type Run = z.infer<typeof run>
export type BenchFile = z.infer<typeof benchFile>

/** Of samples in seconds, by linear interpolation between the sorted ones. */
export function timeOf(samples: ArrayLike<number>): Time {
  const sorted = Float64Array.from(samples).sort()
  const quantile = (part: number) => {
    const place = part * (sorted.length - 1)
    const below = sorted[Math.floor(place)] as number
    return below + (place - Math.floor(place)) * ((sorted[Math.ceil(place)] as number) - below)
  }
  return { median: quantile(0.5), p20: quantile(0.2), p80: quantile(0.8), repeats: sorted.length }
}
