/** Text of made-up languages, the same on every machine, with about the words and characters of the true ones. */

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

const split = (parts: string) => parts.split(' ')
/** Every `step`-th of `count` characters from `first` on. */
const characters = (first: number, count: number, step: number) =>
  Array.from({ length: count }, (_, index) => String.fromCodePoint(first + index * step))
const kana = characters(0x3042, 80, 1)

const languages = {
  english: {
    parts: split(
      'the ing and ion er th st re in ed en at on or is it ar te co de me ly un pro con al ment ble ous i a o',
    ),
    longest: 4,
    capitals: true,
    between: ' ',
    pauses: [',', ',', ',', ';', "'s", ' 1865', ' --'],
    ends: ['.', '.', '.', '?', '!'],
  },
  french: {
    parts: split(
      'le la de que é ée ai ou an on eur tion ment par con ré dé è ê ç à oi eau eux ain is us er ch qu au i o',
    ),
    longest: 4,
    capitals: true,
    between: ' ',
    pauses: [',', ',', ',', ' ;', " l'", " d'", ' «\u00a0mot\u00a0»', ' 1789'],
    ends: ['.', '.', '.', '\u00a0?', '\u00a0!', '…'],
  },
  chinese: {
    parts: characters(0x4e00, 3000, 6),
    longest: 2,
    capitals: false,
    between: '',
    pauses: ['，', '，', '，', '、', '；', '2024年'],
    ends: ['。', '。', '。', '？', '！'],
  },
  japanese: {
    parts: [...kana, ...characters(0x4e00, 1500, 13)],
    longest: 3,
    capitals: false,
    between: '',
    pauses: ['、', '、', 'が', 'の', '「', '」'],
    ends: ['。', '。', '。', '！'],
  },
  korean: {
    parts: characters(0xac00, 1800, 6),
    longest: 3,
    capitals: false,
    between: ' ',
    pauses: [',', ',', ',', ' 2024년'],
    ends: ['.', '.', '.', '?', '!'],
  },
} satisfies Record<string, Language>

export type LanguageName = keyof typeof languages

const commonWords = 30_000
/** Part of the words that are none of the common ones: names, numbers, mistakes. */
const rareWords = 1 / 200

interface Vocabulary {
  language: Language
  words: string[]
}
const vocabularies = new Map<LanguageName, Vocabulary>()

function pickers(random: () => number) {
  return {
    one: <Item>(list: readonly Item[]) => list[Math.floor(random() * list.length)] as Item,
    // The one of rank r comes 1/r times as often as the first.
    often: <Item>(list: readonly Item[]) => list[Math.floor(list.length ** random()) - 1] as Item,
  }
}

function newWord(language: Language, random: () => number): string {
  const { one, often } = pickers(random)
  const length = 1 + Math.floor(random() * language.longest)
  return Array.from({ length }, () => (language.capitals ? one(language.parts) : often(language.parts))).join('')
}

function vocabularyOf(name: LanguageName): Vocabulary {
  const known = vocabularies.get(name)
  if (known !== undefined) return known
  const language = languages[name]
  const random = randomNumbers(1)
  const made = { language, words: Array.from({ length: commonWords }, () => newWord(language, random)) }
  vocabularies.set(name, made)
  return made
}

/** About so many bytes: few words often and many words rarely, as in a true text; texts of one language share words. */
export function generateText(name: LanguageName, bytes: number, seed: number): string {
  const { language, words } = vocabularyOf(name)
  const random = randomNumbers(seed)
  const { one, often } = pickers(random)
  const sentences: string[] = []
  for (let size = 0; size < bytes; ) {
    let sentence = ''
    for (let left = 4 + Math.floor(random() * 20); left > 0; left--) {
      const word = random() < rareWords ? newWord(language, random) + newWord(language, random) : often(words)
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
