/**
 * The values of arXiv 2401.17505 that the report shows beside one's own, all of GPT-2 Medium (405 M parameters) unless
 * said otherwise. Its tables are not at hand in numbers: these come from the authors' own pictures.
 */

export interface PaperValue {
  /** BW/FW - 1. */
  ratio: number
  /** Read off a picture by eye. */
  approximate: boolean
}

export interface PaperLanguage extends PaperValue {
  language: string
  /** ISO 639-1. */
  code: string
  fw: number
  bw: number
}

function language(name: string, code: string, fw: number, bw: number, approximate = false): PaperLanguage {
  return { language: name, code, fw, bw, ratio: bw / fw - 1, approximate }
}

/**
 * Validation losses in nats per token, context 256. English and French: the vector picture of the losses, after 104.4 M
 * samples. The others: pixels of the picture of all languages, within 0.003, after 500,000 batches; Indonesian's backward
 * loss is estimated.
 */
export const paperLanguages: readonly PaperLanguage[] = [
  language('English', 'en', 2.8802, 2.902),
  language('French', 'fr', 2.7883, 2.8615),
  language('Finnish', 'fi', 3.383, 3.419, true),
  language('Turkish', 'tr', 3.314, 3.344, true),
  language('German', 'de', 3.167, 3.213, true),
  language('Indonesian', 'id', 3.101, 3.168, true),
  language('Greek', 'el', 2.807, 2.874, true),
  language('Vietnamese', 'vi', 2.417, 2.455, true),
]

export interface PaperContext extends PaperValue {
  length: number
}

const context = (length: number, percent: number, approximate = false): PaperContext => ({
  length,
  ratio: percent / 100,
  approximate,
})

/** Against context length: the vector picture of both languages; approximate ones are from the poster, by eye. */
export const paperContexts: Readonly<Record<'French' | 'English', readonly PaperContext[]>> = {
  French: [
    context(4, 0.02, true),
    context(8, 0.1, true),
    context(16, 0.4),
    context(24, 0.5, true),
    context(32, 0.82),
    context(48, 0.87, true),
    context(64, 1.21),
    context(96, 1.25, true),
    context(128, 1.94),
    context(256, 2.65),
    context(512, 2.92),
  ],
  English: [
    context(16, 0.07),
    context(32, 0.18),
    context(64, 0.48),
    context(128, 0.84),
    context(256, 0.9),
    context(512, 1.02),
  ],
}

export interface PaperSize {
  kind: 'gpt' | 'gru' | 'lstm'
  parameters: number
  /** (BW - FW) over the mean of both. */
  relative: number
  /** BW/FW - 1, which follows from it. */
  ratio: number
  approximate: true
}

function size(kind: PaperSize['kind'], millions: number, perMille: number): PaperSize {
  const relative = perMille / 1000
  return {
    kind,
    parameters: millions * 1e6,
    relative,
    ratio: (1 + relative / 2) / (1 - relative / 2) - 1,
    approximate: true,
  }
}

/** English, by kind and size of the model: the poster, by eye, which gives the difference over the mean in per mille. */
export const paperSizes: readonly PaperSize[] = [
  size('lstm', 26, -3),
  size('lstm', 58, 1),
  size('lstm', 101, 1.3),
  size('gru', 26, -1),
  size('gru', 56, 2),
  size('gru', 94, 3),
  size('gpt', 4.9, -3.5),
  size('gpt', 55.6, 2),
  size('gpt', 405, 7.6),
]

/** The paper's language that a data file is of, by a word of its name or its folder's: `fr`, `french`, ...; or null. */
export function paperLanguageOf(path: string): PaperLanguage | null {
  const words = path
    .toLowerCase()
    .split('/')
    .slice(-2)
    .join('/')
    .split(/[^a-z]+/)
  return (
    paperLanguages.find(({ language, code }) => words.includes(code) || words.includes(language.toLowerCase())) ?? null
  )
}
