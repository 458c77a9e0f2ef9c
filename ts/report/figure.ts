/** A chart on the page: drawn for wide and for narrow screens, with its figures as a table. */
import { type Chart, framed, widths } from './charts/draw.js'
import { Html, html } from './html.js'
import { tableHtml } from './tables.js'

/** `prefix` makes ids distinct between comparisons. */
export function figureHtml(chart: Chart, prefix: string): Html {
  const id = `${prefix}-${chart.name}`
  const drawn = (size: keyof typeof widths) =>
    html`<div class="${size}">${new Html(framed(chart, chart.draw(widths[size], id)))}</div>`
  return html`<figure id="${id}"><h3>${chart.title}</h3>
${drawn('wide')}${drawn('narrow')}
<figcaption class="notes">${chart.notes.join(' ')}</figcaption>
<details id="${id}-figures"><summary id="${id}-figures-summary">Figures of this chart</summary>
${tableHtml(chart.table, { id: `${id}-table`, label: chart.title })}</details>
</figure>\n`
}
