/** Losses through training: each direction, the mean over its seeds and the band between them. */
import type { ArrowResult, DirectionName, RunCurve } from '../../arrow/types.js'
import { plain, shortCount } from '../numbers.js'
import { directionLook } from '../palette.js'
import { type ColumnOf, figures, tableOf } from '../tables.js'
import type { Chart } from './draw.js'
import { drawLines, type Lines, type Point, type Series } from './lines.js'

/** Points of a training curve that are drawn; more are averaged. */
const mostPoints = 240

/** The mean over the seeds at each step that any of them logged, with the least and the most of them. */
function overSeeds(curves: readonly [step: number, loss: number][][]): Point[] {
  const byStep = new Map<number, number[]>()
  for (const [step, loss] of curves.flat()) {
    if (!Number.isFinite(loss)) continue
    const losses = byStep.get(step)
    if (losses === undefined) byStep.set(step, [loss])
    else losses.push(loss)
  }
  return [...byStep]
    .sort(([a], [b]) => a - b)
    .map(([x, losses]) => {
      const y = losses.reduce((sum, loss) => sum + loss, 0) / losses.length
      return { x, y, ...(losses.length > 1 && { low: Math.min(...losses), high: Math.max(...losses) }) }
    })
}

/** Neighbours averaged, so that at most `mostPoints` are left. */
function thinned(points: Point[]): { points: Point[]; each: number } {
  const each = Math.max(1, Math.ceil(points.length / mostPoints))
  const groups = Array.from({ length: Math.ceil(points.length / each) }, (_, group) =>
    points.slice(group * each, (group + 1) * each),
  )
  const mean = (group: Point[], key: 'x' | 'y') => group.reduce((sum, point) => sum + point[key], 0) / group.length
  return { points: groups.map((group) => ({ x: mean(group, 'x'), y: mean(group, 'y') })), each }
}

/** The first steps of a training would make the rest flat: the picture ends above what follows them. */
function topOf(series: Series[]): number | undefined {
  const points = series.flatMap((one) => one.points)
  const last = Math.max(...points.map(({ x }) => x))
  const later = points.filter(({ x }) => x >= last * 0.1).map(({ y }) => y)
  const [high, low] = [Math.max(...later), Math.min(...points.map(({ y }) => y))]
  const most = Math.max(...points.map(({ y }) => y))
  return later.length > 0 && most - low > 1.25 * (high - low) ? high + 0.02 * (high - low) : undefined
}

interface Row {
  step: number
  /** By run, in the order of the columns. */
  losses: Map<RunCurve, number>
}

function lossTable({ curves }: ArrowResult) {
  const steps = [...new Set(curves.flatMap(({ valid }) => valid.map(([step]) => step)))].sort((a, b) => a - b)
  const maps = curves.map((curve) => [curve, new Map(curve.valid)] as const)
  const rows = steps.map((step): Row => {
    return {
      step,
      losses: new Map(maps.flatMap(([curve, at]) => (at.has(step) ? [[curve, at.get(step) as number]] : []))),
    }
  })
  const columns: ColumnOf<Row>[] = [
    figures('step', 'step', ({ step }) => step, formatStep),
    ...curves.map((curve) =>
      figures<Row>(
        `${curve.direction}, seed ${curve.seed}`,
        `${curve.direction}_seed_${curve.seed}`,
        ({ losses }) => losses.get(curve),
        (loss) => plain(loss),
      ),
    ),
  ]
  return tableOf(columns, rows)
}

export const formatStep = (step: number | null) => (step === null ? '–' : step.toLocaleString('en-US'))

export function lossLines(result: ArrowResult): { lines: Lines; notes: string[] } {
  const { directions, curves, known } = result
  const of = (direction: DirectionName) => curves.filter((curve) => curve.direction === direction)
  const trains = directions.map((direction) => thinned(overSeeds(of(direction).map(({ train }) => train))))
  const series = directions.flatMap((direction, index): Series[] => {
    const look = directionLook(direction, directions)
    const valid = overSeeds(of(direction).map((curve) => curve.valid))
    return [
      { ...look, label: '', points: trains[index]?.points ?? [], faint: true, spread: 'none', dots: false },
      {
        ...look,
        label: direction,
        value: plain(valid[valid.length - 1]?.y, 3),
        points: valid,
        spread: 'band',
        dots: true,
      },
    ]
  })
  const top = topOf(series)
  const seeds = Math.max(1, ...directions.map((direction) => of(direction).length))
  const each = Math.max(1, ...trains.map((train) => train.each))
  const notes = [
    'Strong: validation loss; pale: training loss.',
    seeds > 1 ? `Lines are means over ${seeds} seeds, bands reach from the lowest to the highest seed.` : 'One seed.',
    each > 1 ? `A point of the training loss is the mean of ${each} logged ones.` : '',
    top === undefined ? '' : 'The first steps lie above the picture.',
    known === null ? '' : `Dotted: ${plain(known.floor)} nats, the entropy of the language; no model can go below it.`,
  ]
  return {
    lines: {
      series: series.filter(({ points }) => points.length > 0),
      x: { label: 'minibatches →', scale: 'linear', from: 0, format: shortCount },
      y: { label: '↑ loss, nats per token', zero: false, ...(top !== undefined && { top }) },
      height: { wide: 410, narrow: 280 },
      ...(known !== null && { levels: [{ y: known.floor, label: 'entropy floor' }] }),
    },
    notes: notes.filter((note) => note !== ''),
  }
}

/** null before the first validation. */
export function lossChart(result: ArrowResult): Chart | null {
  if (result.curves.every(({ valid, train }) => valid.length === 0 && train.length === 0)) return null
  const { lines, notes } = lossLines(result)
  const ends = result.directions.map((direction) => `${direction} ${plain(result.losses[direction])}`)
  const chart = {
    name: 'loss',
    title: 'Loss through training',
    description: `Loss in nats per token against minibatches, for each direction. Last validation: ${ends.join(', ')}.`,
  }
  return { ...chart, notes, draw: (width, id) => drawLines(id, lines, width), table: lossTable(result) }
}
