/** A control: letters without rule, twice. Backwards it is the same language: no arrow. */
import type { SectionOf } from '../config/synth.js'
import { counted, type Language, letters } from './language.js'
import { Random } from './random.js'

export function copyLanguage({ seed, symbols, length }: SectionOf<'copy'>): Language {
  return {
    characters: letters(symbols),
    exampleLength: 2 * length,
    available: null,
    floor: Math.log(symbols) / 2,
    facts: ({ train, valid }) => [
      `${counted(length, 'letter')} out of ${symbols}, twice`,
      `${counted(train, 'example')} for training, ${counted(valid, 'example')} for validation`,
    ],
    start(part) {
      const random = new Random(seed, part)
      return (ids) => {
        for (let i = 0; i < length; i++) ids[i] = random.below(symbols) + 1
        ids.copyWithin(length, 0, length)
      }
    },
  }
}
