/** HTML that cannot be broken by what is put into it: texts are escaped, only Html is taken as it is. */

/** Markup that is safe to put into a page. */
export class Html {
  constructor(readonly markup: string) {}

  toString(): string {
    return this.markup
  }
}

export type Part = Html | string | number | null | undefined | false | readonly Part[]

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '\r': '&#13;',
}

/** What neither HTML nor XML may hold: control characters become their pictures (U+2400 on), the rest U+FFFD. */
export function printable(text: string): string {
  return text.replace(/(?![\t\n\r])[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/gu, (letter) => {
    const code = letter.charCodeAt(0)
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? '\u2421' : '\ufffd'
  })
}

/** For text between tags and for values in quotes. */
export function escapeHtml(text: string): string {
  return printable(text).replace(/[&<>"'\r]/g, (letter) => entities[letter] as string)
}

function markupOf(part: Part): string {
  if (part instanceof Html) return part.markup
  if (Array.isArray(part)) return part.map(markupOf).join('')
  if (part === null || part === undefined || part === false) return ''
  return escapeHtml(String(part))
}

/** html`<td title="${text}">${text}</td>`: text is escaped, lists follow each other, null and false are nothing. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(strings.map((text, index) => text + (index < parts.length ? markupOf(parts[index]) : '')).join(''))
}
