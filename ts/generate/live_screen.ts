/**
 * A text that changes anywhere, on a terminal: drawn whole on the alternate screen, so that nothing has to be erased line
 * by line, however the window is resized; the ordinary screen is as it was when it is closed.
 */
import wrapAnsi from 'wrap-ansi'

const enter = '\x1b[?1049h\x1b[?25l'
const leave = '\x1b[?25h\x1b[?1049l'
/** Between these a terminal shows nothing of what it gets, so that a frame appears at once. */
const hold = '\x1b[?2026h'
const release = '\x1b[?2026l'

export class LiveScreen {
  private text = ''
  private closed = false
  private readonly redraw = () => this.draw(this.text)
  private readonly restore = () => this.close()

  constructor(private readonly stream: NodeJS.WriteStream) {
    stream.write(enter)
    stream.on('resize', this.redraw)
    process.once('exit', this.restore)
  }

  /** The first screenful of a text that is too long. */
  draw(text: string): void {
    if (this.closed) return
    this.text = text
    const { columns = 80, rows = 24 } = this.stream
    let lines = wrapAnsi(text, columns, { hard: true, wordWrap: false, trim: false }).split('\n')
    if (lines.length > rows) lines = [...lines.slice(0, rows - 1), '…']
    // A line is erased before it is written: after a full one the cursor still stands on its last column.
    const frame = lines.map((line) => `\x1b[2K${line}`).join('\r\n')
    this.stream.write(`${hold}\x1b[H${frame}${lines.length < rows ? '\r\n\x1b[J' : ''}${release}`)
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.stream.write(leave)
    this.stream.off('resize', this.redraw)
    process.off('exit', this.restore)
  }
}
