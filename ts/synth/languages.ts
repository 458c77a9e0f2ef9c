/** The languages by name, and how many examples of one are made. No file is looked at. */
import type { SynthSection } from '../config/synth.js'
import { AotError } from '../errors.js'
import { circuitsLanguage } from './circuits.js'
import { copyLanguage } from './copy.js'
import { type Counts, counted, grouped, type Language } from './language.js'
import { primesLanguage } from './primes.js'
import { reversibleLanguage } from './reversible.js'

/** @throws AotError AOT_CONFIG for options that make no language. */
export function languageOf(section: SynthSection): Language {
  switch (section.language) {
    case 'primes':
      return primesLanguage(section)
    case 'circuits':
      return circuitsLanguage(section)
    case 'copy':
      return copyLanguage(section)
    default:
      return reversibleLanguage(section)
  }
}

const trainByDefault = 100_000
const validWindowsByDefault = 512

/**
 * Examples for training and validation where `perWindow` of them make a window: those of the section, or else the default.
 * @throws AotError AOT_CONFIG when they do not fill whole windows, or the language has not so many.
 */
export function countsOf(section: SynthSection, language: Language, perWindow: number): Counts {
  const { available } = language
  const whole = (count: number) => Math.floor(count / perWindow) * perWindow
  const most = available ?? Number.MAX_SAFE_INTEGER
  const valid = section.valid ?? whole(Math.min(validWindowsByDefault * perWindow, most / 8))
  const train = section.train ?? Math.max(0, whole(Math.min(trainByDefault, most - valid)))
  for (const [key, count] of Object.entries({ train, valid })) {
    if (count % perWindow === 0) continue
    throw new AotError(
      'AOT_CONFIG',
      `${key}: ${count} examples do not fill whole windows of ${perWindow} (model_params.attn_length over ${language.exampleLength} tokens of an example): make it a multiple of ${perWindow}`,
    )
  }
  if (train === 0 || valid === 0 || train + valid > most) {
    throw new AotError(
      'AOT_CONFIG',
      `${section.language} with these options can give ${counted(most, 'example')}, too few for ${grouped(train)} to train on and ${grouped(valid)} to validate on in windows of ${perWindow}: lower train or valid, or make the language larger`,
    )
  }
  return { train, valid }
}
