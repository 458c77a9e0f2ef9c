import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { sampleParts } from '../../ts/tokenize/estimate.js'
import { writeCorpus } from './corpora.js'
import { aotTokenize, readTokens, temporaryFolder } from './support.js'

const input = (name: string, size: number) => ({ name, path: `/${name}`, size, mtime: '0' })

test('a sample is of all the text, or of parts of it at even distances', (t) => {
  const small = [input('a', 5), input('b', 0), input('c', 7)]
  t.deepEqual(sampleParts(small, 12), [
    { file: small[0] as never, at: 0, length: 5 },
    { file: small[2] as never, at: 0, length: 7 },
  ])
  const many = Array.from({ length: 100_000 }, (_, i) => input(`${i}`, 10))
  t.is(sampleParts(many, 1e6).length, 2000)
  const one = [input('a', 80e6)]
  t.deepEqual(
    sampleParts(one, 80e6).map(({ at, length }) => [at, length]),
    Array.from({ length: 8 }, (_, i) => [i * 10e6, 1e6]),
  )
  // A part goes on in the next files.
  const mixed = [input('a', 10e6), input('b', 500_000), input('c', 20e6), input('d', 49.5e6)]
  t.deepEqual(
    sampleParts(mixed, 80e6).map(({ file, at, length }) => [file.name, at, length]),
    [
      ['a', 0, 1e6],
      ['b', 0, 500_000],
      ['c', 0, 500_000],
      ['c', 9.5e6, 1e6],
      ...[0, 1, 2, 3].flatMap((i) =>
        i === 0
          ? [
              ['c', 19.5e6, 500_000],
              ['d', 0, 500_000],
            ]
          : [['d', i * 10e6 - 500_000, 1e6]],
      ),
      ['d', 39.5e6, 1e6],
    ],
  )
})

test('a dry run says what there will be, and writes nothing', (t) => {
  const folder = temporaryFolder(t)
  writeCorpus(folder, 'c', 300)
  const before = readdirSync(folder)
  const dry = aotTokenize(folder, ['c', '--vocab-size', '500', '--unit-size', '10K', '--dry-run'])
  t.is(dry.status, 0, dry.stderr)
  t.deepEqual(readdirSync(folder), before)
  t.is(aotTokenize(folder, ['c', '--vocab-size', '500', '--unit-size', '10K', '--quiet']).status, 0)
  // All of a small text is the sample, so that the tokens are those of the whole.
  const tokens = readTokens(join(folder, 'c_h5/c.h5')).length
  const shown = tokens < 99950 ? `${(tokens / 1000).toFixed(1)}k` : `${Math.round(tokens / 1000)}k`
  const lines = dry.stdout.split('\n')
  t.deepEqual(
    lines.map((line) => line.slice(0, 12).trim()).filter((label) => !label.startsWith('nothing')),
    ['text', 'empty', 'units', 'estimate', 'training', 'encoding', 'tokens', 'disk', ''],
  )
  t.regex(dry.stdout, /\nunits {7}3\d, of 10\.2 kB\nestimate {4}from 3\d\d kB of 3 files\n/)
  t.regex(
    dry.stdout,
    /\ntraining {4}about 1 s, [\d.]+ [kM]B of disk until the tokenizer is saved\nencoding {4}about 1 s\n/,
  )
  t.regex(dry.stdout, new RegExp(`\\ntokens {6}about ${shown}, [\\d.]+ bytes/token, [\\d.]+ kB as uint16\\n`))
  t.regex(dry.stdout, /\ndisk {8}[\d.]+ [kMGTP]B free in .*\nnothing was written: leave --dry-run to begin\n$/)
  const given = aotTokenize(folder, [
    'encode',
    'c',
    '--tokenizer',
    'tokenizers/c_tokenizer',
    '--dry-run',
    '--out',
    'new/place',
  ])
  t.is(given.status, 0, given.stderr)
  t.notRegex(given.stdout, /\ntraining/)
  t.regex(given.stdout, new RegExp(`\\ntokens {6}about ${shown}, `))
  const only = aotTokenize(folder, ['train', 'c', '--char', '--out', 'tok', '--dry-run'])
  t.is(only.status, 0, only.stderr)
  t.notRegex(only.stdout, /\ntokens/)
  t.deepEqual(readdirSync(folder).sort(), ['c', 'c_h5', 'tokenizers'])
})

test('where the tokens plainly do not fit, a line says so before the work', (t) => {
  const folder = temporaryFolder(t)
  writeCorpus(folder, 'c', 50)
  t.is(aotTokenize(folder, ['train', 'c', '--vocab-size', '300', '--out', 'tok', '--quiet']).status, 0)
  // A place without any room: what the system shows of itself.
  const full = aotTokenize(folder, ['encode', 'c', '--tokenizer', 'tok', '--quiet', '--out', '/proc/none/c.h5'])
  t.is(full.status, 2)
  t.regex(full.stderr, /^aot-tokenize: warning: 0 B are free in \/proc, and the tokens will need [\d.]+ kB or more\n/)
  const dry = aotTokenize(folder, ['encode', 'c', '--tokenizer', 'tok', '--dry-run', '--out', '/proc/none/c.h5'])
  t.regex(dry.stdout, /\ndisk {8}0 B free in \/proc: not enough for [\d.]+ kB\n/)
  mkdirSync(join(folder, 'room'))
  const room = aotTokenize(folder, ['encode', 'c', '--tokenizer', 'tok', '--quiet', '--out', 'room'])
  t.deepEqual([room.status, room.stderr], [0, ''])
})
