/** From the text of a config file to a checked config with all defaults. */
import { readFileSync, statSync } from 'node:fs'
import type { z } from 'zod'
import { AotError } from '../errors.js'
import { checkConfig } from './checks.js'
import { isObject, type JsonObject, parseJsonc } from './jsonc.js'
import { keysOfOthers, notOfModel, unknownKey } from './keys.js'
import { modernize } from './legacy.js'
import { applyOverrides, type Override } from './overrides.js'
import { ConfigError, type Problem, pathName, show } from './problems.js'
import { type Config, configSchemas, type Model, models } from './schema.js'
import { synthSchema } from './synth.js'
import { fillFromSynth } from './synth_fill.js'

export interface LoadedConfig {
  config: Config
  /** Full names (training_params.batch_size) of the keys that the file or an override gives. */
  given: ReadonlySet<string>
  /** Lines for the user: what was ignored or taken in a way worth knowing. */
  notes: string[]
}

/** A config is some kilobytes; a dataset named by mistake is not read. */
const maxBytes = 16 * 1024 * 1024

/**
 * Reads and checks a config file.
 * @throws AotError AOT_IO when the file cannot be read, AOT_CONFIG when it is not a config.
 */
export function loadConfigFile(path: string, overrides: readonly Override[] = []): LoadedConfig {
  return parseConfig(readText(path), path, overrides)
}

function readText(path: string): string {
  try {
    const status = statSync(path)
    if (status.isDirectory()) throw new AotError('AOT_IO', `${path}: is a folder; a config file is expected`)
    if (!status.isFile() && !status.isFIFO()) throw new AotError('AOT_IO', `${path}: is not a file`)
    if (status.size > maxBytes) throw new AotError('AOT_CONFIG', `${path}: too large for a config (over 16 MiB)`)
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof AotError) throw error
    const { code, message } = error as NodeJS.ErrnoException
    const reasons: Record<string, string> = {
      ENOENT: 'no such file',
      ENOTDIR: 'no such file',
      EACCES: 'may not be read',
    }
    throw new AotError('AOT_IO', `${path}: ${reasons[code ?? ''] ?? message}`)
  }
}

/**
 * Checks the text of a config; `name` stands for it in messages.
 * @throws ConfigError with every problem found, each with its place.
 */
export function parseConfig(text: string, name: string, overrides: readonly Override[] = []): LoadedConfig {
  const notes: string[] = []
  const problems: Problem[] = []
  const raw = parseJsonc(text, name, notes)
  if (!isObject(raw)) throw new AotError('AOT_CONFIG', `${name}: must be an object { ... }, not ${show(raw)}`)
  const given = applyOverrides(modernize(raw, notes, problems), overrides)

  const errorOf = (found: readonly Problem[]) =>
    new ConfigError(found.map((problem) => describe(problem, name, overrides)))
  if (given.model === undefined && isForRnn(raw)) {
    const message =
      'this config, with desired_attn_length and no n_heads, is for a GRU or LSTM: say which, by --model gru or --model lstm'
    throw errorOf([{ path: ['model'], message }])
  }
  const model = models.find((one) => one === given.model) ?? models[0]
  const synth = synthSchema.safeParse(given.synth)
  if (!synth.success) throw errorOf(synth.error.issues.flatMap((issue) => toProblems(inSynth(issue), given, model)))
  const values = synth.data === undefined ? given : fillFromSynth(given, synth.data, problems)
  // What is not filled in for them is not missing.
  if (synth.data !== undefined && problems.length > 0) throw errorOf(problems)
  const parsed = configSchemas[model].safeParse(values)
  if (!parsed.success) {
    const found = parsed.error.issues.flatMap((issue) => toProblems(issue, values, model))
    // A misspelt key is missing under its right name too: what is there says more than what is not.
    throw errorOf([...found.filter(({ unknown }) => unknown), ...problems, ...found.filter(({ unknown }) => !unknown)])
  }
  const config = parsed.data
  problems.push(...checkConfig(config))
  if (problems.length > 0) throw errorOf(problems)
  return { config, given: givenKeys(given), notes }
}

/** A problem of the section alone as one of the config. */
function inSynth<Issue extends z.core.$ZodIssue>(issue: Issue): Issue {
  return { ...issue, path: ['synth', ...issue.path] }
}

/** The original told its models apart by the script that was started; the files differ in these keys. */
function isForRnn({ model_params: shape }: JsonObject): boolean {
  return isObject(shape) && Object.hasOwn(shape, 'desired_attn_length') && !Object.hasOwn(shape, 'n_heads')
}

function describe({ path, message }: Problem, name: string, overrides: readonly Override[]): string {
  const isAt = (one: Override) =>
    one.section === '' ? path[0] === one.name : path[0] === one.section && path[1] === one.name
  const override = overrides.filter(isAt).at(-1)
  if (override !== undefined) return `${override.origin}: ${message}`
  return path.length === 0 ? `${name}: ${message}` : `${name}: ${pathName(path)}: ${message}`
}

function toProblems(issue: z.core.$ZodIssue, values: JsonObject, model: Model): (Problem & { unknown: boolean })[] {
  const path = issue.path as (string | number)[]
  if (issue.code === 'unrecognized_keys') {
    const section = pathName(path)
    // One thing to mend, and so one problem: a config that was written for another model.
    const [other, ...others] = section === 'model_params' ? keysOfOthers(model, issue.keys) : []
    const unknown = issue.keys.filter((key) => key !== other && !others.includes(key))
    return [
      ...(other === undefined ? [] : [{ name: other, message: notOfModel(model, [other, ...others]) }]),
      ...unknown.map((name) => ({ name, message: unknownKey(model, section, name) })),
    ].map(({ name, message }) => ({ path: [...path, name], message, unknown: true }))
  }
  const value = path.reduce<unknown>((at, key) => (at as Record<string | number, unknown> | undefined)?.[key], values)
  const message =
    value === undefined ? `missing; must be ${issue.message}` : `must be ${issue.message}, not ${show(value)}`
  return [{ path, message, unknown: false }]
}

function givenKeys(values: JsonObject): Set<string> {
  return new Set(
    Object.entries(values).flatMap(([name, value]) =>
      isObject(value) ? Object.keys(value).map((key) => `${name}.${key}`) : [name],
    ),
  )
}
