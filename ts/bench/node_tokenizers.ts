/**
 * A process that measures Node's tokenizers, where they are installed; bench/peers/tokenizers_bench.py does Python's, by the
 * same lines of JSON. The texts are in memory; one thread, which is all that these packages use.
 */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { watchMemory } from './peak_memory.js'
import { digestOfIds } from './token_ids.js'

interface Request {
  repeats: number
  /** Folder with tokenizer.json. */
  tokenizer: string
  files: string[]
  libraries: string[]
}
type Encode = (text: string) => ArrayLike<number> | Promise<ArrayLike<number>>

const say = (fields: object) => process.stdout.write(`${JSON.stringify(fields)}\n`)
const require = createRequire(import.meta.url)

/** Packages by name: each makes a function that encodes from a tokenizer.json. */
const makers: Record<string, (file: string) => Promise<Encode>> = {
  async tokenizers(file) {
    const { Tokenizer } = await import('tokenizers')
    const tokenizer = Tokenizer.fromFile(file)
    return async (text) => (await tokenizer.encode(text, null, { addSpecialTokens: false })).getIds()
  },
  async kitoken(file) {
    const { Kitoken } = await import('kitoken/node')
    const tokenizer = new Kitoken(readFileSync(file))
    return (text) => tokenizer.encode(text, true)
  },
}

async function measure(name: string, { repeats, tokenizer, files }: Request): Promise<void> {
  // Not by its exports, which need not name it.
  const manifest = require.resolve
    .paths(name)
    ?.map((folder) => join(folder, name, 'package.json'))
    .find(existsSync)
  if (manifest === undefined) {
    say({ absent: `Node's ${name}`, why: 'it is not installed' })
    return
  }
  const { version } = JSON.parse(readFileSync(manifest, 'utf8'))
  const by = `${name} ${version} (node)`
  try {
    const encode = await (makers[name] as (file: string) => Promise<Encode>)(join(tokenizer, 'tokenizer.json'))
    const texts = files.map((file) => readFileSync(file, 'utf8'))
    const samples: number[] = []
    let lists: ArrayLike<number>[] = []
    const memory = watchMemory()
    for (let repeat = 0; repeat < repeats; repeat++) {
      const started = performance.now()
      lists = []
      for (const text of texts) lists.push(await encode(text))
      samples.push((performance.now() - started) / 1000)
    }
    say({ by, work: 'encode', threads: 1, samples, peak_memory: memory(), ...digestOfIds(lists) })
  } catch (error) {
    say({ failed: true, by, why: String((error as Error)?.message ?? error).split('\n')[0], work: 'encode' })
  }
}

const request: Request = JSON.parse(readFileSync(0, 'utf8'))
for (const name of request.libraries) await measure(name, request)
