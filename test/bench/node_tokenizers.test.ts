/** Node's tokenizers as peers, which a clone has installed. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { Peers } from '../../ts/bench/peers.js'
import type { Row } from '../../ts/bench/record.js'
import { benchTokenize } from '../../ts/bench/tokenize.js'

const folder = mkdtempSync(join(tmpdir(), 'aot-node-tokenizers-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

test("Node's tokenizers make the same ids", async (t) => {
  const texts = join(folder, 'texts')
  mkdirSync(texts)
  writeFileSync(join(texts, 'a.txt'), 'The union of the states, the states of the union.\n'.repeat(50))
  writeFileSync(join(texts, 'b.txt'), '\u00c9t\u00e9\r\nwinter \u4e2d\u6587 8 ponies\n'.repeat(50))
  const rows: Row[] = []
  const lines: string[] = []
  await benchTokenize({
    folder: texts,
    bytes: 1e6,
    peerBytes: 1e6,
    tokenizer: null,
    vocabSize: 300,
    threads: [1],
    seconds: 0.01,
    peers: new Peers({ python: join(folder, 'none'), onLine: () => {} }),
    signal: new AbortController().signal,
    onRow: (row) => rows.push(row),
    onLine: (line) => lines.push(line),
  })
  const names = rows.filter(({ name }) => name === 'encode').map(({ by }) => by.replace(/ [\d.]+/, ''))
  t.deepEqual(names, ['arrows-of-time', 'tokenizers (node)', 'kitoken (node)'])
  t.deepEqual(lines, [])
})
