/** Character-level tokenizers: equal to Hugging Face's library, over any cut of the text, and as a command. */
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Tokenizer as JsTokenizer } from '@huggingface/tokenizers'
import test from 'ava'
import { Tokenizer as RustTokenizer } from 'tokenizers'
import { Tokenizer } from '../../ts/index.js'
import { native } from '../../ts/native.js'
import { newControl } from '../../ts/tokenize/job.js'
import { tokenBytes } from '../../ts/train/text.js'
import { aotTokenize, encode, readTokens, temporaryFolder, writeFiles } from './support.js'

const nasty =
  'ab\n\n  é😀<|endoftext|>a\u0301\t\0"\\\u2028日本<|endof<|unk|><|endoftext|><|endoftext|>\u{10ffff}\uffff z'

async function trainChar(files: string[], options: { unknown?: boolean; threads?: number; chunkBytes?: number } = {}) {
  return native.trainCharFiles(files, { unknown: false, threads: 1, ...options }, newControl())
}

test('ids, text and files are those of Hugging Face', async (t) => {
  const folder = temporaryFolder(t)
  const files = writeFiles(folder, { 'a.txt': nasty })
  for (const unknown of [false, true]) {
    const tokenizer = await Tokenizer.trainChar(files, { unknown })
    t.is(tokenizer.kind, 'char')
    const saved = join(folder, `tokenizer-${unknown}`)
    await tokenizer.save(saved)
    t.deepEqual(readdirSync(saved).sort(), ['special_tokens_map.json', 'tokenizer.json', 'tokenizer_config.json'])
    const json = (name: string) => JSON.parse(readFileSync(join(saved, name), 'utf8'))
    t.deepEqual(json('special_tokens_map.json'), {
      bos_token: '<|endoftext|>',
      eos_token: '<|endoftext|>',
      ...(unknown ? { unk_token: '<|unk|>' } : {}),
    })
    // Line ends are cleaned in files alone, and special tokens are plain text while training.
    const text = nasty.replace('\u2028', '\n')
    const characters = [...new Set(text)].sort((a, b) => (a.codePointAt(0) as number) - (b.codePointAt(0) as number))
    const special = unknown ? ['<|endoftext|>', '<|unk|>'] : ['<|endoftext|>']
    const vocabulary = [...special, ...characters]
    t.deepEqual(
      vocabulary.map((token) => tokenizer.tokenToId(token)),
      vocabulary.map((_, id) => id),
    )
    t.is(tokenizer.vocabSize, vocabulary.length)

    const rust = RustTokenizer.fromFile(join(saved, 'tokenizer.json'))
    const js = new JsTokenizer(json('tokenizer.json'), json('tokenizer_config.json'))
    const again = Tokenizer.load(saved)
    const texts = [
      text,
      '',
      'a',
      '\n',
      '<|endoftext|>',
      '<|endoftext|',
      ...(unknown ? ['Q', 'aQ\u{1f680}b', '\u0345'] : []),
    ]
    for (const each of texts) {
      const ids = [...tokenizer.encode(each)]
      t.deepEqual((await rust.encode(each)).getIds(), ids, JSON.stringify(each))
      t.deepEqual(js.encode(each, { add_special_tokens: false }).ids, ids, JSON.stringify(each))
      t.deepEqual([...again.encode(each)], ids)
      for (const skipSpecialTokens of [false, true]) {
        t.is(await rust.decode(ids, skipSpecialTokens), again.decode(ids, { skipSpecialTokens }))
      }
      if (!each.includes('Q') && each !== '\u0345') t.is(tokenizer.decode(ids), each)
    }
    if (!unknown) {
      await t.throwsAsync(rust.encode('Q'))
      for (const [character, shown] of [
        ['Q', '"Q" (U+0051)'],
        ['\u{10fffe}', '"\u{10fffe}" (U+10FFFE)'],
        ['\r', '"\\r" (U+000D)'],
      ]) {
        t.throws(() => tokenizer.encode(`a${character}`), {
          code: 'AOT_DATA',
          message: `the character ${shown} is not in the tokenizer's vocabulary: make a tokenizer from text that has it, or one with a token for unknown characters (aot-tokenize --char --unk)`,
        })
      }
    }
    // Loaded and saved, it is the same file.
    await again.save(join(folder, 'again'))
    t.is(
      readFileSync(join(folder, 'again/tokenizer.json'), 'utf8'),
      readFileSync(join(saved, 'tokenizer.json'), 'utf8'),
    )
    // What the bits per byte are counted by.
    const bytes = tokenBytes(saved, tokenizer.vocabSize)
    t.deepEqual(
      [...bytes],
      vocabulary.map((token) => Buffer.byteLength(token)),
    )
  }
})

