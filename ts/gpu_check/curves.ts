/** Whether two trainings that differ in their device or precision alone are the same training. */

/**
 * A difference of rounding grows while a model trains. So the first `early` losses are held, each, to `earlyRelative`
 * of the reference's, and the mean of the last third to `lateRelative`.
 */
export interface CurveRule {
  early: number
  earlyRelative: number
  lateRelative: number
}

/** Well above what the CPU and the emulated device differ by on that model: docs/gpu-hosts.md has the measurements. */
export const rules: Record<'fp32' | 'bf16', CurveRule> = {
  fp32: { early: 20, earlyRelative: 1e-6, lateRelative: 1e-5 },
  bf16: { early: 20, earlyRelative: 1e-4, lateRelative: 2e-4 },
}

export interface CurveDistance {
  early: number
  late: number
}

/** The largest relative difference of the first losses, and that of the means of the last third. */
export function curveDistance(reference: number[], losses: number[], { early }: CurveRule): CurveDistance {
  if (reference.length !== losses.length || reference.length < early) return { early: Infinity, late: Infinity }
  const relative = (a: number, b: number) => Math.abs(b - a) / Math.abs(a)
  const late = (values: number[]) => {
    const last = values.slice(Math.floor((values.length * 2) / 3))
    return last.reduce((sum, value) => sum + value, 0) / last.length
  }
  return {
    early: Math.max(...losses.slice(0, early).map((loss, i) => relative(reference[i] as number, loss))),
    late: relative(late(reference), late(losses)),
  }
}

/** A NaN is never within. */
export function isWithin(distance: CurveDistance, { earlyRelative, lateRelative }: CurveRule): boolean {
  return distance.early <= earlyRelative && distance.late <= lateRelative
}
