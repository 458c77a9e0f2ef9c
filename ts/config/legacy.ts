/** Older names of keys: config files of the original's earlier versions run as they are. */
import { isObject, type JsonObject } from './jsonc.js'
import { type Problem, show } from './problems.js'

interface OlderName {
  section: string
  older: string
  name: string
  /** What two values that differ mean: the current name wins, or the config contradicts itself. */
  whenBoth: 'current wins' | 'error'
}

export const olderNames: readonly OlderName[] = [
  { section: 'training_params', older: 'state_save_loc', name: 'save_loc', whenBoth: 'current wins' },
  { section: 'model_params', older: 'desired_attn_length', name: 'attn_length', whenBoth: 'error' },
]

/** Keys of the older schedule for which the original's files may hold null, which means as much as leaving them out. */
const nullable = { section: 'optim_params', names: ['lr_shrink', 'lr_init', 'lr_min'] }

/** The config as today's files are written: current names, nothing that says nothing. */
export function modernize(config: JsonObject, notes: string[], problems: Problem[]): JsonObject {
  const renamed = renameOlderKeys(config, notes, problems)
  const values = renamed[nullable.section]
  if (!isObject(values)) return renamed
  const kept = Object.entries(values).filter(([name, value]) => value !== null || !nullable.names.includes(name))
  return { ...renamed, [nullable.section]: Object.fromEntries(kept) }
}

/** The config with current names; `notes` and `problems` get what is worth telling. */
export function renameOlderKeys(config: JsonObject, notes: string[], problems: Problem[]): JsonObject {
  const renamed = { ...config }
  for (const { section, older, name, whenBoth } of olderNames) {
    const values = renamed[section]
    if (!isObject(values) || !Object.hasOwn(values, older)) continue
    const { [older]: olderValue, ...others } = values
    renamed[section] = Object.hasOwn(values, name) ? others : { ...others, [name]: olderValue }
    if (!Object.hasOwn(values, name) || values[name] === olderValue) continue
    if (whenBoth === 'current wins') notes.push(`${section}.${older} is ignored: ${name} is given too`)
    else {
      problems.push({
        path: [section, older],
        message: `${show(olderValue)}, but ${name}, which means the same, is ${show(values[name])}; keep one of them`,
      })
    }
  }
  return renamed
}
