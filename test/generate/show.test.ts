/** What a person sees, on a terminal that xterm.js plays. */
import { EventEmitter } from 'node:events'
import xterm from '@xterm/headless'
import test, { type ExecutionContext } from 'ava'
import { Completion, type Way } from '../../ts/generate/completion.js'
import { LiveScreen } from '../../ts/generate/live_screen.js'
import { show } from '../../ts/generate/show.js'
import type { NativeTokenizer } from '../../ts/native.js'

const bytes = { decode: (ids: Int32Array) => Buffer.from(ids).toString('utf8') } as NativeTokenizer

class Screen extends EventEmitter {
  readonly isTTY: boolean
  readonly raw: string[] = []
  readonly terminal
  constructor(
    public columns: number,
    public rows: number,
    isTTY = true,
  ) {
    super()
    this.isTTY = isTTY
    this.terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, convertEol: true })
  }
  write(text: string): boolean {
    this.raw.push(text)
    this.terminal.write(text)
    return true
  }
  resize(columns: number, rows: number): void {
    this.columns = columns
    this.rows = rows
    this.terminal.resize(columns, rows)
    this.emit('resize')
  }
  /** The lines on the screen, without the blank ones at the end. */
  async lines(): Promise<string[]> {
    await new Promise<void>((done) => this.terminal.write('', done))
    const { active } = this.terminal.buffer
    const lines = Array.from({ length: this.terminal.rows }, (_, i) =>
      (active.getLine(active.viewportY + i)?.translateToString(true, 0, this.terminal.cols) ?? '').trimEnd(),
    )
    while (lines.at(-1) === '') lines.pop()
    return lines
  }
  get alternate(): boolean {
    return this.terminal.buffer.active.type === 'alternate'
  }
  get stream(): NodeJS.WriteStream {
    return this as unknown as NodeJS.WriteStream
  }
}

/** Shows a text that a model makes byte by byte; `look` is called after each. */
async function play(
  screen: Screen,
  way: Way,
  prompt: string,
  made: string,
  look: (step: number, stop: () => void) => Promise<void> | void = () => {},
): Promise<void> {
  const stop = new AbortController()
  const order = [...Buffer.from(made)]
  if (way.kind === 'backward') order.reverse()
  const engine = {
    async *stream() {
      for (const [step, byte] of order.entries()) {
        yield byte
        await look(step + 1, () => stop.abort())
      }
    },
  }
  await show(new Completion(engine, way, Int32Array.from(Buffer.from(prompt))), {
    tokenizer: bytes,
    tokens: order.length,
    sampling: { temperature: 1, topK: 0, seed: 0 },
    signal: stop.signal,
    out: screen.stream,
    colors: false,
  })
}

const forward: Way = { kind: 'forward', bos: 0 }
const backward: Way = { kind: 'backward', bos: 0 }

test('forwards the text grows to the right, where it stays', async (t) => {
  const screen = new Screen(20, 6)
  const seen: string[] = []
  await play(screen, forward, 'Il était ', 'une fois 日本', async () => {
    seen.push((await screen.lines()).join('\n'))
  })
  t.true(seen.includes('Il était une'))
  t.false(seen.some((text) => text.includes('\ufffd')))
  t.deepEqual(await screen.lines(), ['Il était une fois 日', '本'])
  t.false(screen.raw.join('').includes('\x1b'))
})

test('backwards the beginning is written in front, live, and the whole stays', async (t) => {
  const screen = new Screen(20, 6)
  screen.write('$ aot-generate\n')
  const seen: string[] = []
  await play(screen, backward, 'the end.', 'this is, 日本 語, ', async () => {
    seen.push((await screen.lines()).join('\n'))
    t.true(screen.alternate)
  })
  t.is(seen[0], ' the end.')
  t.true(seen.includes(', the end.') && seen.includes('語, the end.'), `${seen}`)
  t.false(seen.some((text) => text.includes('\ufffd')))
  t.deepEqual(await screen.lines(), ['$ aot-generate', 'this is, 日本 語, th', 'e end.'])
  t.false(screen.alternate)
  t.true(screen.raw.join('').endsWith('\n'))
})

test('a permuted window fills up', async (t) => {
  const screen = new Screen(20, 6)
  const seen: string[] = []
  await play(screen, { kind: 'permutation', bos: 0, permutation: [2, 1, 3, 0] }, 'x', 'abc', async () => {
    seen.push((await screen.lines()).join('\n'))
  })
  t.deepEqual(seen, ['·ax·', '·axb', 'caxb'])
  t.deepEqual(await screen.lines(), ['caxb'])
})

test('a window that changes its size is drawn anew; what is too tall shows its beginning', async (t) => {
  const screen = new Screen(10, 4)
  const live = new LiveScreen(screen.stream)
  live.draw('0123456789abcdefghij')
  t.deepEqual(await screen.lines(), ['0123456789', 'abcdefghij'])
  screen.resize(7, 4)
  t.deepEqual(await screen.lines(), ['0123456', '789abcd', 'efghij'])
  screen.resize(5, 3)
  t.deepEqual(await screen.lines(), ['01234', '56789', '…'])
  screen.resize(40, 4)
  t.deepEqual(await screen.lines(), ['0123456789abcdefghij'])
  live.draw('日本語日本語\né')
  t.deepEqual(await screen.lines(), ['日本語日本語', 'é'])
  live.draw('x')
  t.deepEqual(await screen.lines(), ['x'])
  live.close()
  live.close()
  live.draw('late')
  t.deepEqual(await screen.lines(), [])
  t.false(screen.alternate)
  t.is(screen.listenerCount('resize'), 0)
  t.is(screen.raw.join('').split('\x1b[?25h').length, 2)
})

test('stopped, the text that is there stays', async (t) => {
  for (const way of [forward, backward]) {
    const screen = new Screen(40, 6)
    await play(screen, way, '|', 'abcdef', (step, stop) => {
      if (step === 2) stop()
    })
    t.deepEqual(await screen.lines(), [way === forward ? '|abc' : 'def|'])
  }
})

test('an escape sequence of the model does nothing', async (t) => {
  for (const way of [forward, backward]) {
    const screen = new Screen(40, 6)
    await play(screen, way, '', 'a\x1b[2J\x1b]0;title\x07b')
    t.deepEqual(await screen.lines(), ['a␛[2J␛]0;title␇b'])
  }
})

async function piped(t: ExecutionContext, way: Way, want: string) {
  const screen = new Screen(40, 6, false)
  await play(screen, way, 'é|', 'a\tb')
  t.is(screen.raw.join(''), want)
}
test('to a pipe goes the plain text', async (t) => {
  await piped(t, forward, 'é|a\tb\n')
  await piped(t, backward, 'a\tbé|\n')
})
