/** Charts are drawn here: Plot on a DOM of our own, one SVG for each width, the same bytes for the same figures. */
import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { escapeHtml } from '../html.js'
import { colour } from '../palette.js'
import type { Table } from '../tables.js'

/** Widths a chart is drawn for, in pixels; a page shows the one that fits. */
export const widths = { wide: 700, narrow: 330 }

export const fontSize = 13

export interface Chart {
  /** Distinct within a comparison; part of ids and file names. */
  name: string
  title: string
  /** What can be seen in it, for those who do not see it. */
  description: string
  /** What the reader must know of it. */
  notes: string[]
  /** `id` begins the ids in the drawing. */
  draw(width: number, id: string): Drawing
  /** The same figures, exact. */
  table: Table
}

/** SVG elements with colours as CSS variables and the font of what is around them. */
export interface Drawing {
  svg: string
  width: number
  height: number
}

/** For text over lines: it stays readable. */
export const halo = { stroke: colour('paper'), strokeWidth: 4, strokeOpacity: 1 } as const

/** Room that a text takes, in pixels: that of a wide font. */
export const textWidth = (text: string, { bold = false } = {}) =>
  Math.ceil([...text].length * fontSize * (bold ? 0.69 : 0.62))

/** One plot; `name` makes the ids in it differ from those of others on a page. */
export function draw(name: string, options: Plot.PlotOptions & { width: number; height: number }): Drawing {
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const svg = Plot.plot({ ...options, document: document as never, className: 'plot' }) as unknown as Element
  svg.querySelector('style')?.remove()
  for (const attribute of ['font-family', 'font-size', 'fill', 'text-anchor']) svg.removeAttribute(attribute)
  const { width, height } = options
  return { svg: withOwnIds(svg.outerHTML, `${name}-${width}`), width, height }
}

/** Drawings in one, each at its place. */
export function placed(parts: readonly { drawing: Drawing; x: number; y: number }[]): Drawing {
  return {
    svg: parts.map(({ drawing, x, y }) => `<g transform="translate(${x},${y})">${drawing.svg}</g>`).join('\n'),
    width: Math.max(...parts.map(({ drawing, x }) => x + drawing.width)),
    height: Math.max(...parts.map(({ drawing, y }) => y + drawing.height)),
  }
}

/** A picture of its own on a page, with its name for those who do not see it. */
export function framed(
  { title, description }: Pick<Chart, 'title' | 'description'>,
  { svg, width, height }: Drawing,
): string {
  const label = escapeHtml(`${title}. ${description}`)
  return `<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" aria-label="${label}" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-size="${fontSize}" text-anchor="middle" fill="currentColor">${svg}</svg>`
}

/** Plot numbers its clips over the whole process. */
function withOwnIds(svg: string, prefix: string): string {
  const found = new Map<string, string>()
  return svg.replace(/plot-(?:clip|pattern|marker|tip)-\d+/g, (id) => {
    if (!found.has(id)) found.set(id, `${prefix}-${found.size}`)
    return found.get(id) as string
  })
}

/**
 * Moves labels apart that would lie on each other, no further than needed.
 * @param places wished middles of the labels, in pixels
 * @returns middles at least `gap` apart within [low, high] when there is room, in the order given
 */
export function spread(places: readonly number[], gap: number, low: number, high: number): number[] {
  const order = places.map((_, index) => index).sort((a, b) => (places[a] as number) - (places[b] as number) || a - b)
  const result = [...places]
  let least = low
  for (const index of order) {
    result[index] = Math.max(least, places[index] as number)
    least = (result[index] as number) + gap
  }
  let most = high
  for (const index of order.reverse()) {
    result[index] = Math.min(most, result[index] as number)
    most = (result[index] as number) - gap
  }
  return result
}
