/** Tokens made visible, and stretches of text with how much each token gains. */
import type { SourceExample } from '../arrow/types.js'
import { type Html, html, printable } from './html.js'
import { signed } from './numbers.js'

/** Letters that turn the writing direction of what follows, or have no width. */
const unseen = /[\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu

const code = (letter: string) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`

/** Spaces, line ends and what has no shape as signs, so that ` the` and `the` differ; at most `most` letters. */
export function visibleToken(text: string, most: number): string {
  if (text === '') return '(empty)'
  const seen = text
    .replace(/\n/g, '↵')
    .replace(/\t/g, '⇥')
    .replace(/[ \u00a0]/g, '␣')
    .replace(/[\p{Cc}\p{Cs}]/gu, code)
    .replace(unseen, code)
  const letters = [...printable(seen)]
  return letters.length <= most ? letters.join('') : `${letters.slice(0, most - 1).join('')}…`
}

/** Nats from which on a token is marked as weakly, clearly and strongly easier one way. */
const levels = [0.25, 1, 2.5]

/** `f2`: clearly easier forward; null: about the same. */
function strength(difference: number): string | null {
  const level = levels.filter((least) => Math.abs(difference) >= least).length
  return level === 0 ? null : `${difference > 0 ? 'f' : 'b'}${level}`
}

/** A stretch of text: lines below the tokens tell direction and strength without colour, too. */
export function exampleHtml({ window, easier, tokens, marked }: SourceExample): Html {
  const pieces = tokens.map(({ text, difference }, index) => {
    const kind = strength(difference)
    const shown = printable(text)
      .replace(unseen, '')
      .replace(/\r\n|\r|\n/g, '↵')
      .replace(/\t/g, ' ')
    const token = html`<span${kind && html` class="${kind}"`} title="${signed(difference, 2)} nats">${shown}</span>`
    return index === marked ? html`<mark>${token}<sub>${signed(difference, 2)}</sub></mark>` : token
  })
  return html`<li><p class="example" dir="auto">${pieces}</p><small>window ${window}, the marked token is easier ${easier}</small></li>\n`
}

export const exampleKey = html`<p class="key"><span class="f3">thick line</span>, <span class="f1">thin line</span>: easier forward;
<span class="b3">thick dots</span>, <span class="b1">thin dots</span>: easier backward; the number is BW − FW in nats.</p>\n`
