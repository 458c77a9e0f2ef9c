/** Encoding in units: restarts end with the bytes of an unbroken run, and what has changed is refused. */
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { native } from '../../ts/native.js'
import { lookAtInputs } from '../../ts/tokenize/inputs.js'
import { encodeCorpus } from '../../ts/tokenize/shards.js'
import { openTokenizer } from '../../ts/tokenize/tokenizers.js'
import { after, endAt, entriesIn, outputOf, randomOf, startTokenize, writeCorpus } from './corpora.js'
import { aotTokenize, encode, readTokens, temporaryFolder, train, writeFiles } from './support.js'

const encodeArgs = (out: string, ...more: string[]) => [
  ...['encode', 'c', '--tokenizer', 'tok', '--out', out, '--unit-size', '4K', '--threads', '2', '--quiet'],
  ...more,
]

/** A folder with the corpus `c`, the tokenizer `tok`, and the unbroken output `whole/c.h5`. */
async function prepared(t: ExecutionContext, kilobytes = 120) {
  const folder = temporaryFolder(t)
  const files = writeCorpus(folder, 'c', kilobytes)
  const { tokenizer } = await train(files, 400)
  await tokenizer.save(join(folder, 'tok'))
  const run = (...args: string[]) => aotTokenize(folder, args)
  const ran = run(...encodeArgs('whole'))
  t.is(ran.status, 0, ran.stderr)
  const whole = outputOf(join(folder, 'whole'), 'c')
  const place = (out: string) => ({ out: join(folder, out), shards: join(folder, out, 'c.shards') })
  return { folder, files, tokenizer, run, whole, place, report: ran.stdout }
}

function flipBit(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] as number) ^ 4
  writeFileSync(path, bytes)
}

test('shards, their virtual file and the report', async (t) => {
  const { folder, files, tokenizer, whole, report } = await prepared(t)
  const units = Object.keys(whole).filter((name) => name.endsWith('.json')).length - 1
  t.true(units > 25, `${units} units`)
  t.is(Object.keys(whole).length, 2 * units + 2)
  const one = await encode(tokenizer, files, join(folder, 'one.h5'))
  t.deepEqual(readTokens(join(folder, 'whole/c.h5')), one.ids)
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0)
  const lines = report.split('\n')
  t.is(lines[0], `tokens      whole/c.h5 (${one.ids.length.toLocaleString('en-US')} tokens, uint16, ${units} shards)`)
  t.regex(
    lines[1] as string,
    new RegExp(
      `^encoded {5}at [\\d.]+ [kM]?B/s, ${(bytes / one.ids.length).toFixed(2)} bytes/token, [\\d.]+ tokens/word$`,
    ),
  )
  t.deepEqual(lines.slice(2, 6), [
    `text        4 files, ${Math.round(bytes / 1000)} kB`,
    'dropped     1 byte not UTF-8',
    'cut         0 words longer than 1 MiB',
    'empty       1 file',
  ])
  // One unit: the file itself, with its plan.
  const single = aotTokenize(folder, ['encode', 'c', '--tokenizer', 'tok', '--out', 'single', '--quiet'])
  t.is(single.status, 0, single.stderr)
  t.deepEqual(Object.keys(outputOf(join(folder, 'single'), 'c')).sort(), [
    'c.h5',
    'c.shards/00000.json',
    'c.shards/manifest.json',
  ])
  t.true(readFileSync(join(folder, 'single/c.h5')).equals(readFileSync(join(folder, 'one.h5'))))
})

