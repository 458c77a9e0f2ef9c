/** Shows a completion while it is made: on a terminal live, elsewhere as plain text. */
import type { NativeTokenizer } from '../native.js'
import type { Completion, SamplingOptions } from './completion.js'
import { LiveScreen } from './live_screen.js'
import { textOf, visible } from './text.js'

export interface ShowOptions {
  tokenizer: NativeTokenizer | null
  tokens: number
  sampling: SamplingOptions
  signal: AbortSignal
  out: NodeJS.WriteStream
  colors: boolean
}

/** Runs the completion to its end or to the signal, and writes the text with a line feed after it. */
export async function show(completion: Completion, options: ShowOptions): Promise<void> {
  if (completion.way.kind === 'forward') await showGrowing(completion, options)
  else await showWhole(completion, options)
}

/** What is written stays; what comes is put after it. */
async function showGrowing(completion: Completion, options: ShowOptions): Promise<void> {
  const { tokenizer, tokens, sampling, signal, out } = options
  let written = ''
  const write = (open: 'none' | 'end') => {
    const text = textOf(tokenizer, completion.ids, open)
    const more = text.slice(written.length)
    if (more !== '') out.write(out.isTTY ? visible(more) : more)
    written = text
  }
  write('end')
  try {
    for await (const _ of completion.run(tokens, sampling, signal)) write('end')
  } finally {
    write('none')
    out.write('\n')
  }
}

/** The text changes in front or in the middle: live on a screen of its own, then whole where it stays. */
async function showWhole(completion: Completion, options: ShowOptions): Promise<void> {
  const { tokenizer, tokens, sampling, signal, out, colors } = options
  const style = { clean: visible, gap: colors ? '\x1b[2m·\x1b[22m' : '·' }
  const screen = out.isTTY ? new LiveScreen(out) : null
  const open = completion.way.kind === 'backward' ? 'start' : 'both'
  const draw = () => screen?.draw(textOf(tokenizer, completion.ids, open, style))
  try {
    draw()
    for await (const _ of completion.run(tokens, sampling, signal)) draw()
  } finally {
    screen?.close()
    const text = textOf(tokenizer, completion.ids, 'none')
    out.write(`${out.isTTY ? visible(text) : text}\n`)
  }
}
