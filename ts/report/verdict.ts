/** The answer first, in plain words, with the figures it rests on. */
import type { ArrowResult } from '../arrow/types.js'
import { formatNumberOf, formatWhole } from '../logging/amounts.js'
import { type Html, html } from './html.js'
import { describeInterval, percent, plain, range, signed } from './numbers.js'

/** Whether the sign can be believed, and why not. */
export function describeSign({ established, seeds, interval }: ArrowResult): { text: string; established: boolean } {
  if (established) return { text: `sign established over ${formatNumberOf(seeds.length, 'seed')}`, established }
  const why =
    seeds.length <= 1
      ? `${seeds.length === 1 ? 'one seed' : 'no seed'}: sign not established`
      : interval === null
        ? 'no interval: sign not established'
        : interval.low <= 0 && interval.high >= 0
          ? 'the interval has zero in it: sign not established'
          : `${formatNumberOf(seeds.length, 'seed')}: sign not established, it takes three`
  return { text: why, established }
}

function fact(term: string, value: string, exact: number | null | undefined, note: string | null = null): Html {
  const known = exact !== null && exact !== undefined && Number.isFinite(exact)
  return html`<div><dt>${term}</dt><dd${known && html` data-value="${exact}"`}>${value}${note !== null && html`<small>${note}</small>`}</dd></div>\n`
}

function signHtml(result: ArrowResult): Html {
  const sign = describeSign(result)
  return html`<p><span class="sign ${sign.established ? 'yes' : 'no'}">${sign.established ? '✓' : '?'} ${sign.text}</span>${
    !result.finished && html`<span class="sign no">not at its end: the runs go on</span>`
  }</p>`
}

export function verdictHtml(result: ArrowResult): Html {
  const { interval, bits_per_byte: bits, model, data } = result
  const parameters = model.parameters === null ? '' : `, ${formatWhole(model.parameters)} parameters`
  return html`<section class="verdict" aria-label="Verdict"><p class="answer">${result.verdict}</p>
${signHtml(result)}
<p class="subtitle">${result.name}: ${model.kind}${parameters}, ${formatWhole(model.attn_length)} tokens of context; ${formatWhole(data.windows)} validation windows.</p>
<dl class="facts">
${fact('forward', plain(result.fw), result.fw, 'nats per token')}
${fact('backward', plain(result.bw), result.bw, 'nats per token')}
${fact('BW − FW', signed(result.difference), result.difference, interval === null ? 'no interval' : range(interval))}
${fact('BW/FW − 1', percent(result.ratio, 3), result.ratio)}
${fact('over the mean', percent(result.relative, 3), result.relative)}
${fact('bits per byte', signed(bits?.difference), bits?.difference, bits === null ? 'no tokenizer' : `${plain(bits.fw)} → ${plain(bits.bw)}`)}
${fact('spread of the seeds', plain(result.seed_spread), result.seed_spread, formatNumberOf(result.seeds.length, 'seed'))}
</dl>
${interval !== null && html`<p class="notes">${describeInterval(interval)}.</p>`}</section>\n`
}

/** The answer of several comparisons: how many point which way. */
export function overviewHtml(results: readonly ArrowResult[]): Html {
  const sure = results.filter(({ established }) => established)
  const harder = (direction: string, count: number) =>
    count === 0
      ? []
      : [`${direction} is harder in ${count === results.length ? 'all' : `${count} of`} ${results.length} comparisons`]
  const parts = [
    ...harder('backward', sure.filter(({ difference }) => difference > 0).length),
    ...harder('forward', sure.filter(({ difference }) => difference < 0).length),
  ]
  const open = results.length - sure.length
  const unfinished = results.filter(({ finished }) => !finished).length
  const answer = parts.length === 0 ? `no sign is established in ${results.length} comparisons` : parts.join('; ')
  return html`<section class="verdict" aria-label="Verdict"><p class="answer">${answer.charAt(0).toUpperCase() + answer.slice(1)}.</p>
<p>${open > 0 && html`<span class="sign no">? sign not established in ${open}</span>`}${
    unfinished > 0 && html`<span class="sign no">${unfinished} not at their end: the runs go on</span>`
  }</p></section>\n`
}
