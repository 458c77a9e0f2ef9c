/** Server-Sent Events: the newest text to everyone who listens. Who is slow is sent the newest alone, who leaves is forgotten. */
import type { ServerResponse } from 'node:http'

/** A line now and then keeps tunnels open, and shows who has gone. */
const everyMilliseconds = 15_000

export class EventStream {
  readonly #listeners = new Set<ServerResponse>()
  /** Those that have not taken yet what they were sent, and missed the newest. */
  readonly #behind = new Set<ServerResponse>()
  readonly #timer: NodeJS.Timeout
  #newest = ''

  constructor() {
    this.#timer = setInterval(() => {
      for (const listener of this.#listeners) if (!listener.writableNeedDrain) listener.write(': \n\n')
    }, everyMilliseconds)
    this.#timer.unref()
  }

  get listeners(): number {
    return this.#listeners.size
  }

  /** Begins to send to one whose headers are written: `text` now, what send() is given from then on. */
  add(listener: ServerResponse, text: string): void {
    this.#newest = text
    this.#listeners.add(listener)
    listener.on('close', () => {
      this.#listeners.delete(listener)
      this.#behind.delete(listener)
    })
    listener.on('drain', () => {
      if (this.#behind.delete(listener)) listener.write(message(this.#newest))
    })
    // The browser asks again after this time when the stream breaks.
    listener.write(`retry: 2000\n\n${message(text)}`)
  }

  send(text: string): void {
    this.#newest = text
    for (const listener of this.#listeners) {
      if (listener.writableNeedDrain) this.#behind.add(listener)
      else listener.write(message(text))
    }
  }

  close(): void {
    clearInterval(this.#timer)
    for (const listener of this.#listeners) listener.end()
  }
}

function message(text: string): string {
  return `${text
    .split(/\r\n|\r|\n/)
    .map((line) => `data: ${line}\n`)
    .join('')}\n`
}
