/** Lines with bands or interval bars over a numeric axis, labelled where they end. */
import * as Plot from '@observablehq/plot'
import { shortened } from '../../queue/lines.js'
import { tick } from '../numbers.js'
import { colour, type Look } from '../palette.js'
import { type Drawing, draw, halo, spread, textWidth, widths } from './draw.js'
import { ticksWithRoom } from './ticks.js'

export interface Point {
  x: number
  y: number
  /** Of a band or a bar. */
  low?: number | undefined
  high?: number | undefined
  /** Drawn as a ring: what it shows is not established. */
  hollow?: boolean
}

export interface Series extends Look {
  label: string
  /** Said after the label where there is room. */
  value?: string
  points: Point[]
  /** Drawn thin and pale, without points or label. */
  faint?: boolean
  /** What was not measured here. */
  reference?: boolean
  /** How its low and high are drawn. */
  spread: 'band' | 'bars' | 'none'
  dots: boolean
}

export interface Lines {
  series: Series[]
  x: {
    label: string
    scale: 'linear' | 'log' | 'log2'
    /** A place that the picture reaches, too. */
    from?: number
    ticks?: number[]
    format?: (value: number) => string
  }
  y: {
    label: string
    /** Zero is in the picture, as a line. */
    zero: boolean
    /** Nothing is drawn above. */
    top?: number
  }
  /** Levels with a name. */
  levels?: { y: number; label: string }[]
  height?: { wide: number; narrow: number }
}

const defaultHeight = { wide: 340, narrow: 260 }
const margins = { top: 32, left: 58 }
/** Room below: with a label of the axis or without. */
const bottomOf = ({ x }: Lines) => (x.label === '' ? 24 : 42)
const labelGap = 16

/** From the least to the most of what is drawn, with some room; never empty. */
function extent(values: readonly number[], room: number, roomBelow = room): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  if (!(low < high)) return [low - Math.max(Math.abs(low) * 0.05, 1e-6), high + Math.max(Math.abs(high) * 0.05, 1e-6)]
  return [low - roomBelow * (high - low), high + room * (high - low)]
}

function yDomain({ series, y, levels = [] }: Lines): [number, number] {
  const drawn = series.flatMap(({ points }) =>
    points.flatMap((point) => [point.y, point.low ?? point.y, point.high ?? point.y]),
  )
  const named = [...levels.map((level) => level.y), ...(y.zero ? [0] : [])]
  const values = [...drawn, ...named].filter(Number.isFinite).map((value) => Math.min(value, y.top ?? value))
  // Names of levels stand below them.
  return extent(values.length === 0 ? [0, 1] : values, 0.06, levels.length > 0 ? 0.13 : 0.06)
}

function xDomain({ series, x }: Lines): [number, number] {
  const values = [...series.flatMap(({ points }) => points.map((point) => point.x)), x.from ?? Number.NaN].filter(
    Number.isFinite,
  )
  if (values.length === 0) return x.scale === 'linear' ? [0, 1] : [1, 10]
  // Bars beside each other need more.
  const room = series.some((one) => one.spread === 'bars') ? 0.06 : 0.02
  if (x.scale === 'linear') return extent(values, room)
  const [low, high] = extent(values.map(Math.log), room + 0.02)
  return low < high ? [Math.exp(low), Math.exp(high)] : [Math.exp(low) / 2, Math.exp(high) * 2]
}

/**
 * The line without what is higher than `most`, cut where it crosses that. Clips hide it, but what makes PNGs of pictures
 * ends the process at shapes that reach far out of them.
 */
export function cutAbove(points: readonly Point[], most: number): Point[] {
  return points.flatMap((point, index) => {
    const { x, y, high } = point
    if (!(y > most)) return high === undefined ? [point] : [{ ...point, high: Math.min(high, most) }]
    const below = [points[index - 1], points[index + 1]].filter((next) => next !== undefined && next.y <= most)
    return (below as Point[]).map((next) => ({ x: x + ((next.x - x) * (y - most)) / (y - next.y), y: most }))
  })
}

/** `dx`: pixels to the side, so that bars at one place lie beside each other. */
function seriesMarks(series: Series, { dx, many }: { dx: number; many: boolean }): Plot.Markish[] {
  const { points, dash, faint, reference } = series
  const [stroke, symbol] = reference ? [colour('reference'), 'circle' as const] : [series.colour, series.symbol]
  const ranges = points.filter(({ low, high }) => low !== undefined && high !== undefined)
  const marks: Plot.Markish[] = []
  if (series.spread === 'band' && ranges.length > 1) {
    marks.push(Plot.areaY(ranges, { x: 'x', y1: 'low', y2: 'high', fill: stroke, fillOpacity: 0.18, clip: true }))
  } else if (series.spread !== 'none') {
    marks.push(
      Plot.ruleX(ranges, {
        x: 'x',
        y1: 'low',
        y2: 'high',
        stroke,
        dx,
        strokeWidth: 1.5,
        strokeOpacity: many ? 0.3 : 0.75,
      }),
    )
  }
  const line = { x: 'x', y: 'y', stroke, dx, clip: true } as const
  if (points.length > 1) {
    marks.push(
      Plot.line(points, {
        ...line,
        strokeWidth: faint ? 1 : reference ? 1.25 : 2,
        strokeOpacity: faint ? 0.45 : reference ? 0.8 : 1,
        ...(reference ? { strokeDasharray: '2 3' } : faint || dash === undefined ? {} : { strokeDasharray: dash }),
      }),
    )
  }
  if (series.dots || points.length === 1) {
    const dot = {
      x: 'x',
      y: 'y',
      symbol,
      stroke,
      dx,
      r: points.length > 60 ? 1.6 : reference ? 2.5 : 3.6,
      clip: true,
    } as const
    const hollow = points.filter((point) => point.hollow)
    const full = points.filter((point) => !point.hollow)
    marks.push(Plot.dot(hollow, { ...dot, fill: colour('paper'), strokeWidth: 1.8 }))
    marks.push(Plot.dot(full, { ...dot, fill: stroke, strokeWidth: 1 }))
  }
  return marks
}

