/** What is wrong with a config: one line for each thing, all of them in one error. */
import { AotError } from '../errors.js'

export interface Problem {
  /** Keys from the top of the config: ['model_params', 'n_heads']; empty for the whole of it. */
  path: readonly (string | number)[]
  /** What is wrong and what to do, as the end of a sentence. */
  message: string
}

/** model_params.n_heads, training_params.permutation[3]; a key that is no plain word stands in quotes. */
export function pathName(path: Problem['path']): string {
  const word = (key: string) => (/^[\w$-]+$/.test(key) ? key : JSON.stringify(key))
  return path.reduce<string>((name, key) => {
    if (typeof key === 'number') return `${name}[${key}]`
    return name === '' ? word(key) : `${name}.${word(key)}`
  }, '')
}

/** A value as a message shows it: JSON on one line, cut when long. */
export function show(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value))
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

/** The first problem is the message, the others follow under `--verbose`, in the stack. */
export class ConfigError extends AotError {
  /** @param lines all problems, one line each, with their place. */
  constructor(readonly lines: readonly string[]) {
    const more = lines.length - 1
    super('AOT_CONFIG', `${lines[0]}${more > 0 ? ` (and ${more} more; --verbose lists them)` : ''}`)
    if (more > 0) this.stack = `${lines.join('\n')}\n${this.stack}`
  }
}
