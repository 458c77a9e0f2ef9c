import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { native, packageRoot } from '../../ts/native.js'
import { aotTokenize, readTokens, temporaryFolder, writeFiles } from './support.js'

const text = 'One two three, one two; the quick brown fox.\nThe other line: two, three.\n'

test('a folder becomes a tokenizer and a token file, in the places of the original', (t) => {
  const folder = temporaryFolder(t)
  writeFiles(folder, {
    'data/shake/b.txt': text,
    'data/shake/a.txt': `\ufeffÉ first\r\n${text}`,
    'data/shake/B.txt': Buffer.from([0xff, 0x42]),
    'data/shake/not.md': 'left out',
    'data/shake/deeper/c.txt': 'left out',
    'data/shake/folder.txt/d.txt': 'left out',
  })
  const ran = aotTokenize(folder, ['data/shake/', '--vocab_size', '290', '--threads=2'])
  t.is(ran.status, 0, ran.stderr)
  const bytes = 3 + 10 + 2 * text.length + 2
  const lines = ran.stdout.split('\n')
  const tokens = readTokens(join(folder, 'data/shake_h5/shake.h5'))
  t.is(lines[0], 'tokenizer   tokenizers/shake_tokenizer (290 tokens)')
  t.regex(lines[1] ?? '', /^trained {5}on \d+ words, \d+ of them different, at [\d.]+ [kM]?B\/s$/)
  t.is(lines[2], `tokens      data/shake_h5/shake.h5 (${tokens.length} tokens, uint16)`)
  t.regex(
    lines[3] ?? '',
    new RegExp(
      `^encoded {5}at [\\d.]+ [kM]?B/s, ${(bytes / tokens.length).toFixed(2)} bytes/token, [\\d.]+ tokens/word$`,
    ),
  )
  t.deepEqual(lines.slice(4, 7), [
    `text        3 files, ${bytes} B`,
    'dropped     1 byte not UTF-8',
    'cut         0 words longer than 1 MiB',
  ])
  t.regex(ran.stderr, new RegExp(`^training the tokenizer: ${bytes} B in .*\\nencoding: ${bytes} B in .*\\n$`))

  const tokenizer = native.Tokenizer.load(join(folder, 'tokenizers/shake_tokenizer'))
  t.is(tokenizer.decode(tokens), `BÉ first\n${text}${text}`)

  const again = aotTokenize(folder, ['data/shake', '--vocab-size', '300'])
  t.deepEqual([again.status, again.stdout], [2, ''])
  t.is(
    again.stderr,
    `aot-tokenize: ${folder}/tokenizers/shake_tokenizer is there already: use it with --tokenizer tokenizers/shake_tokenizer, or move it away, or overwrite it with --force\n`,
  )
  const reused = aotTokenize(folder, ['data/shake', '--tokenizer', 'tokenizers/shake_tokenizer'])
  t.is(reused.status, 0, reused.stderr)
  t.regex(reused.stdout, /\ncomplete {4}it was all there, and is verified: nothing was left to do\n/)
  const forced = aotTokenize(folder, ['data/shake', '--vocab-size', '285', '--force', '--quiet', '--dtype', 'int32'])
  t.deepEqual([forced.status, forced.stderr], [0, ''])
  t.is(native.Tokenizer.load(join(folder, 'tokenizers/shake_tokenizer')).vocabSize, 285)
})