test('a text cut anywhere has the ids of the whole', async (t) => {
  const folder = temporaryFolder(t)
  const text = nasty.replace('\u2028', '\n').repeat(20)
  const files = writeFiles(folder, { 'a.txt': text, 'b.txt': '<|endoftext|>'.repeat(50), 'c.txt': 'a' })
  const whole = (await trainChar(files)).tokenizer
  const expected = [...whole.encode(text), ...new Array(50).fill(0), ...whole.encode('a')]
  for (const options of [1, 2, 5, 14, 29, 100].map((chunkBytes) => ({ chunkBytes, threads: 1 + (chunkBytes % 3) }))) {
    const { tokenizer, words, occurrences } = await trainChar(files, options)
    t.is(tokenizer.vocabSize, whole.vocabSize)
    t.deepEqual([words, occurrences], [tokenizer.vocabSize - 1, [...text].length + 13 * 50 + 1])
    const { ids, text: report } = await encode(tokenizer, files, join(folder, 'out.h5'), options)
    t.deepEqual([...ids], expected, JSON.stringify(options))
    t.is(report.cutPieces, 0)
  }
  // Tokens that hide each other: a text of "a" alone, with the added token "aa".
  const added = (await trainChar(files)).tokenizer.withSpecialTokens(['aa'])
  const [run] = writeFiles(folder, { 'run.txt': `b${'a'.repeat(301)}` })
  for (const chunkBytes of [1, 7, 50]) {
    const { ids } = await encode(added, [run as string], join(folder, 'run.h5'), { chunkBytes })
    t.deepEqual([...ids], [...added.encode(`b${'a'.repeat(301)}`)])
  }
})

test('special tokens are added to both kinds, and Hugging Face reads them', async (t) => {
  const folder = temporaryFolder(t)
  const files = writeFiles(folder, { 'a.txt': 'one two three, one two\n' })
  const tokens = ['<|forward|>', '<|backward|>', '<|a space|>']
  const text = 'one<|backward|> two<|forward|>\n<|endoftext|><|a space|>'
  for (const tokenizer of [await Tokenizer.train(files, { vocabSize: 265 }), await Tokenizer.trainChar(files)]) {
    const { kind, vocabSize } = tokenizer
    const more = tokenizer.withSpecialTokens(tokens)
    t.is(tokenizer.vocabSize, vocabSize, 'the first one stays as it is')
    t.is(more.vocabSize, vocabSize + 3)
    const special = [{ token: '<|endoftext|>', id: 0 }, ...tokens.map((token, i) => ({ token, id: vocabSize + i }))]
    t.deepEqual(more.specialTokens, special)
    for (const { token, id } of special) t.deepEqual([more.tokenToId(token), more.idToToken(id)], [id, token])
    t.deepEqual(
      [more.tokenToId('<|none|>'), more.idToToken(vocabSize + 3), more.idToToken(-1)],
      [undefined, undefined, undefined],
    )
    if (kind === 'bpe') t.is(more.decode([more.tokenToId('Ġt') as number]), ' t')

    const saved = join(folder, kind)
    await more.save(saved)
    const rust = RustTokenizer.fromFile(join(saved, 'tokenizer.json'))
    const ids = [...more.encode(text)]
    t.true(ids.includes(vocabSize + 1))
    t.deepEqual((await rust.encode(text)).getIds(), ids)
    t.deepEqual([...Tokenizer.load(saved).encode(text)], ids)
    t.is(rust.getVocabSize(true), vocabSize + 3)
    t.is(more.decode(ids), text)
    t.is(more.decode(Int32Array.from(ids), { skipSpecialTokens: true }), 'one two\n')
    for (const skip of [false, true]) {
      t.is(await rust.decode(ids, skip), more.decode(ids, { skipSpecialTokens: skip }))
    }
    // The library itself, given the tokens, has the same ids.
    await tokenizer.save(join(folder, `${kind}-plain`))
    const theirs = RustTokenizer.fromFile(join(folder, `${kind}-plain/tokenizer.json`))
    theirs.addSpecialTokens(tokens)
    t.deepEqual((await theirs.encode(text)).getIds(), ids)
    t.is(readdirSync(saved).includes('added_tokens.json'), kind === 'bpe')

    for (const [list, message] of [
      [
        ['<|endoftext|>'],
        'the tokenizer has the token "<|endoftext|>" already, with the id 0: give the new one another name',
      ],
      [
        ['o'],
        `the tokenizer has the token "o" already, with the id ${tokenizer.tokenToId('o')}: give the new one another name`,
      ],
      [['<|x|>', '<|x|>'], 'the special token "<|x|>" is given twice'],
      [['<|x|>', ''], 'a special token cannot be empty'],
      [[7], 'each of tokens must be a string'],
      ['<|x|>', 'tokens must be an array of strings'],
    ] as [string[], string][]) {
      t.throws(() => tokenizer.withSpecialTokens(list), { code: 'AOT_CONFIG', message })
    }
    t.throws(() => tokenizer.idToToken(1.5), { code: 'AOT_CONFIG' })
    t.throws(() => tokenizer.tokenToId(1 as never), { code: 'AOT_CONFIG' })
  }
  // The form before tokenizer.json has them too, and a tokenizer without them takes the file away.
  const older = temporaryFolder(t)
  for (const name of ['vocab.json', 'merges.txt', 'added_tokens.json', 'special_tokens_map.json']) {
    copyFileSync(join(folder, 'bpe', name), join(older, name))
  }
  t.deepEqual([...Tokenizer.load(older).encode(text)], [...Tokenizer.load(join(folder, 'bpe')).encode(text)])
  await Tokenizer.load(join(folder, 'char-plain')).save(older)
  t.deepEqual(readdirSync(older).sort(), ['special_tokens_map.json', 'tokenizer.json', 'tokenizer_config.json'])
})

