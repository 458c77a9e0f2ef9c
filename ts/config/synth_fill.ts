/** What a config with a section `synth` need not say: the language decides it. What it says all the same must agree. */
import { join } from 'node:path'
import { AotError } from '../errors.js'
import type { Language } from '../synth/language.js'
import { countsOf, languageOf } from '../synth/languages.js'
import { synthDigest, tokenizerName } from '../synth/record.js'
import { isObject, type JsonObject } from './jsonc.js'
import { applyOverrides } from './overrides.js'
import { type Problem, show } from './problems.js'
import type { SynthSection } from './synth.js'

interface Decided {
  section: string
  name: string
  value: unknown
  /** Why it is so. */
  because: string
}

/**
 * The config with the missing keys filled in, and with the counts of the section. `problems` gets what contradicts the
 * language; values of a wrong kind are left to the schema.
 */
export function fillFromSynth(values: JsonObject, section: SynthSection, problems: Problem[]): JsonObject {
  const given = (name: string, key: string) => {
    const keys = name === '' ? values : values[name]
    return isObject(keys) ? keys[key] : undefined
  }
  try {
    const language = languageOf(section)
    const attnLength = given('model_params', 'attn_length') ?? language.exampleLength
    if (!isCount(attnLength)) return values
    const perWindow = attnLength / language.exampleLength
    if (!Number.isInteger(perWindow)) {
      const message = `${attnLength}, but a window holds whole examples, and one of ${section.language} has ${language.exampleLength} tokens: take it out, or make it a multiple of ${language.exampleLength}`
      problems.push({ path: ['model_params', 'attn_length'], message })
      return values
    }
    const synth = { ...section, ...countsOf(section, language, perWindow) }
    const decided = [
      ...dataKeys(synth, language, attnLength, given('training_params', 'dataset_folder')),
      ...validationKeys(synth.valid / perWindow, (key) => given('training_params', key), problems),
    ]
    const missing = decided.filter(({ section, name, value, because }) => {
      const there = given(section, name)
      if (name === 'tokenizer_path' ? there === undefined : there === undefined || there === null) return true
      if (there !== value && there !== null) {
        const path = section === '' ? [name] : [section, name]
        const message = `${show(there)}, but ${because}: take it out, or make it ${show(value)}`
        problems.push({ path, message })
      }
      return false
    })
    const filled = missing.map(({ section, name, value }) => ({ section, name, value, origin: 'synth' }))
    return applyOverrides({ ...values, synth }, filled)
  } catch (error) {
    if (!(error instanceof AotError)) throw error
    problems.push({ path: ['synth'], message: error.message })
    return values
  }
}

function dataKeys(
  synth: SynthSection & { train: number; valid: number },
  { characters }: Language,
  attnLength: number,
  givenFolder: unknown,
): Decided[] {
  const folder = givenFolder ?? join('synth', `${synth.language}-${synthDigest(synth, attnLength)}`)
  const ids = characters.length + 1
  const training = (name: string, value: unknown, because: string) => ({
    section: 'training_params',
    name,
    value,
    because,
  })
  return [
    { section: '', name: 'split', value: 'contiguous', because: 'the examples for validation are the last ones' },
    {
      section: 'model_params',
      name: 'vocab_size',
      value: ids,
      because: `${synth.language} has ${ids - 1} characters beside <|endoftext|>`,
    },
    { section: 'model_params', name: 'attn_length', value: attnLength, because: '' },
    training('dataset_folder', folder, ''),
    training('stride', attnLength, 'windows hold whole examples'),
    ...(typeof folder === 'string'
      ? [training('tokenizer_path', join(folder, tokenizerName), 'the data has its own tokenizer')]
      : []),
  ]
}

/** valid_steps batches of val_batch_size windows are all windows for validation. */
function validationKeys(windows: number, given: (key: string) => unknown, problems: Problem[]): Decided[] {
  const [steps, size, batch] = [given('valid_steps'), given('val_batch_size'), given('batch_size')]
  const because = `synth makes ${windows} windows for validation`
  const key = (name: string, value: number) => ({ section: 'training_params', name, value, because })
  const [name, of] = isCount(steps) ? (['valid_steps', steps] as const) : (['val_batch_size', size] as const)
  if (isCount(of)) {
    const other = name === 'valid_steps' ? 'val_batch_size' : 'valid_steps'
    if (windows % of === 0) return [key(other, windows / of)]
    const message = `${of}, but ${because}, of which it is no divisor: take it out, or make it one`
    problems.push({ path: ['training_params', name], message })
    return []
  }
  if (!isCount(batch)) return []
  let largest = Math.min(batch, windows)
  while (windows % largest !== 0) largest--
  return [key('valid_steps', windows / largest), key('val_batch_size', largest)]
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1
}
