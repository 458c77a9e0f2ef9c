/** The keys of a config, read off the schema. */
import { z } from 'zod'
import { olderNames } from './legacy.js'
import { nearest } from './nearest.js'
import { configSchemas, type Model, models } from './schema.js'

export interface ConfigKey {
  /** '' for the top level. */
  section: string
  name: string
  schema: z.ZodType
}

const shapeOf = (model: Model): Record<string, z.ZodType> => configSchemas[model].shape

/** The keys of a section; of one that takes several forms, those of all, a key of several as the first has it. */
function sectionShape(schema: z.ZodType): Record<string, z.ZodType> | undefined {
  if (schema instanceof z.ZodOptional) return sectionShape(schema.unwrap() as z.ZodType)
  if (schema instanceof z.ZodDiscriminatedUnion) {
    const keys: Record<string, z.ZodType> = {}
    for (const form of schema.options) {
      for (const [name, key] of Object.entries(sectionShape(form as z.ZodType) ?? {})) keys[name] ??= key
    }
    return keys
  }
  return (schema as Partial<z.ZodObject>).shape as Record<string, z.ZodType> | undefined
}

/** Names of the sections: model_params, ... */
export const sections: readonly string[] = Object.entries(shapeOf('gpt')).flatMap(([name, schema]) =>
  sectionShape(schema) ? [name] : [],
)

/** Every key that holds a value in a config of that model, in the order of the schema. */
export function keysOf(model: Model): ConfigKey[] {
  return Object.entries(shapeOf(model)).flatMap(([name, schema]) => {
    const inner = sectionShape(schema)
    if (inner === undefined) return [{ section: '', name, schema }]
    return Object.entries(inner).map(([key, keySchema]) => ({ section: name, name: key, schema: keySchema }))
  })
}

/** Those of every model; a key of several models as the first of them has it. */
export const configKeys: readonly ConfigKey[] = models
  .flatMap(keysOf)
  .filter((key, at, all) => all.findIndex((one) => fullName(one) === fullName(key)) === at)

export function fullName(key: { section: string; name: string }): string {
  return key.section === '' ? key.name : `${key.section}.${key.name}`
}

const list = (names: readonly string[], type: 'conjunction' | 'disjunction' = 'conjunction') =>
  new Intl.ListFormat('en-GB', { type }).format(names)

/** Those of `names` that other models have in model_params, but not this one. */
export function keysOfOthers(model: Model, names: readonly string[]): string[] {
  const has = (one: Model, name: string) =>
    keysOf(one).some((key) => key.section === 'model_params' && key.name === name)
  return names.filter((name) => !has(model, name) && models.some((other) => has(other, name)))
}

/** What to say of such keys. */
export function notOfModel(model: Model, names: readonly string[]): string {
  const own = keysOf(model).flatMap(({ section, name }) => (section === 'model_params' ? [name] : []))
  const them = names.length === 1 ? 'it' : 'them'
  return `${model} has no ${list(names, 'disjunction')}: take ${them} out; its keys are ${list(own)}`
}

/** What to say of a key that a config of that model does not have in that section ('' for the top level). */
export function unknownKey(model: Model, section: string, name: string): string {
  const keys = keysOf(model)
  const elsewhere = keys.find((key) => key.name === name)
  if (elsewhere !== undefined) {
    return `does not belong here; it belongs ${elsewhere.section === '' ? 'to the top level' : `in ${elsewhere.section}`}`
  }
  const known = keys.filter((key) => key.section === section).map((key) => key.name)
  return `unknown key; did you mean ${nearest(name, section === '' ? [...known, ...sections] : known)}?`
}

/** The key of a dotted path or of a bare name, older names included; otherwise the full name nearest to it. */
export function findKey(path: string): ConfigKey | { nearest: string } {
  const current = olderNames.find(({ section, older }) => path === older || path === `${section}.${older}`)
  const wanted = current === undefined ? path : `${current.section}.${current.name}`
  const found = configKeys.find((key) => key.name === wanted || fullName(key) === wanted)
  if (found !== undefined) return found
  const misplaced = configKeys.find((key) => path.endsWith(`.${key.name}`))
  if (misplaced !== undefined) return { nearest: fullName(misplaced) }
  const names = path.includes('.') ? configKeys.map(fullName) : configKeys.map((key) => key.name)
  return { nearest: nearest(path, names) }
}
