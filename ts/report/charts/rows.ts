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

/** Of a row with one point, and of one with many. */
const [leastHeight, mostHeight] = [26, 80]

const legendLine = 20

interface Key {
  label: string
  look: Look
  x: number
  line: number
}

/** Names of the looks, in lines over the rows; none where all points are of one kind. */
function legend(points: readonly RowPoint[], width: number): Key[] {
  const looks = new Map(points.map(({ label, look }) => [label ?? '', look]))
  if (looks.size < 2) return []
  const keys: Key[] = []
  let [x, line] = [8, 0]
  for (const [label, look] of looks) {
    const size = 30 + textWidth(label)
    if (x > 8 && x + size > width) [x, line] = [8, line + 1]
    keys.push({ label, look, x, line })
    x += size
  }
  return keys
}

function dot(at: object, { symbol, colour: stroke }: Look, hollow: boolean) {
  return { ...at, r: 5, symbol, stroke, strokeWidth: 1.8, fill: hollow ? colour('paper') : stroke }
}

export function drawRows(name: string, { rows, points, references, label }: Rows, width: number): Drawing {
  const narrow = width < (widths.wide + widths.narrow) / 2
  const most = narrow ? 18 : 34
  const shown = (row: string) => shortened(row, most)
  const values = [0, ...points.flatMap(({ x, low, high }) => [x, low ?? x, high ?? x]), ...references.map(({ x }) => x)]
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const room = (high - low || 1) * 0.05
  const keys = legend(points, width)
  const kinds = Math.max(1, keys.length)
  const rowHeight = kinds === 1 ? leastHeight : Math.min(mostHeight, 14 + 12 * kinds)
  // Points of one row lie below each other, in the order of the legend.
  const offset = ({ label }: RowPoint) => {
    const index = keys.findIndex((key) => key.label === (label ?? ''))
    return index < 0 ? 0 : ((index - (kinds - 1) / 2) * (rowHeight - 14)) / kinds
  }
  const said = (narrow || kinds > 1 ? [] : rows).map((row) => {
    const own = points.filter((point) => point.row === row)
    return { row, text: own.length === 1 ? percent((own[0]?.x as number) / 100) : '' }
  })
  const top = 16 + (keys.length === 0 ? 0 : legendLine * (1 + Math.max(...keys.map(({ line }) => line))))
  const left = 16 + Math.max(20, ...rows.map((row) => textWidth(shown(row))))
  return draw(name, {
    width,
    height: top + 44 + rows.length * rowHeight,
    marginTop: top,
    marginBottom: 44,
    marginLeft: left,
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
      ...keys.flatMap(({ label: text, look, x, line }) => {
        const at = { frameAnchor: 'top-left', dx: x - left, dy: 12 + line * legendLine - top } as const
        return [
          Plot.dot([text], dot(at, look, false)),
          Plot.text([text], { ...at, dx: at.dx + 12, textAnchor: 'start', lineAnchor: 'middle', fill: look.colour }),
        ]
      }),
      Plot.ruleX([0], { stroke: colour('ink'), strokeWidth: 1.25 }),
      Plot.dot(references, {
        x: 'x',
        y: 'row',
        symbol: 'diamond',
        r: 5,
        stroke: colour('reference'),
        strokeWidth: 1.5,
        fill: colour('paper'),
      }),
      ...points.flatMap((point) => [
        ...(point.low === undefined
          ? []
          : [
              Plot.ruleY([point], {
                y: 'row',
                x1: 'low',
                x2: 'high',
                dy: offset(point),
                stroke: point.look.colour,
                strokeWidth: 2,
              }),
            ]),
        Plot.dot([point], dot({ x: 'x', y: 'row', dy: offset(point) }, point.look, point.hollow)),
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
