/** A server on the loopback that speaks W&B's protocol as far as @wandb/sdk does: GraphQL and the file stream. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ExecutionContext } from 'ava'

export type Row = Record<string, unknown> & { _step: number }

/** What it keeps of a run. */
export interface ServedRun {
  variables: Record<string, string>
  config: Record<string, unknown>
  /** By offset, as the real one keeps them. */
  history: Row[]
  summary: Record<string, unknown>
  exitCode: number | null
}

type Answer = 'well' | 'hang' | 'refuse' | 'break' | 'drop'

export class WandbServer {
  readonly runs = new Map<string, ServedRun>()
  readonly requests: { path: string; user: string; answer: Answer }[] = []
  /** How the next requests are answered. */
  answer: (path: string) => Answer = () => 'well'
  /** Offsets of the rows that came more than once. */
  readonly twice: number[] = []
  #server: Server

  private constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response))
  }

  static async start(t: ExecutionContext): Promise<WandbServer> {
    const server = new WandbServer()
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => {
      server.#server.closeAllConnections()
      server.#server.close()
    })
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** The only run there is. */
  get run(): ServedRun {
    if (this.runs.size !== 1) throw new Error(`${this.runs.size} runs`)
    return [...this.runs.values()][0] as ServedRun
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const part of request) body += part
    const path = request.url ?? ''
    const user = Buffer.from((request.headers.authorization ?? '').replace('Basic ', ''), 'base64').toString()
    const answer = this.answer(path)
    this.requests.push({ path, user, answer })
    const reply = (status: number, value: unknown) => {
      response.writeHead(status, { 'Content-Type': 'application/json' })
      response.end(JSON.stringify(value))
    }
    if (answer === 'hang') return
    if (answer === 'drop') return void request.socket.destroy()
    if (answer === 'refuse') return reply(401, { errors: [{ message: 'user is not logged in' }] })
    if (answer === 'break') return reply(500, { errors: [{ message: 'internal' }] })
    const value = JSON.parse(body)
    if (path === '/graphql') reply(200, { data: this.#graphql(value) })
    else if (this.#fileStream(path, value)) reply(200, { limits: {} })
    else reply(404, { error: 'run not found' })
  }

  #graphql({ query, variables }: { query: string; variables: Record<string, string> }): object {
    if (query.includes('query Viewer'))
      return { viewer: { id: 'u', entity: 'someone', flags: '{}', teams: { edges: [] } } }
    if (!query.includes('upsertBucket')) throw new Error(`an unknown query: ${query}`)
    const { name = '', project, entity, displayName, config = '{}' } = variables
    const path = `/files/${entity}/${project}/${name}/file_stream`
    const before = this.runs.get(path)
    this.runs.set(path, {
      ...(before ?? { history: [], summary: {}, exitCode: null }),
      variables,
      config: JSON.parse(config),
    })
    const bucket = {
      id: 'b',
      name,
      displayName,
      project: { id: 'p', name: project, entity: { id: 'e', name: entity } },
    }
    return { upsertBucket: { bucket, inserted: before === undefined } }
  }

  #fileStream(path: string, { files = {}, complete, exitcode }: FileStream): boolean {
    const run = this.runs.get(path)
    if (run === undefined) return false
    const history = files['wandb-history.jsonl']
    for (const [i, text] of (history?.content ?? []).entries()) {
      const offset = (history?.offset ?? 0) + i
      if (run.history[offset] !== undefined) this.twice.push(offset)
      run.history[offset] = JSON.parse(text)
    }
    const summary = files['wandb-summary.json']?.content[0]
    if (summary !== undefined) run.summary = JSON.parse(summary)
    if (complete) run.exitCode = exitcode ?? 0
    return true
  }
}

interface FileStream {
  files?: Record<string, { offset: number; content: string[] }>
  complete?: boolean
  exitcode?: number
}
