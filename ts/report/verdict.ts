/** The answer first, in plain words, with the figures it rests on. */
import type { ArrowResult } from '../arrow/types.js'
import { excludesZero, seedsForSign } from '../arrow/verdict.js'
import { formatNumberOf, formatWhole } from '../logging/amounts.js'
import { type Html, html } from './html.js'
import { describeInterval, percent, plain, range, signed } from './numbers.js'

/** Whether the sign can be believed, and why not. */
export function describeSign({ established, seeds, interval }: ArrowResult): { text: string; established: boolean } {
  if (established) return { text: `sign established over ${formatNumberOf(seeds.length, 'seed')}`, established }
  const why =
    seeds.length <= 1
      ? `${seeds.length === 1 ? 'one seed' : 'no seed'}: sign not established`
      : seeds.length < seedsForSign
        ? 'two seeds: sign not established, it takes three'
        : interval === null
          ? 'sign not established: there is no interval'
          : excludesZero(interval)
            ? 'sign not established: the runs are not at their end'
            : 'sign not established: the interval has zero in it'
  return { text: why, established }
}

function fact(term: string, value: string, exact: number | null | undefined, note: string | null = null): Html {
  const known = exact !== null && exact !== undefined && Number.isFinite(exact)
  return html`<div><dt>${term}</dt><dd${known && html` data-value="${exact}"`}>${value}${note !== null && html`<small>${note}</small>`}</dd></div>\n`
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

/** The shortest true answer: which direction is harder and by how much, or why that cannot be said. */
export function answerOf(result: ArrowResult): string {
  const sign = describeSign(result)
  if (!sign.established) return capital(sign.text)
  const { ratio } = result
  return `${ratio > 0 ? 'Backward' : 'Forward'} is harder: ${percent(ratio)}`
}

function signHtml(result: ArrowResult): Html {
  const sign = describeSign(result)
  return html`<p>${sign.established && html`<span class="sign yes">✓ ${sign.text}</span>`}${
    !result.finished && html`<span class="sign no">not at its end: the runs go on</span>`
  }</p>`
}

export function verdictHtml(result: ArrowResult): Html {
  const { interval, bits_per_byte: bits, model, data } = result
  const parameters = model.parameters === null ? '' : `, ${formatWhole(model.parameters)} parameters`
  return html`<section class="verdict" aria-label="Verdict"><p class="answer">${answerOf(result)}</p>
${signHtml(result)}
<p>${capital(result.verdict)}.</p>
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

/** The answer of several comparisons: how many point which way, and what is open. */
export function overviewText(results: readonly ArrowResult[]): string[] {
  const sure = results.filter(({ established }) => established)
  const all = formatNumberOf(results.length, 'comparison')
  const harder = [
    { direction: 'backward', count: sure.filter(({ difference }) => difference > 0).length },
    { direction: 'forward', count: sure.filter(({ difference }) => difference < 0).length },
  ].filter(({ count }) => count > 0)
  const parts = harder.map(({ direction, count }, index) => {
    const part = count === results.length ? 'all' : count
    return index === 0 ? `${direction} is harder in ${part} of ${all}` : `${direction} in ${part}`
  })
  const open = results.length - sure.length
  const unfinished = results.filter(({ finished }) => !finished).length
  return [
    parts.length === 0 ? `No sign is established in ${all}` : capital(parts.join(', ')),
    ...(open > 0 && parts.length > 0 ? [`sign not established in ${open}`] : []),
    ...(unfinished > 0 ? [`${unfinished} not at their end: the runs go on`] : []),
  ]
}

export function overviewHtml(results: readonly ArrowResult[]): Html {
  const [answer, ...open] = overviewText(results)
  return html`<section class="verdict" aria-label="Verdict"><p class="answer">${answer}.</p>
<p>${open.map((text) => html`<span class="sign no">? ${text}</span>`)}</p></section>\n`
}