test.serial('killed at seeded moments, it ends as one that was not', async (t) => {
  t.timeout(4 * 60_000)
  const { folder, run, whole, place } = await prepared(t)
  const random = randomOf(11)
  const units = Object.keys(whole).length / 2 - 1
  let killed = 0
  let inWork = 0
  for (let round = 0; round < 15; round++) {
    const { shards } = place('broken')
    // By a clock, or when so many units more are there.
    const more = Math.min(units, entriesIn(shards) + random(4))
    const moment = round % 3 === 0 ? after(150 + random(400)) : () => entriesIn(shards) >= more
    if (!(await endAt(startTokenize(folder, encodeArgs('broken')), 'SIGKILL', moment))) continue
    killed++
    const left = entriesIn(shards)
    if (left > 0 && left < units) inWork++
    if (left === units) rmSync(place('broken').out, { recursive: true })
  }
  t.log(`${killed} kills, ${inWork} of them with some units finished`)
  t.true(killed >= 8, `${killed} kills`)
  t.true(inWork >= 4, `${inWork} kills with some units finished`)
  const ran = run(...encodeArgs('broken'))
  t.is(ran.status, 0, ran.stderr)
  t.deepEqual(outputOf(place('broken').out, 'c'), whole)
  t.deepEqual(readdirSync(place('broken').out).sort(), ['c.h5', 'c.shards'])
})

test.serial('^C keeps what is finished and says how to go on', async (t) => {
  const { folder, run, whole, place } = await prepared(t, 1000)
  const { shards } = place('broken')
  const child = startTokenize(folder, encodeArgs('broken'))
  t.true(await endAt(child, 'SIGINT', () => entriesIn(shards) > 3))
  const { status, stderr } = await child.ended
  t.is(status, 130)
  const [, finished, all] =
    /^aot-tokenize: stopped; (\d+) of (\d+) units are finished: run the same command again to continue\n$/.exec(
      stderr,
    ) ?? []
  t.is(Number(finished), entriesIn(shards), stderr)
  t.is(Number(all), Object.keys(whole).length / 2 - 1)
  const ran = run(...encodeArgs('broken'))
  t.regex(ran.stdout, new RegExp(`\\nkept {8}${finished} units of an earlier run, verified\\n`))
  t.deepEqual(outputOf(place('broken').out, 'c'), whole)
})

test('a whole output is verified, and what is damaged in it is made again', async (t) => {
  const { run, whole, place } = await prepared(t)
  const { out, shards } = place('whole')
  const complete = /\ncomplete {4}it was all there, and is verified: nothing was left to do\n/
  const again = run(...encodeArgs('whole'))
  t.deepEqual([again.status, complete.test(again.stdout)], [0, true], again.stderr)
  const damages: [string, () => void, RegExp | null][] = [
    [
      'a bit of the tokens',
      () => flipBit(join(shards, '00003.h5'), statSync(join(shards, '00003.h5')).size - 9),
      /mended {6}c\.shards\/00003\.h5: damaged/,
    ],
    ['a bit of the header', () => flipBit(join(shards, '00002.h5'), 40), /mended {6}c\.shards\/00002\.h5: damaged/],
    [
      'a shard that is cut short',
      () => truncateSync(join(shards, '00001.h5'), 3000),
      /mended {6}c\.shards\/00001\.h5: cut short/,
    ],
    ['a shard that is not there', () => rmSync(join(shards, '00000.h5')), /mended {6}c\.shards\/00000\.h5: missing/],
    ['an entry that is not there', () => rmSync(join(shards, '00004.json')), null],
    [
      'an entry with another number in it',
      () => {
        const path = join(shards, '00005.json')
        writeFileSync(path, readFileSync(path, 'utf8').replace(/"words":\d+/, '"words":1'))
      },
      null,
    ],
    ['an empty entry', () => truncateSync(join(shards, '00005.json')), null],
    [
      'an entry of another unit',
      () => writeFileSync(join(shards, '00006.json'), readFileSync(join(shards, '00007.json'))),
      null,
    ],
    ['the virtual file not there', () => rmSync(join(out, 'c.h5')), null],
    [
      'another file in its place',
      () => writeFileSync(join(out, 'c.h5'), 'another'),
      /mended {6}whole\/c\.h5: it was not the file over these shards/,
    ],
    ['a bit of the virtual file', () => flipBit(join(out, 'c.h5'), 2000), /mended {6}whole\/c\.h5: it was not/],
    [
      'temporary files',
      () => {
        for (const name of ['00000.h5.tmp', '00000.h5.tmp.header', '00001.json.tmp'])
          writeFileSync(join(shards, name), 'x')
      },
      complete,
    ],
  ]
  for (const [name, damage, said] of damages) {
    damage()
    const ran = run(...encodeArgs('whole'))
    t.is(ran.status, 0, `${name}: ${ran.stderr}`)
    if (said !== null) t.regex(ran.stdout, said, name)
    t.deepEqual(outputOf(out, 'c'), whole, name)
  }
})

