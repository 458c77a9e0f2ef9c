/** The keys of a config, read off the schema. */
import type { z } from 'zod'
import { olderNames } from './legacy.js'
import { nearest } from './nearest.js'
import { configSchema } from './schema.js'

export interface ConfigKey {
  /** '' for the top level. */
  section: string
  name: string
  schema: z.ZodType
}

const shape: Record<string, z.ZodType> = configSchema.shape

function sectionShape(schema: z.ZodType): Record<string, z.ZodType> | undefined {
  return (schema as Partial<z.ZodObject>).shape as Record<string, z.ZodType> | undefined
}

/** Names of the sections: model_params, ... */
export const sections: readonly string[] = Object.keys(shape).filter((name) => sectionShape(shape[name] as z.ZodType))

/** Every key that holds a value, in the order of the schema. */
export const configKeys: readonly ConfigKey[] = Object.entries(shape).flatMap(([name, schema]) => {
  const inner = sectionShape(schema)
  if (inner === undefined) return [{ section: '', name, schema }]
  return Object.entries(inner).map(([key, keySchema]) => ({ section: name, name: key, schema: keySchema }))
})

export function fullName(key: { section: string; name: string }): string {
  return key.section === '' ? key.name : `${key.section}.${key.name}`
}

/** What to say of a key that the schema does not have in that section ('' for the top level). */
export function unknownKey(section: string, name: string): string {
  const elsewhere = configKeys.find((key) => key.name === name)
  if (elsewhere !== undefined) {
    return `does not belong here; it belongs ${elsewhere.section === '' ? 'to the top level' : `in ${elsewhere.section}`}`
  }
  const known = configKeys.filter((key) => key.section === section).map((key) => key.name)
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
