import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import test, { type ExecutionContext } from 'ava'
import { EventStream } from '../../ts/report/event_stream.js'
import { reportBody, reportPage } from '../../ts/report/page.js'
import { pictures } from '../../ts/report/pictures.js'
import { ReportServer } from '../../ts/report/server.js'
import { reports } from './write_reports.js'

const results = reports.two

async function serving(t: ExecutionContext) {
  const server = new ReportServer('A title')
  const address = await server.listen(0)
  t.teardown(() => server.close())
  server.show(results)
  return { server, address }
}

function ask(address: string, options: { path?: string; method?: string; headers?: Record<string, string> } = {}) {
  const { path = '/', ...rest } = options
  return new Promise<IncomingMessage & { body: string }>((done, failed) => {
    const asked = request(address, { path, agent: false, ...rest }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (part) => {
        body += part
      })
      response.on('end', () => done(Object.assign(response, { body })))
    })
    asked.on('error', failed)
    asked.end()
  })
}

/** What a listener of /events has been sent so far, and the next message. */
function listen(t: ExecutionContext, address: string) {
  const messages: string[] = []
  let waiting: (() => void) | undefined
  let rest = ''
  const asked = request(`${address}events`, (response) => {
    t.is(response.headers['content-type'], 'text/event-stream')
    response.setEncoding('utf8')
    response.on('error', () => {})
    response.on('data', (part: string) => {
      const events = (rest + part).split('\n\n')
      rest = events.pop() as string
      for (const event of events) {
        const lines = event.split('\n').filter((line) => line.startsWith('data: '))
        if (lines.length > 0) messages.push(lines.map((line) => line.slice(6)).join('\n'))
      }
      waiting?.()
    })
    response.on('close', () => waiting?.())
  })
  asked.on('error', () => waiting?.())
  asked.end()
  const next = async () => {
    while (messages.length === 0) {
      await new Promise<void>((done) => {
        waiting = done
      })
    }
    return messages.shift() as string
  }
  return { next, leave: () => asked.destroy() }
}

test('the page, the figures and the pictures', async (t) => {
  const { address } = await serving(t)
  t.regex(address, /^http:\/\/127\.0\.0\.1:\d+\/$/)
  const page = await ask(address)
  t.is(page.statusCode, 200)
  t.is(page.body, reportPage(results, { title: 'A title', live: true }))
  t.is(page.headers['content-type'], 'text/html; charset=utf-8')
  const figures = await ask(address, { path: '/arrow.json' })
  t.deepEqual(JSON.parse(figures.body), JSON.parse(JSON.stringify(results)))
  t.is(figures.headers['content-type'], 'application/json')
  for (const { name, svg } of pictures(results)) {
    const picture = await ask(address, { path: `/pictures/${name}.svg?now` })
    t.is(picture.body, svg)
    t.is(picture.headers['content-type'], 'image/svg+xml')
  }
  const head = await ask(address, { method: 'HEAD' })
  t.deepEqual([head.statusCode, head.body], [200, ''])
  t.is(head.headers['content-length'], `${Buffer.byteLength(page.body)}`)
  const events = await ask(address, { method: 'HEAD', path: '/events' })
  t.deepEqual([events.statusCode, events.body], [200, ''])
})

test('nothing is kept, framed, sniffed or run that is not part of the page', async (t) => {
  const { address } = await serving(t)
  for (const path of ['/', '/arrow.json', '/events', '/none', `/pictures/${pictures(results)[0]?.name}.svg`]) {
    const { headers } = await ask(address, { path, method: 'HEAD' })
    t.is(headers['cache-control'], 'no-store', path)
    t.is(headers['x-content-type-options'], 'nosniff')
    t.is(headers['cross-origin-resource-policy'], 'same-origin')
    t.is(headers['access-control-allow-origin'], undefined)
    const policy = headers['content-security-policy'] as string
    t.regex(policy, /default-src 'none'.*base-uri 'none'.*form-action 'none'.*frame-ancestors 'none'/)
    t.notRegex(policy, /script-src[^;]*('unsafe|\*|http)/)
  }
})

test('only files of the report, by GET and HEAD', async (t) => {
  const { address } = await serving(t)
  for (const path of [
    '/package.json',
    '/../package.json',
    '/pictures/../../package.json',
    '/pictures/%2e%2e%2fpackage.json',
    '/pictures/none.svg',
    '/pictures/',
    '//',
    '/%00',
    '/%',
    '/events/',
  ]) {
    t.is((await ask(address, { path })).statusCode, 404, path)
  }
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
    const answer = await ask(address, { method, path: '/arrow.json' })
    t.is(answer.statusCode, 405, method)
    t.is(answer.headers.allow, 'GET, HEAD')
  }
})

test('a name of another site that leads here is refused', async (t) => {
  const { address } = await serving(t)
  const status = async (host: string, path: string) => (await ask(address, { path, headers: { host } })).statusCode
  for (const path of ['/', '/arrow.json', '/events']) {
    for (const host of [
      'evil.example',
      'evil.example:8765',
      'localhost.evil.example',
      'evil-localhost',
      '127.0.0.1.evil.example',
      '10.0.0.1',
    ]) {
      t.is(await status(host, path), 403, host)
    }
  }
  // The port may be another one: that of a tunnel.
  for (const host of ['localhost', 'LOCALHOST:9000', '127.0.0.1:1', '[::1]:8765'])
    t.is(await status(host, '/'), 200, host)
})

test('who tells no name is refused', async (t) => {
  const { address } = await serving(t)
  for (const words of [
    'GET / HTTP/1.0\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: \r\n\r\n',
    'GET http://localhost/ HTTP/1.0\r\n\r\n',
  ]) {
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(address).port) })
    t.teardown(() => socket.destroy())
    socket.write(words)
    const [answer] = await once(socket, 'data')
    t.regex(String(answer), /^HTTP\/1\.1 403 /, words)
  }
})

