/** What a token file or a tokenizer's folder holds. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { AotError } from '../errors.js'
import { formatBytes, formatNumberOf, formatWhole } from '../logging/amounts.js'
import { Progress } from '../logging/progress.js'
import { native } from '../native.js'
import { systemReason } from './corpus.js'
import { loadTokenizer } from './tokenizers.js'

const blockTokens = 1 << 22

export interface InspectOptions {
  /** Folder of the tokenizer that turns the first tokens into text. */
  tokenizer?: string | undefined
  /** How many tokens are shown. */
  count: number
  signal?: AbortSignal | undefined
}

/** Lines on a token file: count, type, smallest and largest id, the first `count` tokens, decoded when it can be. */
export async function inspectTokens(file: string, options: InspectOptions): Promise<string[]> {
  const tokenizer = options.tokenizer === undefined ? undefined : loadTokenizer(options.tokenizer)
  const store = native.TokenStore.open(file)
  const progress = new Progress({ label: 'reading', unit: 'token' })
  try {
    let least = Number.POSITIVE_INFINITY
    let most = Number.NEGATIVE_INFINITY
    for (let offset = 0; offset < store.length; offset += blockTokens) {
      for (const id of store.read(offset, Math.min(blockTokens, store.length - offset))) {
        if (id < least) least = id
        if (id > most) most = id
      }
      progress.update(Math.min(offset + blockTokens, store.length), store.length)
      await new Promise(setImmediate)
      options.signal?.throwIfAborted()
    }
    progress.end(false)
    const first = store.read(0, Math.min(options.count, store.length))
    const lines = [
      `tokens     ${formatWhole(store.length)}, ${store.dtype}, ${formatBytes(statSync(file).size)} in the file`,
      store.length > 0 ? `ids        ${least} to ${most}` : 'ids        none',
      `first      ${first.join(' ')}`,
    ]
    if (tokenizer) {
      if (most >= tokenizer.vocabSize) {
        throw new AotError(
          'AOT_DATA',
          `${file} holds the id ${most}, the tokenizer ${options.tokenizer} has ${tokenizer.vocabSize} tokens: name the tokenizer it was made with`,
        )
      }
      lines.push(`as text    ${JSON.stringify(tokenizer.decode(first))}`)
    }
    return lines
  } finally {
    progress.end(false)
    store.close()
  }
}

/** Lines on a tokenizer: size of the vocabulary, its first and last `count` merges or characters. */
export function inspectTokenizer(folder: string, count: number): string[] {
  const tokenizer = loadTokenizer(folder)
  const shown = (list: readonly string[]) => [
    ...(list.length > 0 ? [`first      ${list.slice(0, count).join('  ')}`] : []),
    ...(list.length > count ? [`last       ${list.slice(Math.max(count, list.length - count)).join('  ')}`] : []),
  ]
  if (tokenizer.kind === 'char') {
    const special = new Map(tokenizer.specialTokens.map(({ token, id }) => [id, token]))
    const characters = Array.from({ length: tokenizer.vocabSize }, (_, id) => id)
      .filter((id) => !special.has(id))
      .map((id) => JSON.stringify(tokenizer.idToToken(id)))
    return [
      `vocabulary ${formatWhole(tokenizer.vocabSize)} tokens, ${formatNumberOf(characters.length, 'character')}`,
      ...[...special].map(([id, token]) => `added      ${token} = ${id}`),
      ...shown(characters),
    ]
  }
  const json = JSON.parse(readFileSync(join(folder, 'tokenizer.json'), 'utf8')) as {
    model: { merges: (string | [string, string])[] }
    added_tokens?: { id: number; content: string }[]
  }
  const merges = json.model.merges.map((merge) => (typeof merge === 'string' ? merge : merge.join(' ')))
  const lines = [`vocabulary ${formatWhole(tokenizer.vocabSize)} tokens, ${formatWhole(merges.length)} merges`]
  for (const { id, content } of json.added_tokens ?? []) lines.push(`added      ${content} = ${id}`)
  return [...lines, ...shown(merges.map((merge) => merge.replace(' ', '+')))]
}

/** Either of the two, by what is at `path`. */
export async function inspect(path: string, options: InspectOptions): Promise<string[]> {
  let isFolder: boolean
  try {
    isFolder = statSync(path).isDirectory()
  } catch (error) {
    throw new AotError('AOT_IO', `cannot read ${path}: ${systemReason(error)}; check the path`)
  }
  if (!isFolder) return inspectTokens(path, options)
  if (existsSync(join(path, 'tokenizer.json'))) return inspectTokenizer(path, Math.min(options.count, 12))
  throw new AotError('AOT_DATA', `${path} holds no tokenizer.json: name a tokenizer's folder, or a token file (.h5)`)
}