test('a WordLevel tokenizer of another kind is refused in one line', async (t) => {
  const folder = temporaryFolder(t)
  const path = join(folder, 'tokenizer.json')
  await (await Tokenizer.trainChar(writeFiles(folder, { 'a.txt': 'abc' }))).save(folder)
  const original = readFileSync(path, 'utf8')
  // biome-ignore lint/suspicious/noExplicitAny: the test breaks it at will
  type Edit = (root: any) => void
  const edited = (edit: Edit) => {
    const root = JSON.parse(original)
    edit(root)
    writeFileSync(path, JSON.stringify(root))
  }
  for (const pattern of [{ Regex: '(?m:.)' }, { String: '' }]) {
    edited((root) => Object.assign(root.pre_tokenizer, { pattern }))
    t.deepEqual([...Tokenizer.load(folder).encode('cab')], [3, 1, 2])
    t.deepEqual((await RustTokenizer.fromFile(path).encode('cab')).getIds(), [3, 1, 2])
  }
  const not = "is not supported: only GPT-2's byte-level BPE and character-level tokenizers are"
  const damaged = "the file is damaged or not a tokenizer's, get it again or train anew"
  const pieces = (type: string) =>
    `a WordLevel model whose pre_tokenizer (${type}) does not split at every character ${not}`
  for (const [edit, message] of [
    [(root) => Object.assign(root, { pre_tokenizer: { type: 'Whitespace' } }), pieces('Whitespace')],
    [(root) => Object.assign(root.pre_tokenizer, { behavior: 'Removed' }), pieces('Split')],
    [(root) => Object.assign(root.pre_tokenizer, { pattern: { Regex: '.' } }), pieces('Split')],
    [(root) => Object.assign(root.pre_tokenizer, { invert: true }), pieces('Split')],
    [(root) => Object.assign(root, { decoder: null }), `a tokenizer without a decoder ${not}`],
    [
      (root) => Object.assign(root, { decoder: { type: 'WordPiece' } }),
      `the decoder WordPiece of a WordLevel model ${not}`,
    ],
    [(root) => Object.assign(root, { normalizer: { type: 'NFC' } }), `a normalizer (NFC) ${not}`],
    [
      (root) => Object.assign(root, { post_processor: { type: 'BertProcessing' } }),
      `the post_processor BertProcessing ${not}`,
    ],
    [
      (root) => Object.assign(root.added_tokens[0], { rstrip: true }),
      `lstrip or rstrip of the added token "<|endoftext|>" of a WordLevel model ${not}`,
    ],
    [(root) => Object.assign(root.model.vocab, { word: 4 }), `the token "word" is not one character: ${damaged}`],
    [
      (root) => Object.assign(root.model.vocab, { d: 7 }),
      `the token "d" has the id 7, but there are 5 tokens: ids must run from 0 without gaps: ${damaged}`,
    ],
    [(root) => delete root.model.unk_token, `the model has no "unk_token": ${damaged}`],
    [(root) => delete root.model.vocab, `the vocabulary is missing or empty: ${damaged}`],
  ] as [Edit, string][]) {
    edited(edit)
    t.is(t.throws(() => Tokenizer.load(folder), { code: 'AOT_DATA' }, message)?.message, `${path}: ${message}`)
  }
})