test('a changed corpus, tokenizer or option is refused, with the cure', async (t) => {
  const { folder, files, run, whole, place } = await prepared(t)
  const { out } = place('whole')
  const begun = 'aot-tokenize: whole/c.h5 was begun from other text or with other options, and '
  const cure = ': name another --out, or start anew with --force\n'
  const refused = (what: RegExp | string, args: string[]) => {
    const ran = run(...args)
    t.is(ran.status, 2, ran.stdout)
    t.true(ran.stderr.startsWith(begun), ran.stderr)
    t.true(ran.stderr.endsWith(cure), ran.stderr)
    const middle = ran.stderr.slice(begun.length, -cure.length)
    if (typeof what === 'string') t.is(middle, what)
    else t.regex(middle, what)
    t.deepEqual(outputOf(out, 'c'), whole)
  }
  refused('the dtype is int32 and was uint16', encodeArgs('whole', '--dtype', 'int32'))
  refused(
    'the unit size is 5120 bytes and was 4096 (--unit-size 4K)',
    encodeArgs('whole').map((arg) => (arg === '4K' ? '5K' : arg)),
  )
  await (await train(files, 300)).tokenizer.save(join(folder, 'other'))
  refused(
    /^it was begun with another tokenizer \(then in .*\/tok\)$/,
    encodeArgs('whole').map((arg) => (arg === 'tok' ? 'other' : arg)),
  )
  // Without --unit-size it is the one of the plan.
  t.is(run(...encodeArgs('whole').filter((arg) => !/^(--unit-size|4K)$/.test(arg))).status, 0)

  const file = files[1] as string
  const original = readFileSync(file)
  const { mtime, atime } = statSync(file)
  const changes: [string | RegExp, () => void, () => void][] = [
    ['the file e.txt is new', () => writeFiles(folder, { 'c/e.txt': '' }), () => rmSync(join(folder, 'c/e.txt'))],
    [
      'the file b.txt is no longer there',
      () => renameSync(file, `${file}.away`),
      () => renameSync(`${file}.away`, file),
    ],
    [
      /^the file b\.txt has \d+ bytes and had \d+$/,
      () => writeFileSync(file, 'less'),
      () => writeFileSync(file, original),
    ],
    [
      /^the text of .*\/c\/b\.txt is another by now$/,
      () => flipBit(file, original.length - 3),
      () => writeFileSync(file, original),
    ],
  ]
  for (const [what, change, undo] of changes) {
    change()
    refused(what, encodeArgs('whole'))
    undo()
  }
  // The same text with another time is the same text; whatever is missing is made from it.
  utimesSync(file, atime, new Date(mtime.getTime() + 5000))
  rmSync(join(folder, 'whole/c.shards/00004.json'))
  t.is(run(...encodeArgs('whole')).status, 0)
  t.deepEqual(outputOf(out, 'c'), whole)
  // Text that was not encoded yet has no digest: its cuts decide.
  for (const name of readdirSync(place('whole').shards))
    if (/^\d.*json$/.test(name)) rmSync(join(place('whole').shards, name))
  writeFileSync(file, Buffer.alloc(original.length, 'x'))
  const ran = run(...encodeArgs('whole'))
  t.is(ran.status, 2)
  t.regex(ran.stderr, /, and the text of .*\/c\/b\.txt is another by now: /)
})

