/** One comparison in full: its charts, its sources, its runs. */
import type { ArrowResult } from '../arrow/types.js'
import { sourceCharts, trainingAndPositions } from './charts/all.js'
import { configsHtml } from './configs.js'
import { labelsOf } from './dimensions.js'
import { figureHtml } from './figure.js'
import { type Html, html } from './html.js'
import { percent } from './numbers.js'
import { directionsTable } from './summary.js'
import { copiedTable } from './tables.js'
import { exampleHtml, exampleKey } from './tokens.js'
import { describeSign, verdictHtml } from './verdict.js'

/** Further comparisons have their verdict, figures and runs, but no charts: a page stays one that a browser opens. */
export const mostDrawn = 16

function sourcesHtml(result: ArrowResult, id: string): Html | null {
  const { sources } = result
  if (sources === null) return null
  return html`<section aria-labelledby="${id}-sources"><h2 id="${id}-sources">Where it comes from</h2>
<div class="charts">${sourceCharts(result).map((chart) => figureHtml(chart, id))}</div>
${
  sources.examples.length > 0 &&
  html`<h3>In the text</h3>${exampleKey}<ul class="examples">
${sources.examples.map(exampleHtml)}</ul>`
}</section>\n`
}

function knownHtml({ known }: ArrowResult): Html | null {
  if (known === null) return null
  return html`<p>The data is the synthetic language <b>${known.language}</b>.</p>
<ul class="notes">${known.facts.map((fact) => html`<li>${fact}</li>`)}</ul>\n`
}

/** All of a comparison below its verdict. `id` begins all ids in it. */
export function resultHtml(result: ArrowResult, id: string, { drawn = true }: { drawn?: boolean } = {}): Html {
  return html`${knownHtml(result)}
${
  drawn
    ? html`<div class="charts">${trainingAndPositions(result).map((chart) => figureHtml(chart, id))}</div>
${sourcesHtml(result, id)}`
    : html`<p class="notes">A report of fewer comparisons has charts of this one, too.</p>`
}
${
  result.directions.length > 2 &&
  html`<h3>All directions beside forward</h3>${copiedTable(directionsTable(result), { id: `${id}-directions`, label: 'All directions beside forward' })}`
}
${configsHtml(result, id)}`
}

/** Several comparisons, each to be opened. */
export function eachHtml(results: readonly ArrowResult[]): Html {
  const labels = labelsOf(results)
  return html`${results.map((result, index) => {
    const id = `r${index + 1}`
    return html`<details class="result" id="${id}"><summary id="${id}-summary">${labels[index]} <span>${percent(result.ratio)}, ${describeSign(result).text}</span></summary>
${verdictHtml(result)}${resultHtml(result, id, { drawn: index < mostDrawn })}</details>\n`
  })}`
}
