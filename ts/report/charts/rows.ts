/** One row a comparison: a point with its interval, the paper's value beside it. */
import * as Plot from '@observablehq/plot'
import { shortened } from '../../queue/lines.js'
import { percent, tick } from '../numbers.js'
import { colour, type Look } from '../palette.js'
import { type Drawing, draw, textWidth, widths } from './draw.js'

export interface RowPoint {
  row: string
  /** Percent. */
  x: number
  low?: number | undefined
  high?: number | undefined
  hollow: boolean
  look: Look
  /** What the point is of, when a row has several. */
  label?: string
}

export interface Rows {
  rows: readonly string[]
  points: readonly RowPoint[]
  /** The paper's, percent. */
  references: readonly { row: string; x: number }[]
  label: string
}

const rowHeight = 26

export function drawRows(name: string, { rows, points, references, label }: Rows, width: number): Drawing {
  const narrow = width < (widths.wide + widths.narrow) / 2
  const most = narrow ? 18 : 34
  const shown = (row: string) => shortened(row, most)
  const values = [0, ...points.flatMap(({ x, low, high }) => [x, low ?? x, high ?? x]), ...references.map(({ x }) => x)]
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const room = (high - low || 1) * 0.05
  const said = (narrow ? [] : rows).map((row) => {
    const own = points.filter((point) => point.row === row)
    return { row, text: own.length === 1 ? percent((own[0]?.x as number) / 100) : '' }
  })
  const place = { x: 'x', y: 'row' } as const
  return draw(name, {
    width,
    height: 72 + rows.length * rowHeight,
    marginTop: 28,
    marginBottom: 44,
    marginLeft: 16 + Math.max(20, ...rows.map((row) => textWidth(shown(row)))),
    marginRight: 14 + Math.max(0, ...said.map(({ text }) => textWidth(text))),
    x: { domain: [low - room, high + room], label: null },
    y: { domain: rows, label: null, type: 'point' },
    marks: [
      Plot.gridX({ stroke: colour('grid'), strokeOpacity: 1, ticks: narrow ? 4 : 7 }),
      Plot.axisX({ ticks: narrow ? 4 : 7, tickSize: 0, tickFormat: tick, label: null, fill: colour('muted') }),
      Plot.axisY({
        tickSize: 0,
        tickFormat: shown,
        label: null,
        fill: (row: string) => (points.some((point) => point.row === row) ? colour('ink') : colour('reference')),
      } as Plot.AxisYOptions),
      Plot.text([label], { frameAnchor: 'bottom-right', textAnchor: 'end', dy: 38, fontWeight: 600 }),
      Plot.ruleX([0], { stroke: colour('ink'), strokeWidth: 1.25 }),
      Plot.dot(references, {
        ...place,
        symbol: 'diamond',
        r: 5,
        stroke: colour('reference'),
        strokeWidth: 1.5,
        fill: colour('paper'),
      }),
      ...points.flatMap((point) => [
        ...(point.low === undefined
          ? []
          : [Plot.ruleY([point], { y: 'row', x1: 'low', x2: 'high', stroke: point.look.colour, strokeWidth: 2 })]),
        Plot.dot([point], {
          ...place,
          r: 5,
          symbol: point.look.symbol,
          stroke: point.look.colour,
          strokeWidth: 1.8,
          fill: point.hollow ? colour('paper') : point.look.colour,
        }),
      ]),
      Plot.text(said, {
        y: 'row',
        text: 'text',
        frameAnchor: 'right',
        textAnchor: 'start',
        dx: 8,
        fill: colour('muted'),
      }),
    ],
  })
}
