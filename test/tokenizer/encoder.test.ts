import { createHash } from 'node:crypto'
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Tokenizer as JsTokenizer } from '@huggingface/tokenizers'
import test from 'ava'
import { Tokenizer as RustTokenizer } from 'tokenizers'
import { type NativeTokenizer, native } from '../../ts/native.js'
import { Tokenizer } from '../../ts/tokenize/tokenizer.js'
import {
  corpora,
  countWords,
  encodeReference,
  englishText,
  goldens,
  goldensFolder,
  nastyText,
  pieces,
  randomSource,
  trainReference,
} from './reference.js'

const { train, mergePiece } = native.tokenizerParts

async function inFolder<Result>(body: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'aot-encoder-'))
  try {
    return await body(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

function hashIds(ids: Int32Array) {
  return { count: ids.length, sha256: createHash('sha256').update(ids.join(',')).digest('hex') }
}

/** Loads a committed tokenizer file. */
async function loadGolden(name: string): Promise<NativeTokenizer> {
  return inFolder(async (folder) => {
    await copyFile(fileURLToPath(new URL(name, goldensFolder)), join(folder, 'tokenizer.json'))
    return native.Tokenizer.load(folder)
  })
}

test('ids equal those of Hugging Face on nasty strings, endless words and real text', (t) => {
  const texts = corpora()
  for (const golden of goldens.encoded) {
    const tokenizer = train([texts[golden.corpus]], [], [], golden.vocabSize)
    for (const round of ['cold', 'warm']) {
      for (const { text, ids } of golden.strings) {
        t.deepEqual([...tokenizer.encode(text)], ids, `${round} ${JSON.stringify(text)}`)
      }
    }
    for (const [i, [unit, times]] of goldens.long.entries()) {
      t.deepEqual(hashIds(tokenizer.encode(unit.repeat(times))), golden.long[i], unit)
    }
    for (const [name, text] of Object.entries(texts)) {
      t.deepEqual(hashIds(tokenizer.encode(text)), golden.corpora[name as keyof typeof texts], name)
    }
    for (const { text } of golden.strings) t.is(tokenizer.decode(tokenizer.encode(text)), text)
  }
})

test('ids equal those of the definition on random texts', (t) => {
  const random = randomSource(6)
  for (let i = 0; i < 40; i++) {
    const text = nastyText(random, 500)
    const tokenizer = train([text], [], [], 257 + random(200))
    const merges = trainReference(countWords(text), tokenizer.vocabSize)
    for (const other of [text, nastyText(random, 500), nastyText(random, 100)]) {
      t.deepEqual([...tokenizer.encode(other)], encodeReference(other, merges), JSON.stringify([text, other]))
    }
  }
})

test('the word cache changes nothing, also when it overflows', (t) => {
  const text = englishText('199')
  const tokenizer = train([englishText('185')], [], [], 8000)
  const expected = pieces(text).flatMap((piece) => [...mergePiece(tokenizer, piece)])
  for (let round = 0; round < 2; round++) t.true(tokenizer.encode(text).join() === expected.join())
  const random = randomSource(7)
  const many = Array.from({ length: 400_000 }, () => ` ${random(2 ** 31).toString(36)}`).join('')
  const first = tokenizer.encode(many)
  t.true(tokenizer.encode(many).join() === first.join())
  t.true(tokenizer.decode(first) === many)
})

test('words that differ only in trailing NULs or length are told apart', (t) => {
  const tokenizer = train(['a'], [], [], 257)
  for (const text of [
    '\0',
    '\0\0',
    '\0\0\0',
    'a',
    'a\0',
    '\0'.repeat(7),
    '\0'.repeat(8),
    '\0'.repeat(31),
    '\0'.repeat(32),
  ]) {
    for (let round = 0; round < 2; round++) t.is(tokenizer.decode(tokenizer.encode(text)), text)
  }
})

test('ids past 2^16 are right', async (t) => {
  const random = randomSource(8)
  const word = () => ` ${Array.from({ length: 3 + random(10) }, () => String.fromCharCode(97 + random(26))).join('')}`
  const text = Array.from({ length: 60_000 }, word).join('')
  const tokenizer = train([text], [], [], 90_000)
  t.is(tokenizer.vocabSize, 90_000)
  const sample = text.slice(0, 100_000)
  const ids = tokenizer.encode(sample)
  t.true(ids.some((id) => id >= 2 ** 16))
  t.is(tokenizer.decode(ids), sample)
  await inFolder(async (folder) => {
    await tokenizer.save(folder)
    const rust = RustTokenizer.fromFile(join(folder, 'tokenizer.json'))
    t.deepEqual((await rust.encode(sample)).getIds(), [...ids])
  })
})

test('the npm packages tokenizers and @huggingface/tokenizers load the folder and agree', async (t) => {
  const texts = corpora()
  const tokenizer = train(Object.values(texts), [], [], 4000)
  await inFolder(async (folder) => {
    await tokenizer.save(folder)
    const read = async (name: string) => JSON.parse(await readFile(join(folder, name), 'utf8'))
    const rust = RustTokenizer.fromFile(join(folder, 'tokenizer.json'))
    const js = new JsTokenizer(await read('tokenizer.json'), await read('tokenizer_config.json'))
    const strings = goldens.encoded[0]?.strings.map(({ text }) => text) ?? []
    for (const text of [...strings, texts.cjk, texts.nasty]) {
      const ids = tokenizer.encode(text)
      t.deepEqual((await rust.encode(text)).getIds(), [...ids], JSON.stringify(text.slice(0, 100)))
      t.is(await rust.decode([...ids], false), tokenizer.decode(ids))
    }
    // The package written in JavaScript uses the host's expressions: its white space and its Unicode differ.
    const differs = /[\x85\ufeff\ua000-\uabff\ue000-\uffff]|<\|endoftext\|>/
    const plain = strings.filter((text) => !differs.test(text))
    t.true(plain.length > 40)
    for (const text of plain) {
      t.deepEqual(js.encode(text, { add_special_tokens: false }).ids, [...tokenizer.encode(text)], JSON.stringify(text))
    }
  })
})

test('added tokens split the text as Hugging Face has it', async (t) => {
  const tokenizer = await loadGolden('added_tokens.json')
  for (const { text, ids } of goldens.added_tokens) t.deepEqual([...tokenizer.encode(text)], ids, JSON.stringify(text))
})

test('merges that training never gives are applied as Hugging Face does', async (t) => {
  const tokenizer = await loadGolden('irregular.json')
  for (const { text, ids } of goldens.irregular) t.deepEqual([...tokenizer.encode(text)], ids, JSON.stringify(text))
})

test('ids may stand in any order, as in vocabularies of others', async (t) => {
  const { fr, nasty } = corpora()
  const trained = train([fr], [], [], 1200)
  await inFolder(async (folder) => {
    await trained.save(folder)
    const path = join(folder, 'tokenizer.json')
    const root = JSON.parse(await readFile(path, 'utf8'))
    const random = randomSource(10)
    const shuffled = Array.from({ length: 1200 }, (_, id) => ({ id, place: random(2 ** 30) }))
      .sort((a, b) => a.place - b.place)
      .map(({ id }) => id)
    for (const token of Object.keys(root.model.vocab)) root.model.vocab[token] = shuffled[root.model.vocab[token]]
    root.added_tokens[0].id = shuffled[0]
    await writeFile(path, JSON.stringify(root))
    const tokenizer = native.Tokenizer.load(folder)
    for (const text of [fr, nasty, 'a<|endoftext|>b']) {
      const ids = tokenizer.encode(text)
      t.is(
        ids.join(),
        trained
          .encode(text)
          .map((id) => shuffled[id] as number)
          .join(),
      )
      t.is(tokenizer.decode(ids), text)
    }
  })
})

test('lone surrogates are encoded as U+FFFD', (t) => {
  const tokenizer = train(['x'], [], [], 257)
  t.deepEqual(tokenizer.encode('a\ud800b\udc00'), tokenizer.encode('a\ufffdb\ufffd'))
  t.is(tokenizer.decode(tokenizer.encode('\ud83d')), '\ufffd')
  const random = randomSource(11)
  const units = [0, 65, 97, 127, 128, 0x7ff, 0x800, 0xd7ff, 0xd800, 0xdbff, 0xdc00, 0xdfff, 0xe000, 0xffff]
  for (let i = 0; i < 2000; i++) {
    const some = units.slice(0, 4 + random(11))
    const text = String.fromCharCode(...Array.from({ length: random(40) }, () => some[random(some.length)] as number))
    t.is(tokenizer.decode(tokenizer.encode(text)), Buffer.from(text).toString())
  }
})

test('decoding replaces what is not UTF-8, part by part', (t) => {
  const tokenizer = train(['x'], [], [], 257)
  const idOf = new Map<number, number>()
  // One id a byte: ASCII and two-byte characters cover the bytes that UTF-8 uses.
  for (let code = 0; code < 0x110000; code += code < 0x800 ? 1 : 0x40) {
    if (code >= 0xd800 && code < 0xe000) continue
    const character = String.fromCodePoint(code)
    const ids = tokenizer.encode(character)
    Buffer.from(character).forEach((byte, i) => {
      idOf.set(byte, ids[i] as number)
    })
  }
  t.is(idOf.size, 243)
  const random = randomSource(9)
  const bytesSeen = [...idOf.keys()]
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  for (let i = 0; i < 5000; i++) {
    const bytes = Array.from({ length: 1 + random(12) }, () => bytesSeen[random(bytesSeen.length)] as number)
    const ids = Int32Array.from(bytes, (byte) => idOf.get(byte) as number)
    t.is(tokenizer.decode(ids), decoder.decode(Uint8Array.from(bytes)), bytes.join())
  }
})

test('decoding an id outside the vocabulary names it', (t) => {
  const tokenizer = train(['x'], [], [], 257)
  for (const id of [257, -1, 2 ** 31 - 1]) {
    t.throws(() => tokenizer.decode(Int32Array.of(1, id)), {
      code: 'AOT_DATA',
      message: `the id ${id} (at position 1) is outside the tokenizer's vocabulary of 257: the ids come from another tokenizer`,
    })
  }
  t.is(tokenizer.decode(Int32Array.of(0, 34, 0)), '<|endoftext|>B<|endoftext|>')
})

test('wrong arguments are refused', (t) => {
  const tokenizer = train(['x'], [], [], 257)
  const config = { code: 'AOT_CONFIG' }
  t.throws(() => tokenizer.encode(1 as never), { ...config, message: 'text must be a string' })
  t.throws(() => tokenizer.decode([1] as never), { ...config, message: 'ids must be an Int32Array' })
  t.throws(() => tokenizer.save(undefined as never), { ...config, message: 'folder must be a string' })
  t.throws(() => native.Tokenizer.load(7 as never), { ...config, message: 'folder must be a string' })
  t.throws(() => mergePiece({} as never, 'x'), {
    ...config,
    message: 'tokenizer must be a tokenizer: load or train one',
  })
  const NativeClass = native.Tokenizer as unknown as new () => unknown
  t.throws(() => new NativeClass(), { ...config, message: 'a tokenizer is loaded or trained, not constructed' })
  t.throws(() => mergePiece(Object.create(NativeClass.prototype), 'x'), config)
  t.throws(() => tokenizer.encode.call({} as never, 'x'))
})

test('the public class', async (t) => {
  await inFolder(async (folder) => {
    await train([corpora().fr], [], [], 500).save(folder)
    const tokenizer = Tokenizer.load(folder)
    t.is(tokenizer.vocabSize, 500)
    const ids = tokenizer.encode('La liberté<|endoftext|>')
    t.true(ids instanceof Int32Array)
    t.is(ids.at(-1), 0)
    t.is(tokenizer.decode([...ids]), 'La liberté<|endoftext|>')
    const refused = (given: unknown, message: string) =>
      t.throws(() => tokenizer.decode(given as number[]), { code: 'AOT_CONFIG', message })
    for (const given of [undefined, null, 5, 'x', {}, new Float32Array(2)]) {
      refused(given, 'ids must be an Int32Array or an array of numbers')
    }
    refused([1, 1.5], 'ids[1] must be an id, not 1.5')
    refused([2 ** 32 + 5], 'ids[0] must be an id, not 4294967301')
    refused([3, 3, null], 'ids[2] must be an id, not null')
    refused(['34'], 'ids[0] must be an id, not 34')
    refused([Symbol('id')], 'ids[0] must be an id, not Symbol(id)')
    await tokenizer.save(join(folder, 'new', 'folder'))
    t.is(Tokenizer.load(join(folder, 'new', 'folder')).vocabSize, 500)
  })
  for (const options of [undefined, null, 500]) {
    await t.throwsAsync(Tokenizer.train(['x.txt'], options as never), {
      code: 'AOT_CONFIG',
      message: 'options must be an object with vocabSize',
    })
  }
  await t.throwsAsync(Tokenizer.train([], { vocabSize: 256 }), {
    code: 'AOT_CONFIG',
    message: 'vocabSize must be a whole number of at least 257, not 256',
  })
})
