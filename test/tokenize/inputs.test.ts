import { execFileSync } from 'node:child_process'
import { appendFileSync, chmodSync, mkdirSync, renameSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import test from 'ava'
import { lookAgain, lookAtInputs } from '../../ts/tokenize/inputs.js'
import { shellWord, shownName } from '../../ts/tokenize/shown.js'
import { aotTokenize, temporaryFolder, writeFiles } from './support.js'

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')

/** What each file is taken for, and the cure. */
const kinds: Record<string, [Buffer, string]> = {
  'a.txt': [gzipSync('text'), 'is compressed by gzip: unpack it with gunzip -c'],
  'b.txt': [bytes('28b52ffd 2004'), 'is compressed by zstd: unpack it with zstd -dc'],
  'c.txt': [bytes('425a6839 314159265359 00'), 'is compressed by bzip2: unpack it with bunzip2 -c'],
  'd.txt': [bytes('fd377a585a00 0004'), 'is compressed by xz: unpack it with xz -dc'],
  'e.txt': [bytes('04224d18 64'), 'is compressed by lz4: unpack it with lz4 -dc'],
  'f.txt': [bytes('504b0304 1400'), 'is compressed by zip: unpack it with unzip'],
  'g.txt': [bytes('377abcaf271c 0004'), 'is compressed by 7z: unpack it with 7z x'],
  'h.txt': [Buffer.from('%PDF-1.7\n'), 'is a PDF, not text: extract its text, or take it away'],
  'i.txt': [bytes('894844460d0a1a0a 00'), 'is an HDF5 file, not text: extract its text, or take it away'],
  'j.txt': [bytes('89504e470d0a1a0a 00'), 'is a PNG image, not text: extract its text, or take it away'],
  'k.txt': [Buffer.from('PAR1 and so on PAR1'), 'is a Parquet file, not text: extract its text, or take it away'],
  'l.txt': [Buffer.from('\ufefftext', 'utf16le'), 'is UTF-16LE, not UTF-8: convert it with iconv -f UTF-16 -t UTF-8'],
  'm.txt': [bytes('feff 0074'), 'is UTF-16BE, not UTF-8: convert it with iconv -f UTF-16 -t UTF-8'],
  'n.txt': [bytes('fffe0000 74000000'), 'is UTF-32LE, not UTF-8: convert it with iconv -f UTF-32 -t UTF-8'],
  'o.txt': [bytes('0000feff 00000074'), 'is UTF-32BE, not UTF-8: convert it with iconv -f UTF-32 -t UTF-8'],
}

test('what is plainly no text is refused by its first bytes, with the cure', async (t) => {
  for (const [name, [content, line]] of Object.entries(kinds)) {
    const folder = temporaryFolder(t)
    writeFiles(folder, { [name]: content, 'z.txt': 'text' })
    const message = `${folder}/${name} ${line}; --skip-bad goes on without it`
    await t.throwsAsync(lookAtInputs(folder), { code: 'AOT_DATA', message }, name)
    const { files, skipped } = await lookAtInputs(folder, { skipBad: true })
    t.deepEqual([files.map((file) => file.name), skipped.map((file) => file.name)], [['z.txt'], [name]])
  }
})

test('text that begins a little like something else is text', async (t) => {
  const folder = temporaryFolder(t)
  const texts = {
    'a.txt': 'BZh9 is not enough',
    'b.txt': 'PAR1 at the beginning',
    'c.txt': 'PK',
    'd.txt': bytes('1f8b'),
    'e.txt': bytes('ff'),
    'f.txt': '\0\0nul',
    'g.txt': '\ufeffmark',
    'h.txt': '%PDF',
    'i.txt': '',
  }
  writeFiles(folder, texts)
  const { files, skipped } = await lookAtInputs(folder)
  t.deepEqual(
    files.map(({ name }) => name),
    Object.keys(texts),
  )
  t.deepEqual(skipped, [])
})

test('what cannot be read is named, with how many more there are', async (t) => {
  const folder = temporaryFolder(t)
  writeFiles(folder, { 'good.txt': 'text', 'zip.txt': bytes('504b0304'), 'sub.txt/x.txt': 'a folder' })
  symlinkSync('loop.txt', join(folder, 'loop.txt'))
  symlinkSync('nowhere', join(folder, 'dangling.txt'))
  symlinkSync('good.txt', join(folder, 'link.txt'))
  execFileSync('mkfifo', [join(folder, 'pipe.txt')])
  symlinkSync('/dev/null', join(folder, 'null.txt'))
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/bad`), bytes('ff'), Buffer.from('.txt')]), 'text')
  writeFiles(folder, { 'secret.txt': 'text' })
  chmodSync(join(folder, 'secret.txt'), 0)
  const { files, skipped, bytes: total } = await lookAtInputs(folder, { skipBad: true })
  const reasons = Object.fromEntries(skipped.map(({ name, reason }) => [name, reason]))
  const isRoot = process.getuid?.() === 0
  t.deepEqual(reasons, {
    'bad\ufffd.txt': 'has a name that is not UTF-8',
    'dangling.txt': 'cannot be read: there is no such file or folder',
    'loop.txt': 'cannot be read: its symbolic links go in a circle',
    'null.txt': 'is no regular file (a pipe, a socket or a device)',
    'pipe.txt': 'is no regular file (a pipe, a socket or a device)',
    // Nothing is secret to root.
    ...(isRoot ? {} : { 'secret.txt': 'cannot be read: you may not read it' }),
    'zip.txt': 'is compressed by zip',
  })
  t.deepEqual(
    files.map(({ name }) => name),
    ['good.txt', 'link.txt', ...(isRoot ? ['secret.txt'] : [])],
  )
  t.is(total, 4 * files.length)
  const more = skipped.length - 1
  await t.throwsAsync(lookAtInputs(folder), {
    code: 'AOT_IO',
    message: `${folder}/bad\ufffd.txt has a name that is not UTF-8: rename it; ${more} more files cannot be used; --skip-bad goes on without them`,
  })
})

test('a corpus of which nothing can be used, and one without text', async (t) => {
  const folder = temporaryFolder(t)
  writeFiles(folder, { 'bad/a.txt': bytes('504b0304'), 'empty/a.txt': '', 'none/a.md': '', 'one.txt': gzipSync('a') })
  await t.throwsAsync(lookAtInputs(join(folder, 'bad'), { skipBad: true }), {
    code: 'AOT_DATA',
    message: `${folder}/bad: none of 1 file can be used: give files with UTF-8 text`,
  })
  await t.throwsAsync(lookAtInputs(join(folder, 'empty')), {
    code: 'AOT_DATA',
    message: /^there is no text to tokenize/,
  })
  await t.throwsAsync(lookAtInputs(join(folder, 'none')), { code: 'AOT_DATA', message: /holds no \.txt file/ })
  await t.throwsAsync(lookAtInputs(join(folder, 'one.txt')), {
    code: 'AOT_DATA',
    message: `${folder}/one.txt is compressed by gzip: unpack it with gunzip -c`,
  })
})

test('a file that grows, shrinks, is touched or goes while it is read is noticed', async (t) => {
  const folder = temporaryFolder(t)
  const path = join(folder, 'a.txt')
  const changes: [() => void, RegExp][] = [
    [() => appendFileSync(path, 'more'), /a\.txt was changed while it was read: the cure$/],
    [() => writeFileSync(path, 'tex'), /a\.txt was changed while it was read: the cure$/],
    [() => utimesSync(path, 1, 1), /a\.txt was changed while it was read: the cure$/],
    [
      () => renameSync(path, `${path}.gone`),
      /a\.txt cannot be read: there is no such file or folder after it was read/,
    ],
  ]
  for (const [change, message] of changes) {
    writeFiles(folder, { 'a.txt': 'text', 'b.txt': 'other' })
    const inputs = await lookAtInputs(folder)
    await t.notThrowsAsync(lookAgain(inputs, 'the cure'))
    change()
    await t.throwsAsync(lookAgain(inputs, 'the cure'), { code: 'AOT_DATA', message })
  }
})

test('names are shown on one line, whatever is in them', (t) => {
  t.is(shownName('books 日本 \u{1f600}.txt'), 'books 日本 \u{1f600}.txt')
  t.is(shownName('a\nb".txt'), '"a\\nb\\".txt"')
  t.is(shownName('a\u202etxt.exe'), '"a\\u202etxt.exe"')
  t.is(shownName('a\u007f\u2028'), '"a\\u007f\\u2028"')
  t.is(shownName(' a'), '" a"')
  t.is(shellWord('a/b-c_d.txt'), 'a/b-c_d.txt')
  t.is(shellWord("it's"), "'it'\\''s'")
})

test('files with a newline, an emoji and quotes in their names are tokenized, and said on one line', (t) => {
  const folder = temporaryFolder(t)
  const emoji = '\u{1f600}'
  writeFiles(folder, {
    'c/line\nfeed.txt': 'one two\n',
    [`c/${emoji}.txt`]: 'two three\n',
    'c/"quoted" \'it\'.txt': 'three\n',
    'c/bad\nname.txt': gzipSync('text'),
  })
  const refused = aotTokenize(folder, ['c', '--vocab-size', '260'])
  t.is(refused.status, 2)
  t.is(
    refused.stderr,
    `aot-tokenize: "${folder}/c/bad\\nname.txt" is compressed by gzip: unpack it with gunzip -c; --skip-bad goes on without it\n`,
  )
  const ran = aotTokenize(folder, ['c', '--vocab-size', '260', '--skip-bad', '--quiet'])
  t.is(ran.status, 0, ran.stderr)
  t.regex(ran.stdout, /\ntext {8}3 files, 24 B\n/)
  t.regex(ran.stdout, /\nskipped {5}1 file\n {12}"bad\\nname\.txt" is compressed by gzip\n/)
})

test('100,000 files need no more descriptors than one', (t) => {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'c'))
  for (let i = 0; i < 100_000; i++) writeFileSync(join(folder, 'c', `${i}.txt`), i % 4 === 0 ? '' : 'a\n')
  const command = ['c', '--vocab-size', '257', '--quiet', '--unit-size', '10K']
  const ran = aotTokenize(folder, command, undefined, 'ulimit -n 512')
  t.is(ran.status, 0, ran.stderr)
  t.regex(ran.stdout, /\ntext {8}100,000 files, 150 kB\n/)
  t.regex(ran.stdout, /\nempty {7}25,000 files\n/)
})