test('the subcommands do one thing each', (t) => {
  const folder = temporaryFolder(t)
  writeFiles(folder, { 'train/a.txt': text, 'one.txt': 'o\u0301ne\r\n日本' })
  const needs = aotTokenize(folder, ['train'])
  t.deepEqual(needs, {
    status: 2,
    stdout: '',
    stderr:
      'aot-tokenize: name the folder of .txt files: aot-tokenize train <path>; a folder that is named train is written ./train (--help says more)\n',
  })
  const trained = aotTokenize(folder, ['train', './train', '--out', 'tok', '--vocab-size', '280'])
  t.is(trained.status, 0, trained.stderr)
  t.regex(trained.stdout, /^tokenizer {3}tok \(280 tokens\)\n/)
  t.deepEqual(readdirSync(join(folder, 'tok')).sort(), [
    'merges.txt',
    'special_tokens_map.json',
    'tokenizer.json',
    'tokenizer_config.json',
    'trained_on.json',
    'vocab.json',
  ])
  t.false(existsSync(join(folder, 'train_h5')))

  const encoded = aotTokenize(folder, ['encode', 'train', '--tokenizer', 'tok', '--out', 'tokens', '--dtype', 'int32'])
  t.is(encoded.status, 0, encoded.stderr)
  const file = join(folder, 'tokens/train.h5')
  const ids = readTokens(file)
  const inspected = aotTokenize(folder, ['inspect', file, '--tokenizer', 'tok', '--count', '4'])
  t.is(inspected.status, 0, inspected.stderr)
  t.deepEqual(inspected.stdout.split('\n'), [
    `tokens     ${ids.length}, int32, ${(statSync(file).size / 1000).toFixed(1)} kB in the file`,
    `ids        ${Math.min(...ids)} to ${Math.max(...ids)}`,
    `first      ${ids.slice(0, 4).join(' ')}`,
    `as text    ${JSON.stringify(native.Tokenizer.load(join(folder, 'tok')).decode(ids.slice(0, 4)))}`,
    '',
  ])
  const merges = readFileSync(join(folder, 'tok/merges.txt'), 'utf8').trim().split('\n').slice(1)
  const shown = (list: string[]) => list.map((merge) => merge.replace(' ', '+')).join('  ')
  t.deepEqual(aotTokenize(folder, ['inspect', 'tok', '--count', '3']).stdout.split('\n'), [
    'vocabulary 280 tokens, 23 merges',
    'added      <|endoftext|> = 0',
    `first      ${shown(merges.slice(0, 3))}`,
    `last       ${shown(merges.slice(-3))}`,
    '',
  ])

  const reversed = aotTokenize(folder, ['reverse', 'one.txt'])
  t.is(reversed.status, 0, reversed.stderr)
  t.is(readFileSync(join(folder, 'one_reversed.txt'), 'utf8'), '本日\n\ren\u0301o')
  t.is(aotTokenize(folder, ['reverse', 'train']).status, 0)
  t.is(readFileSync(join(folder, 'train_reversed/a.txt'), 'utf8'), Array.from(text).reverse().join(''))
  t.is(aotTokenize(folder, ['reverse', 'train']).status, 2)
  const onItself = aotTokenize(folder, ['reverse', 'train', '--out', 'train', '--force'])
  t.is(
    onItself.stderr,
    `aot-tokenize: ${folder}/train/a.txt would be overwritten by itself reversed: name another place with --out\n`,
  )
  // One file is a corpus too.
  t.is(aotTokenize(folder, ['one.txt', '--vocab-size', '257']).status, 0)
  t.is(readTokens(join(folder, 'one_h5/one.h5')).length, Buffer.byteLength('o\u0301ne\n日本'))
})

