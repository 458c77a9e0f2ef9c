/** Values of the command line that replace those of the file: `--set key=value`. */
import { AotError } from '../errors.js'
import { isObject, type JsonObject } from './jsonc.js'
import { findKey, sections } from './keys.js'

export interface Override {
  section: string
  name: string
  value: unknown
  /** How the command line names it, for messages: '--set batch_size=x'. */
  origin: string
}

/**
 * Reads `key=value`; the key is dotted (training_params.batch_size) or bare (batch_size). The value is JSON when it
 * parses as JSON and the key may hold that, otherwise text.
 * @throws AotError AOT_CONFIG for an unknown key or a missing `=`.
 */
export function parseOverride(text: string): Override {
  const equals = text.indexOf('=')
  const path = (equals < 0 ? text : text.slice(0, equals)).trim()
  const origin = `--set ${text}`
  if (equals < 0 || path === '') {
    throw new AotError('AOT_CONFIG', `${origin}: must be key=value, for example --set batch_size=4`)
  }
  if (sections.includes(path)) {
    throw new AotError('AOT_CONFIG', `${origin}: ${path} is a section; name one of its keys, as ${path}.key=value`)
  }
  const key = findKey(path)
  if ('nearest' in key) {
    throw new AotError('AOT_CONFIG', `${origin}: unknown key ${path}; did you mean ${key.nearest}?`)
  }
  const value = text.slice(equals + 1)
  let json: unknown
  try {
    json = JSON.parse(value)
  } catch {
    return { section: key.section, name: key.name, value, origin }
  }
  // A name may look like a number: --set save_loc=2024.
  const isText = !key.schema.safeParse(json).success && key.schema.safeParse(value).success
  return { section: key.section, name: key.name, value: isText ? value : json, origin }
}

/** The config with the overrides in place; of two for one key the last counts. */
export function applyOverrides(config: JsonObject, overrides: readonly Override[]): JsonObject {
  const result: JsonObject = { ...config }
  for (const { section, name, value } of overrides) {
    if (section === '') result[name] = value
    else if (result[section] === undefined) result[section] = { [name]: value }
    // A section that is no object stays: the schema tells.
    else if (isObject(result[section])) result[section] = { ...result[section], [name]: value }
  }
  return result
}
