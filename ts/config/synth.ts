/** The section `synth` of a config: a synthetic language, which is made where the data is absent. */
import { z } from 'zod'
import { oneOf, quoted, wholeNumber } from './fields.js'

/** The first is what an example is made with. */
export const languageNames = ['primes', 'circuits', 'copy', 'reversible'] as const
export type LanguageName = (typeof languageNames)[number]

const counts = {
  seed: wholeNumber(0, Number.MAX_SAFE_INTEGER)
    .default(0)
    .describe('Seed of the language and of its examples; that of the training is another.'),
  train: wholeNumber(1)
    .nullable()
    .default(null)
    .describe('Examples for training; null: 100000, of primes no more than there are pairs.'),
  valid: wholeNumber(1)
    .nullable()
    .default(null)
    .describe('Examples for validation; null: 512 windows, of primes no more than an eighth of the pairs.'),
}

const digits = wholeNumber(1, 7)
const symbols = wholeNumber(2, 26)

function sectionOf<Name extends LanguageName, Options extends z.ZodRawShape>(name: Name, options: Options) {
  return z.strictObject({
    language: z.literal(name).describe('Which language.'),
    ...counts,
    ...options,
  })
}

/** One schema a language: their options differ. */
export const synthSchemas = {
  primes: sectionOf('primes', {
    min_digits: digits.default(2).describe('Digits of the smallest primes.'),
    max_digits: digits.default(3).describe('Digits of the largest primes, and width to which all are padded with 0.'),
  }),
  circuits: sectionOf('circuits', {
    bits: wholeNumber(2, 128).default(30).describe('Bits of x, and of y = A x.'),
    nonzeros: wholeNumber(2, 2 ** 14)
      .nullable()
      .default(null)
      .describe('Ones in the matrix A: at least one a row; null: two a row.'),
    order: oneOf(['xy', 'yx']).default('xy').describe('Which half of an example comes first.'),
  }),
  copy: sectionOf('copy', {
    symbols: symbols.default(10).describe('Letters to choose from.'),
    length: wholeNumber(2, 4096).default(8).describe('Letters of x; an example is x twice.'),
  }),
  reversible: sectionOf('reversible', {
    symbols: symbols.default(12).describe('States of the chain.'),
    length: wholeNumber(3, 8192).default(14).describe('States in an example.'),
  }),
} satisfies Record<LanguageName, z.ZodObject>

export const synthSchema = z
  .discriminatedUnion(
    'language',
    [synthSchemas.primes, synthSchemas.circuits, synthSchemas.copy, synthSchemas.reversible],
    {
      error: (issue) =>
        issue.code === 'invalid_union' ? quoted(languageNames) : 'an object { "language": ..., ... } with its options',
    },
  )
  .optional()
  .describe('A synthetic language: the data is made from it where it is absent (docs/synth.md).')

export type SynthInput = z.input<(typeof synthSchemas)[LanguageName]>
export type SynthSection = z.output<(typeof synthSchemas)[LanguageName]>
/** The section of one language. */
export type SectionOf<Name extends LanguageName> = z.output<(typeof synthSchemas)[Name]>