test('only this machine is answered', async (t) => {
  const { address } = await serving(t)
  const { port } = new URL(address)
  const others = Object.values(networkInterfaces()).flatMap((ways) =>
    (ways ?? []).filter(({ internal, family }) => !internal && family === 'IPv4').map(({ address }) => address),
  )
  for (const host of [...others, '127.0.0.2']) {
    const error = await new Promise<NodeJS.ErrnoException | null>((done) => {
      const socket = connect({ host, port: Number(port), timeout: 2000 }, () => done(null))
      socket.on('error', done).on('timeout', () => done(new Error('no answer')))
      t.teardown(() => socket.destroy())
    })
    t.not(error, null, host)
  }
})

test('everyone who listens is sent the body at once, and each that differs from the last', async (t) => {
  const { server, address } = await serving(t)
  const listeners = [listen(t, address), listen(t, address), listen(t, address)]
  for (const { next } of listeners) t.is(await next(), reportBody(results))
  t.is((await ask(address)).body, reportPage(results, { title: 'A title', live: true }))
  listeners.pop()?.leave()
  server.show(results)
  const verdict = 'one line\nand another'
  const changed = results.map((result) => ({ ...result, verdict }))
  server.show(changed)
  for (const { next } of listeners) t.is(await next(), reportBody(changed))
  t.is((await ask(address)).body, reportPage(changed, { title: 'A title', live: true }))
  const late = listen(t, address)
  t.is(await late.next(), reportBody(changed))
  t.deepEqual(JSON.parse((await ask(address, { path: '/arrow.json' })).body)[0].verdict, verdict)
})

test('who reads slowly gets the newest alone, who has gone is forgotten', async (t) => {
  const stream = new EventStream()
  const written: string[] = []
  const handlers: Record<string, () => void> = {}
  const listener = {
    writableNeedDrain: false,
    on: (name: string, handler: () => void) => {
      handlers[name] = handler
    },
    write: (text: string) => written.push(text),
    end: () => written.push('end'),
  }
  stream.add(listener as never, 'first')
  listener.writableNeedDrain = true
  stream.send('second')
  stream.send('third')
  t.deepEqual(written.splice(0), ['retry: 2000\n\ndata: first\n\n'])
  listener.writableNeedDrain = false
  handlers.drain?.()
  handlers.drain?.()
  t.deepEqual(written.splice(0), ['data: third\n\n'])
  stream.send('a\r\nb\rc\n')
  t.deepEqual(written.splice(0), ['data: a\ndata: b\ndata: c\ndata: \n\n'])
  t.is(stream.listeners, 1)
  handlers.close?.()
  t.is(stream.listeners, 0)
  stream.send('nobody')
  stream.close()
  t.deepEqual(written, [])
})

test('a port that is taken is an error, where none is asked for the next is taken', async (t) => {
  const { address } = await serving(t)
  const port = Number(new URL(address).port)
  const message = `port ${port} is taken: give another --port, or 0 for any free one`
  await t.throwsAsync(new ReportServer('').listen(port), { code: 'AOT_IO', message })
  const servers = [new ReportServer(''), new ReportServer('')]
  const addresses = await Promise.all(servers.map((server) => server.listen(null)))
  t.is(new Set(addresses).size, 2)
  for (const server of servers) await server.close()
})

test('closing ends those who listen too', async (t) => {
  const server = new ReportServer('')
  const address = await server.listen(0)
  const asked = request(`${address}events`)
  const ended = new Promise((done) => {
    asked.on('response', (response) =>
      response
        .resume()
        .on('error', () => {})
        .on('close', done),
    )
    asked.on('error', done)
  })
  const begun = new Promise((done) => asked.on('response', done))
  asked.end()
  await begun
  await server.close()
  await ended
  await t.throwsAsync(ask(address), { code: 'ECONNREFUSED' })
})
