/** The tokens that the difference comes from: bars to the right where forward finds them easier, to the left backward. */
import * as Plot from '@observablehq/plot'
import type { ArrowResult, TokenSource } from '../../arrow/types.js'
import { plain, signed, tick } from '../numbers.js'
import { colour } from '../palette.js'
import { figures, tableOf, texts } from '../tables.js'
import { visibleToken } from '../tokens.js'
import { type Chart, type Drawing, draw, halo, textWidth, widths } from './draw.js'

/** Of each direction; the table has all. */
const most = 12
const rowHeight = 22

const name = ({ id, text }: TokenSource) => (text === null ? `#${id}` : visibleToken(text, 14))

function drawTokens(chartName: string, tokens: readonly TokenSource[], width: number): Drawing {
  const narrow = width < (widths.wide + widths.narrow) / 2
  // Thousandths of a nat: shares are small.
  const rows = tokens.map((token) => ({ ...token, key: String(token.id), share: token.share * 1000 }))
  const names = new Map(rows.map((row) => [row.key, name(row)]))
  const low = Math.min(0, ...rows.map(({ share }) => share))
  const high = Math.max(0, ...rows.map(({ share }) => share))
  const said = (row: (typeof rows)[number]) =>
    narrow ? signed(row.share, 2) : `${signed(row.share, 2)}  (${plain(row.fw, 2)} → ${plain(row.bw, 2)})`
  const room = ((high - low || 1) * Math.max(0, ...rows.map((row) => textWidth(said(row)) + 8))) / (width - 130)
  const scale = 1 / (1 - (2 * room) / ((high - low || 1) + 2 * room) || 1)
  const text = { y: 'key', x: 'share', fill: colour('ink'), text: said, ...halo } as const
  return draw(chartName, {
    width,
    height: 64 + rows.length * rowHeight,
    marginTop: 28,
    marginBottom: 36,
    marginLeft: 14 + Math.max(40, ...[...names.values()].map((text) => textWidth(text))),
    marginRight: 12,
    x: { domain: [low < 0 ? low - room * scale : 0, high > 0 ? high + room * scale : 0], label: null },
    y: { domain: rows.map(({ key }) => key), label: null },
    marks: [
      Plot.gridX({ stroke: colour('grid'), strokeOpacity: 1, ticks: narrow ? 4 : 7 }),
      Plot.axisX({ ticks: narrow ? 4 : 7, tickSize: 0, tickFormat: tick, label: null, fill: colour('muted') }),
      Plot.axisY({ tickSize: 0, tickFormat: (key: string) => names.get(key) ?? '', label: null, fill: colour('ink') }),
      Plot.text(
        [
          narrow
            ? 'share, thousandths of a nat'
            : 'share of the difference, thousandths of a nat per token (nats forward → backward)',
        ],
        {
          frameAnchor: 'top-left',
          textAnchor: 'start',
          dy: -16,
          fontWeight: 600,
        },
      ),
      Plot.barX(rows, {
        y: 'key',
        x: 'share',
        fill: (row: TokenSource) => (row.share > 0 ? colour('fw') : colour('bw')),
        insetTop: 3,
        insetBottom: 3,
      }),
      Plot.text(
        rows.filter(({ share }) => share >= 0),
        { ...text, textAnchor: 'start', dx: 5 },
      ),
      Plot.text(
        rows.filter(({ share }) => share < 0),
        { ...text, textAnchor: 'end', dx: -5 },
      ),
      Plot.ruleX([0], { stroke: colour('ink') }),
    ],
  })
}

/** null where sources were not looked for, or no token has a share. */
export function tokenChart({ sources }: ArrowResult): Chart | null {
  if (sources === null) return null
  const { easier_forward: forward, easier_backward: backward, windows } = sources
  const drawn = [...forward.slice(0, most), ...backward.slice(0, most).reverse()]
  if (drawn.length === 0) return null
  const best = (tokens: readonly TokenSource[]) => tokens.slice(0, 3).map(name).join(', ') || 'none'
  const chart = {
    name: 'tokens',
    title: 'Tokens the difference comes from',
    description: `Share of single tokens in the difference. Easier forward: ${best(forward)}. Easier backward: ${best(backward)}.`,
  }
  const table = tableOf<TokenSource>(
    [
      texts('token', 'token', ({ text }) => text),
      figures(
        'id',
        'id',
        ({ id }) => id,
        (id) => String(id),
      ),
      figures(
        'count',
        'count',
        ({ count }) => count,
        (count) => (count ?? 0).toLocaleString('en-US'),
      ),
      figures('forward', 'fw', ({ fw }) => fw, plain),
      figures('backward', 'bw', ({ bw }) => bw, plain),
      figures(
        'share',
        'share',
        ({ share }) => share,
        (value) => signed(value, 6),
      ),
    ],
    [...forward, ...backward],
  )
  const notes = [
    `Right: easier forward; left: easier backward. Over ${windows.toLocaleString('en-US')} validation windows; over all tokens the shares add up to the difference.`,
  ]
  return { ...chart, notes, draw: (width, id) => drawTokens(id, drawn, width), table: withVisible(table) }
}

/** Tokens as they are seen, exact in the CSV. */
function withVisible(table: ReturnType<typeof tableOf>): ReturnType<typeof tableOf> {
  const rows = table.rows.map(([token, ...rest]) => [
    { text: visibleToken(token?.value == null ? '–' : String(token.value), 40), value: token?.value ?? null },
    ...rest,
  ])
  return { ...table, rows }
}
