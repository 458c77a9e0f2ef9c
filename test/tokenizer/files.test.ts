import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { native } from '../../ts/native.js'
import { goldens, goldensFolder, readText } from './reference.js'

const { train } = native.tokenizerParts
const vocabSize = 400

/** A folder with a trained tokenizer in it, removed after the body. */
async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'aot-tokenizer-files-'))
  try {
    await train([readText('fr.txt')], [], [], vocabSize).save(folder)
    await body(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** biome-ignore lint/suspicious/noExplicitAny: the tests break it at will */
type Json = any

async function readJson(folder: string, name: string): Promise<Json> {
  return JSON.parse(await readFile(join(folder, name), 'utf8'))
}

async function editJson(folder: string, name: string, edit: (root: Json) => void): Promise<void> {
  const root = await readJson(folder, name)
  edit(root)
  await writeFile(join(folder, name), JSON.stringify(root))
}

const sample = "Les êtres humains<|endoftext|>  naissent libres, n'est-ce pas ?\n"

test('the folder holds the files of Hugging Face', async (t) => {
  await inFolder(async (folder) => {
    t.deepEqual((await readdir(folder)).sort(), [
      'merges.txt',
      'special_tokens_map.json',
      'tokenizer.json',
      'tokenizer_config.json',
      'vocab.json',
    ])
    const root = await readJson(folder, 'tokenizer.json')
    t.deepEqual(await readJson(folder, 'vocab.json'), root.model.vocab)
    t.deepEqual(Object.keys(root.model.vocab).length, vocabSize)
    const merges = await readFile(join(folder, 'merges.txt'), 'utf8')
    t.is(merges, `#version: 0.2\n${root.model.merges.join('\n')}\n`)
    const special = { bos_token: '<|endoftext|>', eos_token: '<|endoftext|>', unk_token: '<|endoftext|>' }
    t.deepEqual(await readJson(folder, 'special_tokens_map.json'), special)
    t.deepEqual(await readJson(folder, 'tokenizer_config.json'), {
      tokenizer_class: 'GPT2Tokenizer',
      add_prefix_space: false,
      clean_up_tokenization_spaces: false,
      ...special,
    })
  })
})

test('what is loaded is saved as it was', async (t) => {
  await inFolder(async (folder) => {
    const again = join(folder, 'again')
    await native.Tokenizer.load(folder).save(again)
    for (const name of (await readdir(folder)).filter((name) => name.includes('.'))) {
      t.deepEqual(await readFile(join(again, name)), await readFile(join(folder, name)), name)
    }
    // With several added tokens and flags, in the form of newer versions.
    for (const name of ['added_tokens', 'irregular'] as const) {
      await copyFile(fileURLToPath(new URL(`${name}.json`, goldensFolder)), join(folder, 'tokenizer.json'))
      await native.Tokenizer.load(folder).save(again)
      const [before, after] = [await readJson(folder, 'tokenizer.json'), await readJson(again, 'tokenizer.json')]
      t.deepEqual(after.added_tokens, before.added_tokens)
      t.deepEqual(after.model.vocab, before.model.vocab)
      t.deepEqual(
        after.model.merges,
        before.model.merges.map((pair: string[]) => pair.join(' ')),
      )
      const tokenizer = native.Tokenizer.load(again)
      for (const { text, ids } of goldens[name]) t.deepEqual([...tokenizer.encode(text)], ids)
    }
  })
})

test('both forms of merges load', async (t) => {
  await inFolder(async (folder) => {
    const ids = native.Tokenizer.load(folder).encode(sample)
    await editJson(folder, 'tokenizer.json', ({ model }) => {
      model.merges = model.merges.map((merge: string) => merge.split(' '))
      model.ignore_merges = false
    })
    t.deepEqual(native.Tokenizer.load(folder).encode(sample), ids)
  })
})

test('a folder with vocab.json and merges.txt alone loads', async (t) => {
  await inFolder(async (folder) => {
    const ids = native.Tokenizer.load(folder).encode(sample)
    await rm(join(folder, 'tokenizer.json'))
    t.deepEqual(native.Tokenizer.load(folder).encode(sample), ids)
    await rm(join(folder, 'special_tokens_map.json'))
    t.deepEqual(native.Tokenizer.load(folder).encode(sample), ids)
    await writeFile(join(folder, 'added_tokens.json'), JSON.stringify({ '<|new|>': vocabSize }))
    const tokenizer = native.Tokenizer.load(folder)
    t.is(tokenizer.vocabSize, vocabSize + 1)
    t.deepEqual([...tokenizer.encode('<|new|><|endoftext|>')], [vocabSize, 0])
    const special = { bos_token: { content: '<|endoftext|>', lstrip: true, normalized: false }, pad_token: null }
    await writeFile(join(folder, 'special_tokens_map.json'), JSON.stringify(special))
    t.deepEqual([...native.Tokenizer.load(folder).encode('  <|endoftext|>')], [0])
    await writeFile(join(folder, 'special_tokens_map.json'), JSON.stringify({ bos_token: '<s>' }))
    t.throws(() => native.Tokenizer.load(folder), {
      code: 'AOT_DATA',
      message: /special_tokens_map\.json: the special token "<s>" is not in the vocabulary: the file is damaged/,
    })
  })
})

/** Each fault of tokenizer.json, and what its one line says after the path. */
const faults: [edit: (root: Json) => void, message: string][] = [
  [(root) => delete root.model, '"model" is missing or not an object'],
  [(root) => delete root.model.vocab, 'the vocabulary is missing or empty'],
  [(root) => delete root.model.merges, 'the merges are missing'],
  [(root) => root.model.merges.push('a'), 'merge 144 is not a pair of tokens'],
  [(root) => root.model.merges.push('a b c'), 'merge 144 is not a pair of tokens'],
  [(root) => root.model.merges.push(['a', 'b', 'c']), 'merge 144 is not a pair of tokens'],
  [(root) => root.model.merges.push(7), 'merge 144 is not a pair of tokens'],
  [
    (root) => root.model.merges.push('e nowhere'),
    'merge 144 ("e nowhere") needs the token "nowhere", which is not in the vocabulary',
  ],
  [
    (root) => root.model.merges.push('e \n\0'),
    'merge 144 ("e   ") needs the token "  ", which is not in the vocabulary',
  ],
  [(root) => root.model.merges.push('Q Q'), 'merge 144 ("Q Q") needs the token "QQ", which is not in the vocabulary'],
  [
    (root) => {
      root.model.vocab['"'] = 1
    },
    'the tokens "!" and """ have the same id 1',
  ],
  [
    (root) => {
      root.model.vocab['!'] = 400
    },
    'the token "!" has the id 400, but there are 400 tokens: ids must run from 0 without gaps',
  ],
  [
    (root) => {
      root.model.vocab['!'] = 2 ** 31 - 1
    },
    'the token "!" has the id 2147483647, but there are 400 tokens: ids must run from 0 without gaps',
  ],
  ...[-1, 1.5, 2 ** 31, 1e300, '1', null].map((id): [(root: Json) => void, string] => [
    (root) => {
      root.model.vocab['!'] = id
    },
    'the id of the token "!" must be a whole number from 0 to 2^31 - 1',
  ]),
  [
    (root) => {
      delete root.model.vocab['!']
      root.model.vocab.new = 1
    },
    'the vocabulary has no token "!" for the byte 33: only byte-level vocabularies with all 256 bytes are supported',
  ],
  [
    (root) => {
      root.model.vocab[''] = 400
    },
    'the vocabulary holds an empty token',
  ],
  [
    (root) => {
      root.added_tokens[0].id = 5
    },
    'the added token "<|endoftext|>" has the id 5, but 0 in the vocabulary',
  ],
  [(root) => root.added_tokens.push({ id: 5, content: 'new' }), 'two tokens have the id 5'],
  [
    (root) => root.added_tokens.push({ id: 400, content: 'new' }, { id: 401, content: 'new' }),
    'the token "new" has two ids',
  ],
  [
    (root) => root.added_tokens.push({ id: 401, content: 'new' }),
    'the token "new" has the id 401, but there are 401 tokens: ids must run from 0 without gaps',
  ],
  [(root) => root.added_tokens.push({ id: 400, content: '' }), 'an added token has no "content"'],
  [(root) => root.added_tokens.push(null), 'an added token has no "content"'],
  [
    (root) => root.added_tokens.push({ content: 'new' }),
    'the id of the token "new" must be a whole number from 0 to 2^31 - 1',
  ],
  [
    (root) => {
      root.added_tokens = {}
    },
    '"added_tokens" is not a list',
  ],
  [
    (root) => {
      root.added_tokens[0].lstrip = 'yes'
    },
    '"lstrip" must be true or false',
  ],
]

/** What is not GPT-2's byte-level BPE. */
const unsupported: [edit: (root: Json) => void, feature: string][] = [
  [(root) => Object.assign(root, { normalizer: { type: 'NFC' } }), 'a normalizer (NFC)'],
  [(root) => Object.assign(root, { truncation: { max_length: 5 } }), 'a truncation (of unknown type)'],
  [(root) => Object.assign(root, { padding: {} }), 'a padding (of unknown type)'],
  [(root) => Object.assign(root, { pre_tokenizer: null }), 'a tokenizer without a pre_tokenizer'],
  [(root) => Object.assign(root, { pre_tokenizer: { type: 'Metaspace' } }), 'the pre_tokenizer Metaspace'],
  [(root) => Object.assign(root.pre_tokenizer, { add_prefix_space: true }), 'add_prefix_space in the pre_tokenizer'],
  [(root) => Object.assign(root.pre_tokenizer, { use_regex: false }), 'use_regex false in the pre_tokenizer'],
  [
    (root) => Object.assign(root, { post_processor: { type: 'TemplateProcessing' } }),
    'the post_processor TemplateProcessing',
  ],
  [(root) => Object.assign(root, { decoder: null }), 'a tokenizer without a decoder'],
  [(root) => Object.assign(root, { decoder: { type: 'WordPiece' } }), 'the decoder WordPiece'],
  [(root) => Object.assign(root.model, { type: 'Unigram' }), 'the model Unigram'],
  [(root) => Object.assign(root.model, { dropout: 0.1 }), 'dropout in the model'],
  [(root) => Object.assign(root.model, { end_of_word_suffix: '</w>' }), 'a end_of_word_suffix in the model'],
  [
    (root) => Object.assign(root.model, { continuing_subword_prefix: '##' }),
    'a continuing_subword_prefix in the model',
  ],
  [
    (root) => Object.assign(root.added_tokens[0], { single_word: true }),
    'single_word of the added token "<|endoftext|>"',
  ],
]

test('a broken tokenizer.json gives one clear line', async (t) => {
  await inFolder(async (folder) => {
    const path = join(folder, 'tokenizer.json')
    const original = await readFile(path, 'utf8')
    const expectMessage = (message: string) => {
      const error = t.throws(() => native.Tokenizer.load(folder), { code: 'AOT_DATA' }, message)
      t.is(error?.message, `${path}: ${message}`)
    }
    const damaged = ": the file is damaged or not a tokenizer's, get it again or train anew"
    for (const [edit, message] of faults) {
      await writeFile(path, original)
      await editJson(folder, 'tokenizer.json', edit)
      expectMessage(message + damaged)
    }
    for (const [edit, feature] of unsupported) {
      await writeFile(path, original)
      await editJson(folder, 'tokenizer.json', edit)
      expectMessage(`${feature} is not supported: only GPT-2's byte-level BPE and character-level tokenizers are`)
    }
    for (const cut of [0, 1, 100, 5000, original.length - 1]) {
      const part = Buffer.from(original).subarray(0, cut)
      await writeFile(path, part)
      expectMessage(`not valid JSON (at byte ${cut + 1} of ${cut})${damaged}`)
    }
    for (const text of ['[]', '"x"', '7', 'null']) {
      await writeFile(path, text)
      expectMessage(`not a JSON object${damaged}`)
    }
    await writeFile(path, original.replace('"!": 1', '"!": 1e400'))
    expectMessage(`a number is too large${damaged}`)
    for (const content of [Buffer.from([0xff, 0xfe, 0, 1]), '{"a":\n"\xff"', '['.repeat(200_000)]) {
      await writeFile(path, content)
      const error = t.throws(() => native.Tokenizer.load(folder), { code: 'AOT_DATA' })
      t.regex(error?.message ?? '', /^\S+: not valid JSON \(at byte \d+ of \d+\)[^\n]*$/)
    }
  })
})

test('lists in lists in special_tokens_map.json are a fault, however deep', async (t) => {
  await inFolder(async (folder) => {
    await rm(join(folder, 'tokenizer.json'))
    const [open, close] = ['['.repeat(400_000), ']'.repeat(400_000)]
    await writeFile(join(folder, 'special_tokens_map.json'), `{"pad_token":${open}${close}}`)
    t.throws(() => native.Tokenizer.load(folder), { code: 'AOT_DATA', message: /an added token has no "content"/ })
  })
})

test('merges of tokens with white space are saved as they were', async (t) => {
  await inFolder(async (folder) => {
    const again = join(folder, 'again')
    await editJson(folder, 'tokenizer.json', ({ model }) => {
      Object.assign(model.vocab, { 'a b': 400, 'a b\nc': 401, '\nc': 402 })
      model.merges = model.merges.map((merge: string) => merge.split(' '))
      model.merges.splice(7, 0, ['a b', '\nc'])
    })
    await native.Tokenizer.load(folder).save(again)
    t.deepEqual((await readJson(again, 'tokenizer.json')).model, (await readJson(folder, 'tokenizer.json')).model)
    t.deepEqual(native.Tokenizer.load(again).encode(sample), native.Tokenizer.load(folder).encode(sample))
    // The other form has no place for that merge, which no text needs.
    await rm(join(again, 'tokenizer.json'))
    t.deepEqual(native.Tokenizer.load(again).encode(sample), native.Tokenizer.load(folder).encode(sample))
  })
})

test('missing and unreadable files are named', async (t) => {
  const message = (folder: string, name: string) =>
    `no tokenizer in ${folder}: it must hold tokenizer.json, or vocab.json and merges.txt (${name} is missing): ` +
    'check the path, or train one with aot-tokenize'
  t.throws(() => native.Tokenizer.load('/no/such/folder'), {
    code: 'AOT_IO',
    message: message('/no/such/folder', 'vocab.json'),
  })
  await inFolder(async (folder) => {
    await rm(join(folder, 'tokenizer.json'))
    await writeFile(join(folder, 'merges.txt'), '#version: 0.2\na b\nab\n')
    t.throws(() => native.Tokenizer.load(folder), {
      code: 'AOT_DATA',
      message: `${folder}/merges.txt: merge 1 ("a b") needs the token "ab", which is not in the vocabulary: the file is damaged or not a tokenizer's, get it again or train anew`,
    })
    await writeFile(join(folder, 'merges.txt'), '#version: 0.2\ne s\n\n')
    t.throws(() => native.Tokenizer.load(folder), {
      code: 'AOT_DATA',
      message: /merges\.txt: merge 2 is not a pair of tokens/,
    })
    await rm(join(folder, 'merges.txt'))
    t.throws(() => native.Tokenizer.load(folder), { code: 'AOT_IO', message: message(folder, 'merges.txt') })
    await mkdir(join(folder, 'tokenizer.json'))
    t.throws(() => native.Tokenizer.load(folder), {
      code: 'AOT_IO',
      message: `cannot read ${folder}/tokenizer.json: Is a directory`,
    })
  })
})

test('a folder that cannot be written is named', async (t) => {
  await inFolder(async (folder) => {
    const tokenizer = native.Tokenizer.load(folder)
    const file = join(folder, 'vocab.json')
    await t.throwsAsync(tokenizer.save(file), {
      code: 'AOT_IO',
      message: /^cannot (make the folder|create) .*vocab\.json/,
    })
    t.is(native.Tokenizer.load(folder).vocabSize, vocabSize)
    await rm(join(folder, 'merges.txt'))
    await mkdir(join(folder, 'merges.txt'))
    await t.throwsAsync(tokenizer.save(folder), { code: 'AOT_IO', message: /merges\.txt/ })
  })
})
