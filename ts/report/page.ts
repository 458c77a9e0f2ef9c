/** The report of comparisons as one HTML document that needs nothing else. */
import type { ArrowResult } from '../arrow/types.js'
import { html } from './html.js'

export interface PageOptions {
  title: string
  /** The page follows `/events`: each message is a new body. */
  live?: boolean
}

/** What stands in <main>; the live server sends it anew when the results change. */
export function reportBody(results: readonly ArrowResult[]): string {
  return html`${results.map(({ name, verdict }) => html`<h2>${name}</h2><p>${verdict}</p>`)}`.markup
}

/** The whole document. The same results give the same bytes. */
export function reportPage(results: readonly ArrowResult[], { title }: PageOptions): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8">${html`<title>${title}</title>`}</head>
<body><main id="main">${reportBody(results)}</main></body>
</html>
`
}
