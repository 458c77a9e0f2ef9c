/** `--grid key=a,b`: every combination of the values is a cell, a comparison of its own. */
import { type Override, parseOverride } from '../config/overrides.js'
import { AotError } from '../errors.js'

export interface Cell {
  /** `attn_length=16,model=gru`; '' where there is no grid. */
  name: string
  values: Record<string, string | number | boolean | null>
  overrides: Override[]
}

const mostCells = 10_000

/** @throws AotError AOT_CONFIG for a key that is unknown or given twice, and for values that are missing or repeated. */
export function parseGrid(texts: readonly string[]): Cell[] {
  let cells: Cell[] = [{ name: '', values: {}, overrides: [] }]
  const seen = new Set<string>()
  for (const text of texts) {
    const options = axisOf(text)
    const [{ section, name: key }] = options as [Override]
    if (seen.has(`${section}.${key}`)) throw gridError(text, `${key} has a --grid already: give all its values in one`)
    seen.add(`${section}.${key}`)
    if (cells.length * options.length > mostCells) throw gridError(text, `the grid has more than ${mostCells} cells`)
    cells = cells.flatMap((cell) => options.map((option) => extended(cell, option)))
  }
  return cells
}

function gridError(text: string, what: string): AotError {
  return new AotError('AOT_CONFIG', `--grid ${text}: ${what}`)
}

function axisOf(text: string): Override[] {
  const equals = text.indexOf('=')
  if (equals < 1) throw gridError(text, 'must be key=value,value, for example --grid attn_length=16,32')
  const key = text.slice(0, equals)
  const values = text.slice(equals + 1).split(',')
  return values.map((value, index) => {
    if (value.trim() === '') throw gridError(text, 'a value is empty')
    if (values.indexOf(value) < index) throw gridError(text, `${value} is there twice`)
    try {
      const option = parseOverride(`${key}=${value}`)
      if (typeof option.value === 'object' && option.value !== null)
        throw gridError(text, `${value} is no single value`)
      return { ...option, origin: `--grid ${key}=${value}` }
    } catch (error) {
      throw error instanceof AotError ? new AotError(error.code, error.message.replace(/^--set /, '--grid ')) : error
    }
  })
}

function extended({ name, values, overrides }: Cell, option: Override): Cell {
  const value = option.value as string | number | boolean | null
  const part = `${option.name}=${value}`
  return {
    name: name === '' ? part : `${name},${part}`,
    values: { ...values, [option.name]: value },
    overrides: [...overrides, option],
  }
}
