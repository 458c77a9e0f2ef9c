/** Ids as text that is fit to be shown: no half characters while more may come, nothing that steers a terminal. */
import { AotError } from '../errors.js'
import type { NativeTokenizer } from '../native.js'
import { unknown } from './completion.js'

export interface TextStyle {
  /** What the model wrote passes through this. */
  clean(text: string): string
  /** What stands for a place that is not known yet. */
  gap: string
}

const plain: TextStyle = { clean: (text) => text, gap: '·' }

/** The ids of a prompt: encoded, or numbers where there is no tokenizer. */
export function promptIds(tokenizer: NativeTokenizer | null, text: string, vocabSize: number): Int32Array {
  if (tokenizer !== null) return tokenizer.encode(text)
  const words = text.split(/\s+/).filter((word) => word !== '')
  const wrong = words.find((word) => !/^\d+$/.test(word) || Number(word) >= vocabSize)
  if (wrong === undefined) return Int32Array.from(words, Number)
  throw new AotError(
    'AOT_CONFIG',
    `the prompt: "${wrong}" is no token id below ${vocabSize}; without a tokenizer a prompt is a list of ids, as "12 7 9"`,
  )
}

/**
 * The text of ids in reading order. `open`: the ends at which more may come; bytes there that are no whole character yet
 * are left out.
 */
export function textOf(
  tokenizer: NativeTokenizer | null,
  ids: Int32Array,
  open: 'none' | 'start' | 'end' | 'both',
  { clean, gap }: TextStyle = plain,
): string {
  if (tokenizer === null) return Array.from(ids, (id) => (id === unknown ? gap : `${id}`)).join(' ')
  let text = ''
  for (let i = 0; i < ids.length; ) {
    let end = i
    while (end < ids.length && ids[end] !== unknown) end++
    if (end > i) {
      const atStart = i === 0 ? open === 'start' || open === 'both' : true
      const atEnd = end === ids.length ? open === 'end' || open === 'both' : true
      let part = tokenizer.decode(ids.subarray(i, end))
      if (atStart) part = part.replace(/^\ufffd+/, '')
      if (atEnd) part = part.replace(/\ufffd+$/, '')
      text += clean(part)
    }
    for (i = end; i < ids.length && ids[i] === unknown; i++) text += gap
  }
  return text
}

/** For a terminal: line feeds stay, tabs become spaces, every other control character a picture of itself. */
export function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal.
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => {
    const code = character.charCodeAt(0)
    if (character === '\t') return '    '
    if (code >= 0x2028) return '\n'
    return code === 0x7f ? '\u2421' : code > 0x7f ? '\ufffd' : String.fromCharCode(0x2400 + code)
  })
}