/** Names beside the ends of their lines, in the right margin. */
function endLabels(
  labelled: Series[],
  domain: [number, number],
  { height, bottom }: { height: number; bottom: number },
): Plot.Markish[] {
  const inner = height - margins.top - bottom
  const place = (y: number) => margins.top + (1 - (y - domain[0]) / (domain[1] - domain[0])) * inner
  const ends = labelled.map(({ points }) => {
    const { y } = points[points.length - 1] as Point
    return Math.min(domain[1], Math.max(domain[0], y))
  })
  const spreadOut = spread(ends.map(place), labelGap, margins.top, height - bottom)
  return labelled.map(({ label, reference, ...series }, index) =>
    Plot.text([label], {
      frameAnchor: 'right',
      textAnchor: 'start',
      dx: 10,
      dy: (spreadOut[index] as number) - (margins.top + inner / 2),
      fill: reference ? colour('reference') : series.colour,
      fontWeight: reference ? 400 : 600,
    }),
  )
}

/** More lines than labels would fit beside have none. */
export const mostLabels = (height: number) => Math.floor((height - margins.top - 42) / labelGap)

export function drawLines(name: string, lines: Lines, width: number): Drawing {
  const narrow = width < (widths.wide + widths.narrow) / 2
  const height = (lines.height ?? defaultHeight)[narrow ? 'narrow' : 'wide']
  const [domain, xs] = [yDomain(lines), xDomain(lines)]
  const named = lines.series.filter(({ faint, label, points }) => !faint && label !== '' && points.length > 0)
  const labelled = named.length > mostLabels(height) ? [] : named
  const { x, y, levels = [] } = lines
  const bottom = bottomOf(lines)
  const said = labelled.map(({ label, value, ...series }) => {
    return { ...series, label: narrow ? shortened(label, 17) : value === undefined ? label : `${label} ${value}` }
  })
  const right = 14 + Math.max(0, ...said.map(({ label }) => textWidth(label, { bold: true })))
  const bars = lines.series.filter((series) => series.spread === 'bars')
  const apart = Math.min(7, 28 / Math.max(1, bars.length))
  const log = x.scale === 'linear' ? {} : { type: 'log' as const, base: x.scale === 'log2' ? 2 : 10 }
  const format = x.format ?? tick
  const tickWidths = x.ticks?.map((value) => textWidth(format(value))) ?? []
  const ticks = x.ticks && ticksWithRoom(x.ticks, tickWidths, width - margins.left - right)
  return draw(name, {
    width,
    height,
    marginTop: margins.top,
    marginBottom: bottom,
    marginLeft: margins.left,
    marginRight: right,
    x: { ...log, domain: xs, label: null },
    y: { domain, label: null },
    marks: [
      Plot.gridY({ stroke: colour('grid'), strokeOpacity: 1, ticks: narrow ? 5 : 6 }),
      Plot.axisY({ ticks: narrow ? 5 : 6, tickSize: 0, tickFormat: tick, label: null, fill: colour('muted') }),
      Plot.axisX({
        ticks: ticks ?? (narrow ? 4 : 8),
        tickSize: 4,
        tickFormat: format,
        label: null,
        fill: colour('muted'),
        stroke: colour('muted'),
      }),
      Plot.text([y.label], {
        frameAnchor: 'top-left',
        textAnchor: 'start',
        dx: 6 - margins.left,
        dy: -20,
        fontWeight: 600,
      }),
      Plot.text([x.label], {
        frameAnchor: 'bottom-right',
        textAnchor: 'end',
        dx: narrow ? right - 2 : 0,
        dy: 36,
        fontWeight: 600,
      }),
      Plot.ruleY([domain[0]], { stroke: colour('muted') }),
      ...(y.zero && domain[0] < 0 ? [Plot.ruleY([0], { stroke: colour('ink'), strokeWidth: 1.25 })] : []),
      ...levels.flatMap((level) => [
        Plot.ruleY([level.y], { stroke: colour('ink'), strokeDasharray: '1 3', strokeWidth: 1.5 }),
        Plot.text([level.label], {
          y: () => level.y,
          frameAnchor: 'left',
          textAnchor: 'start',
          dx: 6,
          dy: 11,
          fill: colour('ink'),
          ...halo,
        } as Plot.TextOptions),
      ]),
      ...[...lines.series]
        .sort((a, b) => rank(a) - rank(b))
        .flatMap((series) => {
          const index = bars.indexOf(series)
          const dx = index < 0 ? 0 : (index - (bars.length - 1) / 2) * apart
          const points = cutAbove(series.points, 2 * domain[1] - domain[0])
          return seriesMarks({ ...series, points }, { dx, many: bars.length > 5 })
        }),
      ...endLabels(said, domain, { height, bottom }),
    ],
  })
}

/** What matters most is drawn last. */
const rank = ({ faint, reference }: Series) => (reference ? 0 : faint ? 1 : 2)
