/** The report of comparisons as one HTML document that needs nothing else. */
import { createHash } from 'node:crypto'
import type { ArrowResult } from '../arrow/types.js'
import { gridCharts } from './charts/grid.js'
import { dimensionsOf } from './dimensions.js'
import { figureHtml } from './figure.js'
import { Html, html } from './html.js'
import { eachHtml, resultHtml } from './result.js'
import { copyScript, liveScript } from './script.js'
import { style } from './style.js'
import { comparisonTable, seedsTable } from './summary.js'
import { copiedTable } from './tables.js'
import { overviewHtml, verdictHtml } from './verdict.js'

export interface PageOptions {
  title: string
  /** The page follows `/events`: each message is a new body. */
  live?: boolean
}

function tables(results: readonly ArrowResult[]): Html {
  const seeds = seedsTable(results)
  return html`<section aria-labelledby="figures"><h2 id="figures">All figures</h2>
<p class="notes">Losses and differences in nats per token; “from” and “to” are the ends of the interval. Copies hold every digit as CSV, and what is seen as Markdown.</p>
${copiedTable(comparisonTable(results), { id: 'summary', label: 'All comparisons' })}
<h3>By seed</h3>
${copiedTable(seeds, { id: 'seeds', label: 'Losses of each seed' })}</section>\n`
}

/** What stands in <main>; the live server sends it anew when the results change. */
export function reportBody(results: readonly ArrowResult[]): string {
  if (results.length === 0) return html`<p class="answer">No comparison has a validation yet.</p>`.markup
  const [only] = results
  if (results.length === 1 && only !== undefined) {
    return html`${verdictHtml(only)}${resultHtml(only, 'r1')}${tables(results)}`.markup
  }
  const charts = gridCharts(results)
  const keys = dimensionsOf(results).map(({ title }) => title)
  return html`${overviewHtml(results)}
<section aria-labelledby="across"><h2 id="across">${keys.length > 0 ? `By ${keys.join(' and ')}` : 'Side by side'}</h2>
<div class="charts">${charts.map((chart) => figureHtml(chart, 'all'))}</div></section>
${tables(results)}
<section aria-labelledby="each"><h2 id="each">Each comparison</h2>
${eachHtml(results)}</section>`.markup
}

const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

/** The whole document. The same results give the same bytes. */
export function reportPage(results: readonly ArrowResult[], { title, live = false }: PageOptions): string {
  const script = live ? copyScript + liveScript : copyScript
  // Nothing is loaded, and no script but this one runs, whatever a token or a name holds.
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src ${hash(script)}; img-src data:; connect-src ${live ? "'self'" : "'none'"}; base-uri 'none'; form-action 'none'`
  const version = results[0]?.version
  return `<!doctype html>
${
  html`<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${new Html(style)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the results</a>
<header><h1>${title}</h1>${live && html`<p id="status" role="status" aria-live="polite"></p>`}</header>
<main id="main" tabindex="-1">
${new Html(reportBody(results))}
</main>
<footer>${version === undefined ? 'arrows-of-time' : `arrows-of-time ${version}`}</footer>
<script>${new Html(script)}</script>
</body>
</html>
`.markup
}`
}
