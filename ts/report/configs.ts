/** What was run: one config whole, what differs in the others, versions and folders. */
import type { ArrowResult, ArrowRun } from '../arrow/types.js'
import { formatWhole } from '../logging/amounts.js'
import { type Html, html } from './html.js'
import { type Table, tableHtml } from './tables.js'

type Flat = Map<string, string>

/** `model_params.n_layers` -> `4`; lists are one value. */
function flatten(value: unknown, prefix = '', into: Flat = new Map()): Flat {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    into.set(prefix, JSON.stringify(value) ?? 'null')
  else for (const [key, inner] of Object.entries(value)) flatten(inner, prefix === '' ? key : `${prefix}.${key}`, into)
  return into
}

/** A row a run, with the keys of its config that are not the same in all runs. */
function runsTable(runs: readonly ArrowRun[]): Table {
  const flat = runs.map(({ config }) => flatten(config))
  const keys = [...new Set(flat.flatMap((one) => [...one.keys()]))]
  const differing = keys.filter((key) => new Set(flat.map((one) => one.get(key))).size > 1)
  const text = (value: string) => ({ text: value, value })
  return {
    columns: [
      { title: 'run folder', name: 'folder', numeric: false },
      { title: 'direction', name: 'direction', numeric: false },
      { title: 'seed', name: 'seed', numeric: true },
      { title: 'minibatches', name: 'step', numeric: true },
      { title: 'precision', name: 'precision', numeric: false },
      ...differing.map((key) => ({ title: key, name: key, numeric: false })),
    ],
    rows: runs.map((run, index) => [
      text(run.folder),
      text(run.direction),
      { text: String(run.seed), value: run.seed },
      { text: formatWhole(run.step), value: run.step },
      text(run.config.precision),
      ...differing.map((key) => text(flat[index]?.get(key) ?? '–')),
    ]),
  }
}

/** Everything needed to do it again. */
export function configsHtml(result: ArrowResult, id: string): Html {
  const { runs, version } = result
  const first = runs[0]
  return html`<details id="${id}-runs"><summary id="${id}-runs-summary">Runs, configs and versions</summary>
<p>Made by arrows-of-time ${version}. Data: <code>${result.data.path}</code>, ${
    result.data.tokens === null ? 'unknown number of' : formatWhole(result.data.tokens)
  } tokens, ${formatWhole(result.data.windows)} validation windows.</p>
${tableHtml(runsTable(runs), { id: `${id}-runs-table`, label: 'Runs, and what differs in their configs' })}
${
  first === undefined
    ? null
    : html`<p>The config of ${first.direction}, seed ${first.seed}; the others differ from it in the columns above only.</p>
<pre class="scroll" tabindex="0" id="${id}-config">${JSON.stringify(first.config, null, 2)}</pre>`
}
</details>\n`
}
