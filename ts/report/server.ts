/** The report of runs that go on, for the browsers of this machine alone. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ArrowResult } from '../arrow/types.js'
import { AotError } from '../errors.js'
import { inertPolicy, policyOf } from './content_policy.js'
import { EventStream } from './event_stream.js'
import { reportBody, reportPage } from './page.js'
import { type Picture, pictures } from './pictures.js'

/** Whatever the network: nobody else sees the runs. Over ssh, a tunnel (ssh -L) leads here. */
const address = '127.0.0.1'

/** Tried in turn where none is asked for. */
const usualPorts = Array.from({ length: 10 }, (_, index) => 8765 + index)

/** A page of another site can have its name lead here (DNS rebinding); the name it asks for gives it away. */
const ourNames = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i

const plainHeaders = {
  'cache-control': 'no-store',
  'content-security-policy': inertPolicy,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

interface Answer {
  status: number
  type: string
  body: string
  headers?: Record<string, string>
}

export class ReportServer {
  readonly #server: Server
  readonly #events = new EventStream()
  #results: readonly ArrowResult[] = []
  #body: string
  /** Made when they are asked for, once for the same results. */
  #page: string | null = null
  #pictures: Picture[] | null = null

  constructor(private readonly title: string) {
    this.#body = reportBody([])
    this.#server = createServer((request, response) => this.#answer(request, response))
  }

  /**
   * Listens on a port: that one, any free one for 0, the first free of the usual ones for null.
   * @returns the address of the page
   * @throws AotError AOT_IO when the port is taken.
   */
  async listen(port: number | null): Promise<string> {
    for (const candidate of port === null ? [...usualPorts, 0] : [port]) {
      const error = await this.#tryPort(candidate)
      if (error === null) return `http://${address}:${(this.#server.address() as AddressInfo).port}/`
      if (error.code === 'EADDRINUSE' && port === null) continue
      const reason = error.code === 'EADDRINUSE' ? 'is taken' : `cannot be listened on (${error.code})`
      throw new AotError('AOT_IO', `port ${candidate} ${reason}: give another --port, or 0 for any free one`)
    }
    throw new AotError('AOT_IO', 'no port is free')
  }

  /** Shows these, to those too that look at the page already. */
  show(results: readonly ArrowResult[]): void {
    this.#results = results
    this.#page = null
    this.#pictures = null
    const body = reportBody(results)
    if (body === this.#body) return
    this.#body = body
    this.#events.send(body)
  }

  async close(): Promise<void> {
    this.#events.close()
    await new Promise((done) => {
      this.#server.close(done)
      this.#server.closeAllConnections()
    })
  }

  #tryPort(port: number): Promise<NodeJS.ErrnoException | null> {
    return new Promise((done) => {
      const failed = (error: NodeJS.ErrnoException) => done(error)
      this.#server.once('error', failed)
      this.#server.listen(port, address, () => {
        this.#server.off('error', failed)
        done(null)
      })
    })
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { status, type, body, headers } = this.#answerOrMistake(request)
    if (type === 'text/event-stream') {
      response.writeHead(status, { ...plainHeaders, 'content-type': type })
      if (request.method === 'HEAD') response.end()
      else this.#events.add(response, this.#body)
      return
    }
    const bytes = Buffer.from(body)
    response.writeHead(status, {
      ...plainHeaders,
      'content-type': type,
      'content-length': bytes.length,
      ...headers,
    })
    response.end(request.method === 'HEAD' ? undefined : bytes)
  }

  #answerOrMistake(request: IncomingMessage): Answer {
    try {
      return this.#answerTo(request)
    } catch (error) {
      return plain(500, `our mistake, please report it: ${(error as Error).stack}`)
    }
  }

  #answerTo({ method, url = '/', headers }: IncomingMessage): Answer {
    if (!ourNames.test(headers.host ?? ''))
      return plain(403, 'this report is for this machine alone: open it as localhost')
    if (method !== 'GET' && method !== 'HEAD')
      return { ...plain(405, 'only GET and HEAD'), headers: { allow: 'GET, HEAD' } }
    const [path] = url.split('?', 1) as [string]
    if (path === '/') {
      this.#page ??= reportPage(this.#results, { title: this.title, live: true })
      const headers = { 'content-security-policy': policyOf(this.#page) }
      return { status: 200, type: 'text/html; charset=utf-8', body: this.#page, headers }
    }
    if (path === '/events') return { status: 200, type: 'text/event-stream', body: '' }
    if (path === '/arrow.json') {
      return { status: 200, type: 'application/json', body: `${JSON.stringify(this.#results, null, 1)}\n` }
    }
    if (path === '/favicon.ico') return { status: 204, type: 'image/x-icon', body: '' }
    const name = /^\/pictures\/([\w-]+)\.svg$/.exec(path)?.[1]
    const picture = name === undefined ? undefined : this.#picture(name)
    if (picture !== undefined) return { status: 200, type: 'image/svg+xml', body: picture.svg }
    return plain(404, 'there is / and /arrow.json, and /pictures/<name>.svg')
  }

  #picture(wanted: string): Picture | undefined {
    this.#pictures ??= pictures(this.#results)
    return this.#pictures.find(({ name }) => name === wanted)
  }
}

function plain(status: number, text: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${text}\n` }
}
