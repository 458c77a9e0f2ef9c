import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { native } from '../../ts/native.js'
import { newControl } from '../../ts/tokenize/job.js'
import { temporaryFolder, writeFiles } from './support.js'

const reversed = (text: string) => Array.from(text).reverse().join('')

test('reverses by code point, whatever the blocks', async (t) => {
  const folder = temporaryFolder(t)
  const text = 'aé日\u{1f600}b\r\n\r\u2028e\u0301 \u0000'.repeat(3)
  const broken = Buffer.from([0x80, 0xbf, 0x80, 0x80, 0x61, 0xe6, 0x97, 0xa5, 0xe6, 0x97, 0x62, 0x80, 0xf0, 0x9f, 0x98])
  const [plain, invalid] = writeFiles(folder, { 'plain.txt': text, 'invalid.txt': broken }) as [string, string]
  const out = join(folder, 'out.txt')
  for (let blockBytes = 1; blockBytes < 90; blockBytes++) {
    const report = await native.reverseFile(plain, out, newControl(), blockBytes)
    t.is(readFileSync(out, 'utf8'), reversed(text), `blocks of ${blockBytes}`)
    t.deepEqual(report, { files: 1, bytes: Buffer.byteLength(text), invalidBytes: 0, cutPieces: 0 })
    const lenient = await native.reverseFile(invalid, out, newControl(), blockBytes)
    t.is(readFileSync(out, 'utf8'), 'b日a')
    t.is(lenient.invalidBytes, 10)
  }
})

test('reversing twice gives the file again, with its byte order mark', async (t) => {
  const folder = temporaryFolder(t)
  const text = '\ufeffsome text ÷ 日本\r\n'
  const [file] = writeFiles(folder, { 'a.txt': text }) as [string]
  const once = join(folder, 'once.txt')
  const twice = join(folder, 'twice.txt')
  await native.reverseFile(file, once, newControl())
  t.is(readFileSync(once, 'utf8'), `\ufeff${reversed(text.slice(1))}`)
  await native.reverseFile(once, twice, newControl())
  t.is(readFileSync(twice, 'utf8'), text)
})

test('an empty file gives an empty file', async (t) => {
  const folder = temporaryFolder(t)
  const [file] = writeFiles(folder, { 'a.txt': '' }) as [string]
  await native.reverseFile(file, join(folder, 'b.txt'), newControl())
  t.is(readFileSync(join(folder, 'b.txt'), 'utf8'), '')
})
