import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { JsonLines, keptBytes } from '../../ts/logging/json_lines.js'
import { temporaryFolder } from './runs.js'

const lines = (...steps: number[]) => steps.map((step) => `{"step":${step}}\n`).join('')
const kept = (text: string, step: number, bytes: number) => text.slice(0, keptBytes(Buffer.from(text), { step, bytes }))

test('lines appended after the checkpoint are cut, also those of its own step', (t) => {
  const text = lines(1, 2, 3, 3, 4)
  t.is(kept(text, 3, lines(1, 2, 3).length), lines(1, 2, 3))
  t.is(kept(text, 3, lines(1, 2, 3, 3).length), lines(1, 2, 3, 3))
  t.is(kept(text, 0, 0), '')
})

test('a file that was changed since is cut by step', (t) => {
  t.is(kept(lines(1, 3, 4), 3, lines(1, 2, 3).length + 3), lines(1, 3))
  t.is(kept(lines(1, 12, 13), 2, lines(1, 1).length + 1), lines(1))
  t.is(kept(lines(1, 2), 3, 1000), lines(1, 2))
})

test('a torn last line goes, an unreadable one before a good one stays', (t) => {
  t.is(kept(`${lines(1, 2)}{"step":3`, 5, 1000), lines(1, 2))
  t.is(kept(`${lines(1, 2)}{"step":3\n`, 5, 1000), lines(1, 2))
  t.is(kept(`${lines(1)}what\n${lines(2, 9)}`, 5, 1000), `${lines(1)}what\n${lines(2)}`)
  t.is(kept('\0\0\0\0', 5, 1000), '')
})

test('a file is gone on with', (t) => {
  const path = join(temporaryFolder(t), 'x.jsonl')
  const first = JsonLines.open(path, { step: 0, bytes: 0 })
  first.append({ step: 1, text: 'é\n' })
  const { bytes } = first
  first.append({ step: 2 })
  first.sync()
  first.close()
  t.is(bytes, Buffer.byteLength('{"step":1,"text":"é\\n"}\n'))
  const second = JsonLines.open(path, { step: 1, bytes })
  second.append({ step: 3 })
  t.is(second.bytes, bytes + 11)
  second.close()
  t.is(readFileSync(path, 'utf8'), '{"step":1,"text":"é\\n"}\n{"step":3}\n')
})

test('a file that cannot be opened is named', (t) => {
  const path = join(temporaryFolder(t), 'x')
  writeFileSync(path, '')
  t.throws(() => JsonLines.open(join(path, 'y.jsonl'), { step: 0, bytes: 0 }), {
    code: 'AOT_IO',
    message: `cannot open ${path}/y.jsonl: not a directory`,
  })
})