test('--force takes away what is there, but nothing of others', async (t) => {
  const { folder, run, whole, place } = await prepared(t)
  const { out, shards } = place('whole')
  writeFileSync(join(shards, '00099.h5'), 'of an earlier plan')
  t.is(run(...encodeArgs('whole', '--force')).status, 0)
  t.deepEqual(outputOf(out, 'c'), whole)
  writeFileSync(join(shards, 'notes.md'), 'mine')
  for (const more of [[], ['--force']]) {
    const ran = run(...encodeArgs('whole', ...more))
    t.deepEqual(
      [ran.status, ran.stderr],
      [2, 'aot-tokenize: whole/c.shards/notes.md is not of aot-tokenize: move it away, or name another --out\n'],
    )
  }
  rmSync(join(shards, 'notes.md'))
  rmSync(join(shards, 'manifest.json'))
  rmSync(join(out, 'c.h5'))
  const lost = run(...encodeArgs('whole'))
  t.is(lost.status, 2)
  t.regex(lost.stderr, /^aot-tokenize: whole\/c\.shards has no manifest\.json, so nobody knows/)
  t.is(run(...encodeArgs('whole', '--force')).status, 0)
  t.deepEqual(outputOf(out, 'c'), whole)
  // A token file without a plan is of someone else, or of an older version.
  writeFiles(folder, { 'plain/c.h5': 'precious' })
  const plain = run(...encodeArgs('plain'))
  t.deepEqual([plain.status, readFileSync(join(folder, 'plain/c.h5'), 'utf8')], [2, 'precious'])
  t.regex(plain.stderr, /plain\/c\.h5 is there already: move it away, or overwrite it with --force\n$/)
  t.false(existsSync(join(folder, 'plain/c.shards')))
})

test('a full disk is one line; what is finished stays, and the run goes on later', async (t) => {
  const { folder, place } = await prepared(t, 20)
  // No shard fits; then only that of the one text without a place to cut does not.
  const limited = aotTokenize(folder, encodeArgs('limited'), 4)
  t.is(limited.status, 2)
  t.regex(
    limited.stderr,
    /^aot-tokenize: cannot (?:create|write) .*limited\/c\.shards\/\d{5}\.h5.*: File too large.*\n$/,
  )
  t.false(existsSync(place('limited').out), 'nothing was finished, and nothing is left')
  writeFiles(folder, { 'long/a.txt': 'word '.repeat(4000), 'long/b.txt': 'x'.repeat(60_000) })
  const args = [
    'encode',
    'long',
    '--tokenizer',
    'tok',
    '--out',
    'out',
    '--unit-size',
    '4K',
    '--threads',
    '1',
    '--quiet',
  ]
  const full = aotTokenize(folder, args, 30)
  t.is(full.status, 2)
  t.regex(full.stderr, /File too large.*; 4 of 5 units are finished: run the same command again to continue\n$/)
  const ran = aotTokenize(folder, args)
  t.is(ran.status, 0, ran.stderr)
  t.regex(ran.stdout, /\nkept {8}4 units of an earlier run, verified\n/)
})