test('mistakes get one line, status 2, and leave nothing', (t) => {
  const folder = temporaryFolder(t)
  writeFiles(folder, { 'corpus/a.txt': text, 'blank/a.txt': '', 'file.h5': 'not HDF5', 'none/a.md': '' })
  mkdirSync(join(folder, 'broken'))
  symlinkSync('nowhere', join(folder, 'broken/a.txt'))
  const before = readdirSync(folder)
  for (const [args, line] of [
    [[], 'name the folder of .txt files: aot-tokenize <path> (--help says more)'],
    [['missing'], `cannot read ${folder}/missing: there is no such file or folder; check the path`],
    [['none'], `${folder}/none holds no .txt file: put the text there, as files *.txt in UTF-8`],
    [['broken'], `${folder}/broken/a.txt cannot be read: there is no such file or folder: check it`],
    [['blank'], 'there is no text to tokenize: the file holds none; give files with UTF-8 text'],
    [['corpus', '--vocab-size', '256'], "--vocab-size must be a whole number from 257 to 2147483647, not '256'"],
    [['corpus', '--vocab_size=many'], "--vocab-size must be a whole number from 257 to 2147483647, not 'many'"],
    [['corpus', '--threads', '0'], "--threads must be a whole number from 1 to 1024, not '0'"],
    [['corpus', '--dtype', 'int8'], "--dtype must be auto, int32 or uint16, not 'int8'"],
    [['corpus', '--dtypo', 'x'], 'Unknown argument: dtypo (aot-tokenize --help says more)'],
    [['corpus', 'other'], 'Unknown argument: other (aot-tokenize --help says more)'],
    [['corpus', '--out'], 'Not enough arguments following: out (aot-tokenize --help says more)'],
    [
      ['corpus', '--tokenizer', 'tok'],
      `there is no tokenizer ${folder}/tok: check the path, or make one without --tokenizer`,
    ],
    [
      ['corpus', '--tokenizer', 'tok', '--vocab-size', '300'],
      '--vocab-size is for a new tokenizer: leave it, or leave --tokenizer',
    ],
    [['encode', 'corpus'], "name the tokenizer's folder with --tokenizer (aot-tokenize train makes one)"],
    [['inspect', 'none'], "none holds no tokenizer.json: name a tokenizer's folder, or a token file (.h5)"],
    [['inspect', 'missing'], 'cannot read missing: there is no such file or folder; check the path'],
    [['inspect', 'file.h5'], 'file.h5 is not an HDF5 file: make token files with aot-tokenize'],
  ] as [string[], string][]) {
    t.deepEqual(aotTokenize(folder, args), { status: 2, stdout: '', stderr: `aot-tokenize: ${line}\n` }, args.join(' '))
  }
  t.deepEqual(readdirSync(folder), before)
  const verbose = aotTokenize(folder, ['missing', '--verbose'])
  t.regex(verbose.stderr, /^aot-tokenize: cannot read .*\nAotError: cannot read .*\n {4}at .*corpus/)
})

test('a full disk is one line, and nothing is left of the output', (t) => {
  const folder = temporaryFolder(t)
  writeFiles(folder, { 'corpus/a.txt': text.repeat(4000) })
  t.is(aotTokenize(folder, ['train', 'corpus', '--vocab-size', '257', '--out', 'tok', '--quiet']).status, 0)
  const tokens = aotTokenize(folder, ['encode', 'corpus', '--tokenizer', 'tok', '--quiet'], 100)
  t.is(tokens.status, 2)
  t.regex(tokens.stderr, /^aot-tokenize: cannot write .*corpus_h5\/corpus\.h5.*: File too large.*\n$/)
  const tokenizer = aotTokenize(folder, ['train', 'corpus', '--vocab-size', '400', '--quiet'], 2)
  t.is(tokenizer.status, 2)
  t.regex(tokenizer.stderr, /^aot-tokenize: cannot write .*: File too large.*\n$/)
  const reversed = aotTokenize(folder, ['reverse', 'corpus', '--quiet'], 100)
  t.is(reversed.status, 2)
  t.regex(reversed.stderr, /^aot-tokenize: cannot write .*corpus_reversed\/a\.txt.*: File too large.*\n$/)
  t.deepEqual(readdirSync(folder).sort(), ['corpus', 'tok'])
})

test('^C stops with status 130 and leaves nothing unfinished', async (t) => {
  const folder = temporaryFolder(t)
  // Words that the encoder has not met, so that it takes its time.
  let word = 1
  const words = Array.from({ length: 3_000_000 }, () => {
    word = (word * 48271) % 2147483647
    return word.toString(36)
  })
  writeFiles(folder, { 'corpus/a.txt': words.join(' '), 'small/a.txt': text })
  t.is(aotTokenize(folder, ['train', 'small', '--out', 'tok', '--vocab-size', '300', '--quiet']).status, 0)
  const before = readdirSync(folder)
  const args = ['encode', 'corpus', '--tokenizer', 'tok', '--threads', '1']
  const child = spawn(process.execPath, [join(packageRoot, 'bin/aot-tokenize.js'), ...args], { cwd: folder })
  let stderr = ''
  child.stderr.on('data', (data) => {
    stderr += data
  })
  const poll = setInterval(() => {
    // Once: a second ^C ends the process at once.
    if (child.exitCode !== null || !existsSync(join(folder, 'corpus_h5/corpus.h5.tmp'))) return
    child.kill('SIGINT')
    clearInterval(poll)
  }, 5)
  const status = await new Promise((resolve) => child.on('close', resolve))
  clearInterval(poll)
  t.is(stderr, 'aot-tokenize: stopped; nothing unfinished was left behind\n')
  t.is(status, 130)
  t.deepEqual(readdirSync(folder), before)
})
