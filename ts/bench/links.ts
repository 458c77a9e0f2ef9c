/** What joins devices, as published: docs/scaling.md has the sources. */

export interface Link {
  name: string
  /** Bytes/s in one direction that an all-reduce gets of it, in and out at once: nccl-tests' bus bandwidth. */
  bandwidth: number
  /** Seconds that a step of the ring takes beside its bytes. */
  latency: number
}

/** GB/s by the specification; those that NCCL's maintainers expect of an all-reduce (null: none published); microseconds. */
const published = {
  nvlink4: [450, 370, 3.4],
  nvlink5: [900, 722, 3.4],
  pcie4: [31.5, null, 5.7],
  pcie5: [63, null, 5.7],
  'ib-hdr': [25, 24, 14],
  'ib-ndr': [50, 48, 14],
  'ethernet-10g': [1.187, null, 14],
  'ethernet-25g': [2.966, null, 14],
  'ethernet-100g': [11.87, null, 14],
} as const satisfies Record<string, readonly [number, number | null, number]>

export type LinkName = keyof typeof published

export const linkNames = Object.keys(published) as LinkName[]

export function linkOf(name: LinkName): Link {
  const [specified, expected, latency] = published[name]
  return { name, bandwidth: (expected ?? specified) * 1e9, latency: latency / 1e6 }
}