test('aot-tokenize --char', (t) => {
  const folder = temporaryFolder(t)
  writeFiles(folder, {
    'dna/b.txt': 'GATTACA\r\nCCGT\n',
    'dna/a.txt': Buffer.concat([Buffer.from('\ufeffACGT'), Buffer.from([0xff, 10])]),
    'other/a.txt': 'ACGNé\n',
  })
  const ran = aotTokenize(folder, ['dna', '--char', '--quiet'])
  t.is(ran.status, 0, ran.stderr)
  t.deepEqual(
    ran.stdout.split('\n').filter((line) => !/^(encoded|trained|time)/.test(line)),
    [
      'tokenizer   tokenizers/dna_tokenizer (6 tokens)',
      'tokens      dna_h5/dna.h5 (18 tokens, uint16)',
      'text        2 files, 23 B',
      'dropped     1 byte not UTF-8',
      '',
    ],
  )
  t.regex(ran.stdout, /\ntrained {5}on 18 characters, 5 of them different, at .*\/s\n/)
  const tokenizer = Tokenizer.load(join(folder, 'tokenizers/dna_tokenizer'))
  t.is(tokenizer.decode(readTokens(join(folder, 'dna_h5/dna.h5'))), 'ACGT\nGATTACA\nCCGT\n')
  t.deepEqual(aotTokenize(folder, ['inspect', 'tokenizers/dna_tokenizer', '--count', '3']).stdout.split('\n'), [
    'vocabulary 6 tokens, 5 characters',
    'added      <|endoftext|> = 0',
    'first      "\\n"  "A"  "C"',
    'last       "G"  "T"',
    '',
  ])
  t.regex(
    aotTokenize(folder, ['inspect', 'dna_h5/dna.h5', '--tokenizer', 'tokenizers/dna_tokenizer']).stdout,
    /as text {4}"ACGT\\nGATT/,
  )

  // Other text with the same tokenizer.
  const before = readdirSync(folder)
  const unknown = aotTokenize(folder, ['other', '--tokenizer', 'tokenizers/dna_tokenizer', '--quiet'])
  t.deepEqual(unknown, {
    status: 2,
    stdout: '',
    stderr: `aot-tokenize: ${folder}/other/a.txt: the character "N" (U+004E) is not in the tokenizer's vocabulary: make a tokenizer from text that has it, or one with a token for unknown characters (aot-tokenize --char --unk)\n`,
  })
  t.deepEqual(readdirSync(folder), before)
  t.is(aotTokenize(folder, ['train', 'dna', '--char', '--unk', '--out', 'tok', '--quiet']).status, 0)
  t.is(aotTokenize(folder, ['encode', 'other', '--tokenizer', 'tok', '--quiet']).status, 0)
  t.deepEqual([...readTokens(join(folder, 'other_h5/other.h5'))], [3, 4, 5, 1, 1, 2])

  for (const [args, line] of [
    [
      ['dna', '--char', '--vocab-size', '300'],
      '--vocab-size is for BPE: with --char the vocabulary is the characters of the text; leave one of the two',
    ],
    [['train', 'dna', '--unk'], '--unk is for --char: every text has ids in byte-level BPE'],
    [['dna', '--char', '--tokenizer', 'tok'], '--char is for a new tokenizer: leave it, or leave --tokenizer'],
    [['dna', '--unk', '--tokenizer', 'tok'], '--unk is for a new tokenizer: leave it, or leave --tokenizer'],
    [['encode', 'dna', '--char', '--tokenizer', 'tok'], 'Unknown argument: char (aot-tokenize --help says more)'],
    [
      ['dna', '--char', '--unk'],
      `${folder}/tokenizers/dna_tokenizer is there already: use it with --tokenizer tokenizers/dna_tokenizer, or move it away, or overwrite it with --force`,
    ],
  ] as [string[], string][]) {
    t.deepEqual(aotTokenize(folder, args), { status: 2, stdout: '', stderr: `aot-tokenize: ${line}\n` }, args.join(' '))
  }
  // A folder of BPE that is overwritten keeps none of its files.
  t.is(aotTokenize(folder, ['train', 'dna', '--vocab-size', '260', '--out', 'tok', '--force', '--quiet']).status, 0)
  t.is(Tokenizer.load(join(folder, 'tok')).kind, 'bpe')
  t.is(aotTokenize(folder, ['train', 'dna', '--char', '--out', 'tok', '--force', '--quiet']).status, 0)
  t.deepEqual(readdirSync(join(folder, 'tok')).sort(), [
    'special_tokens_map.json',
    'tokenizer.json',
    'tokenizer_config.json',
    'trained_on.json',
  ])
})
