/** The queue's lines on a terminal that xterm.js plays. */
import xterm from '@xterm/headless'
import test, { type ExecutionContext } from 'ava'
import { openDisplay } from '../../ts/queue/display.js'
import type { QueueRun } from '../../ts/queue/state.js'

class Screen {
  readonly isTTY = true
  readonly #terminal
  constructor(
    public columns: number,
    public rows: number,
  ) {
    this.#terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, convertEol: true })
  }
  write(text: string): boolean {
    this.#terminal.write(text)
    return true
  }
  resize(columns: number, rows: number): void {
    this.columns = columns
    this.rows = rows
    this.#terminal.resize(columns, rows)
  }
  /** The lines on the screen, without the blank ones at the end. */
  async lines(): Promise<string[]> {
    await new Promise<void>((done) => this.#terminal.write('', done))
    const { active } = this.#terminal.buffer
    const lines = Array.from({ length: this.rows }, (_, i) =>
      (active.getLine(active.baseY + i)?.translateToString(true) ?? '').trimEnd(),
    )
    while (lines.at(-1) === '') lines.pop()
    return lines
  }
}

function open(t: ExecutionContext, count: number, columns: number, rows: number) {
  const runs = Array.from({ length: count }, (_, i): QueueRun => ({ name: `run${i}`, state: { kind: 'waiting' } }))
  const screen = new Screen(columns, rows)
  const display = openDisplay(runs, screen)
  t.teardown(() => display.end())
  /** The screen once it is so, or as it is when it does not come to that. */
  const shows = async (what: (lines: string[]) => boolean) => {
    for (let waited = 0; ; waited += 20) {
      const lines = await screen.lines()
      if (what(lines) || waited > 10_000) return lines
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  return { runs, screen, display, shows }
}

test('a line a run, with what is told above them; at the end nothing of the lines stays', async (t) => {
  const { screen, display, shows } = open(t, 3, 40, 10)
  await shows((lines) => lines.length === 3)
  display.log(`told: ${'word '.repeat(10).trim()}`)
  const lines = await shows((lines) => lines.length === 5)
  t.deepEqual(
    lines.map((line) => line.replaceAll(/ +/g, ' ')),
    ['told: word word word word word word', 'word word word word', 'run0 waits', 'run1 waits', 'run2 waits'],
  )
  display.end()
  t.deepEqual(await screen.lines(), lines.slice(0, 2))
})

test('a terminal that is made smaller and larger has as many lines as fit, each once', async (t) => {
  const { runs, screen, display, shows } = open(t, 30, 80, 50)
  const fits = (lines: string[]) => lines.length === Math.min(runs.length, screen.rows - 2)
  const names = (lines: string[]) => lines.map((line) => line.split(' ')[0])
  const all = runs.map(({ name }) => name)
  t.deepEqual(names(await shows(fits)), all)
  for (const [columns, rows] of [
    [60, 12],
    [30, 8],
    [80, 24],
  ] as const) {
    screen.resize(columns, rows)
    const lines = await shows((lines) => fits(lines) && /^and \d+ more: /.test(lines.at(-1) as string))
    t.deepEqual(names(lines).slice(0, -1), all.slice(0, rows - 3))
    t.is(lines.at(-1), `and ${30 - (rows - 3)} more: ${30 - (rows - 3)} waiting`)
  }
  screen.resize(200, 50)
  t.deepEqual(names(await shows(fits)), all)
  display.end()
  t.deepEqual(await screen.lines(), [])
})
