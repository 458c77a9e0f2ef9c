/** The report's pictures as files of their own: SVG with a light background, and PNG of it. */
import { createRequire } from 'node:module'
import { Resvg } from '@resvg/resvg-js'
import type { ArrowResult } from '../arrow/types.js'
import { sourceCharts, trainingAndPositions } from './charts/all.js'
import { type Chart, type Drawing, fontSize, placed, widths } from './charts/draw.js'
import { gridCharts } from './charts/grid.js'
import { lossChart } from './charts/loss.js'
import { trainingChart } from './charts/training.js'
import { labelsOf } from './dimensions.js'
import { escapeHtml } from './html.js'
import { colour, withLightColours } from './palette.js'
import { answerOf, overviewText } from './verdict.js'

export interface Picture {
  /** For a file name; the first picture is `arrow`. */
  name: string
  title: string
  /** Stands alone: light background, fonts named. */
  svg: string
  png: Uint8Array
}

/** More comparisons than these have no pictures of their own. */
const mostOfOne = 16

const scale = 2
const margin = 24
const lineHeight = 18

const fonts = ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'].map((file) =>
  createRequire(import.meta.url).resolve(`dejavu-fonts-ttf/ttf/${file}`),
)

/** A machine may have no fonts at all; those that it has are asked for letters which ours lack. */
function toPng(svg: string): Uint8Array {
  const font = { fontFiles: fonts, loadSystemFonts: true, defaultFontFamily: 'DejaVu Sans' }
  return new Resvg(svg, { fitTo: { mode: 'zoom', value: scale }, font }).render().asPng()
}

/** Words in lines no wider than `width` pixels. */
export function wrapped(text: string, width: number, size = fontSize): string[] {
  const lines: string[] = []
  for (const word of text.split(/\s+/).filter((word) => word !== '')) {
    const longer = lines.length === 0 ? word : `${lines[lines.length - 1]} ${word}`
    if (lines.length > 0 && [...longer].length * size * 0.56 <= width) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines
}

interface Sheet {
  name: string
  title: string
  subtitle: string
  drawing: Drawing
  notes: readonly string[]
}

/** Title, line, drawing and notes, one below the other. */
function picture({ name, title, subtitle, drawing, notes }: Sheet): Picture {
  const inner = drawing.width
  let y = margin
  const texts: string[] = []
  const write = (lines: readonly string[], size: number, weight: number, fill: string, height: number) => {
    for (const line of lines) {
      y += height
      texts.push(
        `<text x="${margin}" y="${y - Math.round(height * 0.25)}" font-size="${size}" font-weight="${weight}" fill="${fill}">${escapeHtml(line)}</text>`,
      )
    }
  }
  write(wrapped(title, inner, 24), 24, 700, colour('ink'), 32)
  write(wrapped(subtitle, inner), fontSize, 400, colour('muted'), lineHeight)
  y += 14
  const top = y
  y += drawing.height + 8
  write(wrapped(notes.join(' '), inner, 12), 12, 400, colour('muted'), lineHeight)
  const [width, height] = [inner + 2 * margin, y + margin - 6]
  const svg =
    withLightColours(`<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="${escapeHtml(title)}" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="'DejaVu Sans', Verdana, sans-serif" font-size="${fontSize}" fill="${colour('ink')}" color="${colour('ink')}">
<rect width="${width}" height="${height}" fill="${colour('paper')}"/>
<g>${texts.join('\n')}</g>
<g text-anchor="middle">${placed([{ drawing, x: margin, y: top }]).svg}</g>
</svg>
`)
  return { name, title, svg, png: toPng(svg) }
}

const sheetOf = (chart: Chart, name: string, subtitle: string): Sheet => ({
  name,
  title: chart.title,
  subtitle,
  drawing: chart.draw(widths.wide, name),
  notes: chart.notes,
})

/** The losses and the arrow of one comparison, side by side under its verdict. */
function overview(result: ArrowResult, name: string, label: string): Picture | null {
  const charts = [lossChart(result), trainingChart(result)].filter((chart) => chart !== null)
  if (charts.length === 0) return null
  const gap = 28
  const parts = charts.map((chart, index) => {
    const drawing = chart.draw(widths.wide, `${name}-${chart.name}`)
    return { drawing, x: index * (widths.wide + gap), y: 0 }
  })
  return picture({
    name,
    title: answerOf(result),
    subtitle: `${label}: ${result.verdict}.`,
    drawing: placed(parts),
    notes: charts.flatMap(({ notes }) => notes),
  })
}

/** `arrow` first: of one comparison its losses and its arrow, of several the chart that has them all. */
export function pictures(results: readonly ArrowResult[]): Picture[] {
  const labels = labelsOf(results)
  const [only] = results
  if (results.length === 1 && only !== undefined) {
    const charts = [...trainingAndPositions(only), ...sourceCharts(only)]
    const first = overview(only, 'arrow', only.name)
    const rest = charts.map((chart) =>
      picture(sheetOf(chart, chart.name === 'arrow' ? 'training' : chart.name, only.name)),
    )
    return first === null ? rest : [first, ...rest]
  }
  const across = gridCharts(results).map((chart, index) =>
    picture(sheetOf(chart, index === 0 ? 'arrow' : chart.name, overviewText(results).join('; '))),
  )
  const each = results
    .slice(0, mostOfOne)
    .map((result, index) => overview(result, `arrow-${index + 1}`, labels[index] as string))
  return [...across, ...each.filter((one) => one !== null)]
}
