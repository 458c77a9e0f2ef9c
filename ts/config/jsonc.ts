/** JSON as people write it in config files: comments and trailing commas are allowed. */
import { type Node, type ParseError, ParseErrorCode, parseTree } from 'jsonc-parser'
import { AotError } from '../errors.js'

export type JsonObject = { [key: string]: unknown }

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const errorText: Partial<Record<ParseErrorCode, string>> = {
  [ParseErrorCode.InvalidSymbol]: 'an unknown word (a text needs double quotes)',
  [ParseErrorCode.InvalidNumberFormat]: 'not a number that JSON knows',
  [ParseErrorCode.PropertyNameExpected]: 'a key in double quotes is expected',
  [ParseErrorCode.ValueExpected]: 'a value is expected',
  [ParseErrorCode.ColonExpected]: 'a colon is expected',
  [ParseErrorCode.CommaExpected]: 'a comma is expected',
  [ParseErrorCode.CloseBraceExpected]: 'a closing brace } is expected',
  [ParseErrorCode.CloseBracketExpected]: 'a closing bracket ] is expected',
  [ParseErrorCode.EndOfFileExpected]: 'nothing more is expected after the end of the config',
  [ParseErrorCode.UnexpectedEndOfComment]: 'a comment without end',
  [ParseErrorCode.UnexpectedEndOfString]: 'a text without closing quotes',
  [ParseErrorCode.UnexpectedEndOfNumber]: 'a number without end',
}

/** "line:column", both from 1. */
function position(text: string, offset: number): string {
  const before = text.slice(0, offset).split('\n')
  return `${before.length}:${(before.at(-1) as string).length + 1}`
}

/**
 * The value of a JSON text; `notes` gets a line for each key that stands twice in one object (the last counts).
 * @throws AotError AOT_CONFIG `<name>:<line>:<column>: ...` when the text is not JSON.
 */
export function parseJsonc(text: string, name: string, notes: string[]): unknown {
  const source = text.startsWith('\uFEFF') ? text.slice(1) : text
  if (source.trim() === '') throw new AotError('AOT_CONFIG', `${name}: the file is empty; a config is expected`)
  const errors: ParseError[] = []
  try {
    const tree = parseTree(source, errors, { allowTrailingComma: true, disallowComments: false })
    const first = errors[0]
    if (first !== undefined || tree === undefined) {
      const what = (first && errorText[first.error]) ?? 'a character that JSON does not allow'
      throw new AotError('AOT_CONFIG', `${name}:${position(source, first?.offset ?? 0)}: ${what}`)
    }
    return toValue(tree, (twice) => {
      notes.push(
        `line ${position(source, twice.offset).split(':')[0]}: "${twice.value}" is given twice; the last counts`,
      )
    })
  } catch (error) {
    if (error instanceof RangeError) throw new AotError('AOT_CONFIG', `${name}: nested too deeply for a config`)
    throw error
  }
}

function toValue(node: Node, onTwice: (key: Node) => void): unknown {
  if (node.type === 'array') return (node.children ?? []).map((child) => toValue(child, onTwice))
  if (node.type !== 'object') return node.value
  const entries = new Map<string, unknown>()
  for (const property of node.children ?? []) {
    const [key, value] = property.children as [Node, Node]
    if (entries.has(key.value)) onTwice(key)
    entries.set(key.value, toValue(value, onTwice))
  }
  return Object.fromEntries(entries)
}