test('text that changes after the look at it ends the work, and is refused later', async (t) => {
  const { folder, files, run, place } = await prepared(t, 40)
  const tokenizer = openTokenizer(join(folder, 'tok'))
  const options = { unitBytes: 4096, threads: 1, progress: 'quiet' as const }
  const file = files[3] as string
  const original = readFileSync(file)
  const same = Buffer.from(original)
  same[original.length - 1] = 0x62
  for (const [name, changed] of Object.entries({
    other: same,
    grown: Buffer.concat([original, original]),
    shrunk: original.subarray(9),
  })) {
    writeFileSync(file, original)
    const inputs = await lookAtInputs(join(folder, 'c'))
    writeFileSync(file, changed)
    const out = join(folder, name, 'c.h5')
    await t.throwsAsync(encodeCorpus(inputs, tokenizer, out, options), {
      code: 'AOT_DATA',
      message:
        name === 'other'
          ? /c\/d\.txt was changed while it was read: leave the text alone, and name another --out/
          : /c\/d\.txt has changed: it has \d+ bytes and had \d+ when the work was planned/,
    })
    t.false(existsSync(out))
    t.true(entriesIn(place(name).shards) > 0)
  }
  // What was encoded before the change is of another text.
  writeFileSync(file, original)
  t.is(run(...encodeArgs('grown')).status, 0)
  t.deepEqual(readTokens(place('grown').out.concat('/c.h5')), readTokens(join(folder, 'whole/c.h5')))
  t.regex(run(...encodeArgs('other')).stderr, /, and the text of .*c\/d\.txt is another by now: /)
})

test('one process at a time', async (t) => {
  const { folder, place } = await prepared(t)
  const lock = new native.FileLock(join(place('whole').shards, 'lock'), { busy: '' })
  const busy = `aot-tokenize: whole/c.h5 is being worked on by process ${process.pid}: wait for it to end, or name another place with --out\n`
  for (const args of [
    encodeArgs('whole'),
    encodeArgs('whole', '--force'),
    encodeArgs('whole', '--shard', '1/2'),
    ['verify', 'whole/c.h5'],
    ['merge', 'whole/c.h5'],
  ]) {
    t.deepEqual(aotTokenize(folder, args), { status: 2, stdout: '', stderr: busy }, args.join(' '))
  }
  lock.release()
  t.is(aotTokenize(folder, encodeArgs('whole')).status, 0)
  // Two at once on a new place: at least one gets through, the other is told; together they leave one whole output.
  const children = [startTokenize(folder, encodeArgs('both')), startTokenize(folder, encodeArgs('both'))]
  const ends = await Promise.all(children.map(({ ended }) => ended))
  const statuses = ends.map(({ status }) => status).sort()
  t.true(statuses[0] === 0 && (statuses[1] === 0 || statuses[1] === 2), JSON.stringify(ends))
  t.deepEqual(outputOf(place('both').out, 'c'), outputOf(place('whole').out, 'c'))
})

test('text that is nothing but bytes that are not UTF-8 leaves nothing', (t) => {
  const folder = temporaryFolder(t)
  writeFiles(folder, {
    'c/a.txt': Buffer.alloc(5000, 0xff),
    'd/a.txt': 'text',
    'c2/a.txt': Buffer.alloc(5000, 0xff),
    'c2/b.txt': 'text',
  })
  t.is(aotTokenize(folder, ['train', 'd', '--vocab-size', '257', '--out', 'tok', '--quiet']).status, 0)
  for (const size of ['1K', '64M']) {
    const args = ['--tokenizer', 'tok', '--unit-size', size, '--quiet', '--out']
    const ran = aotTokenize(folder, ['encode', 'c', ...args, `out${size}`])
    t.is(ran.status, 2, ran.stdout)
    t.regex(
      ran.stderr,
      /^aot-tokenize: there is no text to tokenize: the file holds none \(only bytes that are not UTF-8\)/,
    )
    t.deepEqual(
      readdirSync(folder)
        .sort()
        .filter((name) => name === `out${size}`),
      [],
    )
    // Units without a token are units.
    const some = aotTokenize(folder, ['encode', 'c2', ...args, `some${size}`])
    t.is(some.status, 0, some.stderr)
    t.is(readTokens(join(folder, `some${size}/c2.h5`)).length, 4)
    t.is(aotTokenize(folder, ['verify', `some${size}/c2.h5`, '--inputs', '--quiet']).status, 0)
  }
})
