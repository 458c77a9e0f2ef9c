/** The arrow through training: how much harder backward is at each validation. */
import type { ArrowPoint, ArrowResult, Interval } from '../../arrow/types.js'
import { describeInterval, percent, plain, shortCount, signed } from '../numbers.js'
import { colour } from '../palette.js'
import { figures, tableOf } from '../tables.js'
import { type Chart, type Drawing, placed } from './draw.js'
import { drawLines, type Lines } from './lines.js'
import { formatStep } from './loss.js'

/** The interval of the difference as parts of the forward loss. */
export function ratioInterval(interval: Interval | null, fw: number): { low?: number; high?: number } {
  return interval === null ? {} : { low: (100 * interval.low) / fw, high: (100 * interval.high) / fw }
}

export const ratioNote = 'Intervals are those of the difference in nats, divided by the forward loss.'

const table = (points: readonly ArrowPoint[]) =>
  tableOf<ArrowPoint>(
    [
      figures('step', 'step', ({ step }) => step, formatStep),
      figures('forward', 'fw', ({ fw }) => fw, plain),
      figures('backward', 'bw', ({ bw }) => bw, plain),
      figures('BW − FW', 'difference', ({ difference }) => difference, signed),
      figures('from', 'difference_low', ({ interval }) => interval?.low, signed),
      figures('to', 'difference_high', ({ interval }) => interval?.high, signed),
      figures('BW/FW − 1', 'ratio', ({ ratio }) => ratio, percent),
    ],
    points,
  )

export function trainingLines({ training }: ArrowResult, unit: 'percent' | 'nats'): Lines {
  const points = training.map(({ step, difference, ratio, interval, fw }) => ({
    x: step,
    ...(unit === 'percent'
      ? { y: ratio * 100, ...ratioInterval(interval, fw) }
      : { y: difference, ...(interval !== null && { low: interval.low, high: interval.high }) }),
  }))
  return {
    series: [{ label: '', colour: colour('c4'), symbol: 'diamond', points, spread: 'band', dots: true }],
    x: { label: unit === 'percent' ? '' : 'minibatches →', scale: 'linear', from: 0, format: shortCount },
    y: { label: unit === 'percent' ? '↑ BW/FW − 1, %' : '↑ BW − FW, nats per token', zero: true },
  }
}

/** In percent and in nats, one above the other; null before the first validation that all runs have made. */
export function trainingChart(result: ArrowResult): Chart | null {
  const { training } = result
  const last = training[training.length - 1]
  if (last === undefined) return null
  const interval = training.find((point) => point.interval !== null)?.interval ?? null
  const heights = { percent: { wide: 196, narrow: 180 }, nats: { wide: 214, narrow: 198 } }
  const panels = (['percent', 'nats'] as const).map((unit) => ({
    ...trainingLines(result, unit),
    height: heights[unit],
  }))
  return {
    name: 'arrow',
    title: 'The arrow through training',
    description: `BW/FW − 1 in percent, and BW − FW in nats per token, against minibatches, with zero as a line. At the last validation: ${percent(last.ratio)}, ${signed(last.difference)} nats.`,
    notes: [
      'Above zero backward is harder.',
      ...(interval === null ? [] : [`Band: ${describeInterval(interval)}. ${ratioNote}`]),
    ],
    draw(width, id) {
      const [upper, lower] = panels.map((lines, index) => drawLines(`${id}-${index}`, lines, width)) as [
        Drawing,
        Drawing,
      ]
      return placed([
        { drawing: upper, x: 0, y: 0 },
        { drawing: lower, x: 0, y: upper.height },
      ])
    },
    table: table(training),
  }
}
