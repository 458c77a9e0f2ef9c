/** The folder of a language: whole or made anew, never another's, and cut by the loader as it was meant. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { parseConfig } from '../../ts/config/load.js'
import type { Config } from '../../ts/config/schema.js'
import { type SynthInput, type SynthSection, synthSchemas } from '../../ts/config/synth.js'
import { Tokenizer } from '../../ts/index.js'
import { native } from '../../ts/native.js'
import { ensureFolder, ensureSynth, synthData } from '../../ts/synth/ensure.js'
import { readKnown } from '../../ts/synth/known.js'
import { temporaryFolder } from '../train/runs.js'

const primes = { language: 'primes', min_digits: 1, max_digits: 2, valid: 32 } as const

function dataOf(input: SynthInput, perWindow = 1) {
  return synthData(synthSchemas[input.language].parse(input) as SynthSection, perWindow)
}

function configOf(folder: string, synth: SynthInput = primes): Config {
  const config = {
    synth,
    model_params: { n_layers: 1, n_heads: 1, embed_dim: 8 },
    training_params: { dataset_folder: folder, batch_size: 8, backwards: false },
    optim_params: { lr: 0.001, warmup_steps: 1 },
  }
  return parseConfig(JSON.stringify(config), 'c.json').config
}

/** The bytes of all files but the lock, by name. */
function filesOf(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  return Object.fromEntries(
    names
      .filter((name) => name !== 'lock' && name !== 'tokenizer')
      .map((name) => [name, readFileSync(join(folder, name), 'base64')]),
  )
}

async function made(folder: string, input: SynthInput = primes, perWindow = 1): Promise<string[]> {
  const lines: string[] = []
  await ensureFolder(folder, dataOf(input, perWindow), { print: (line) => lines.push(line) })
  return lines
}

for (const perWindow of [1, 3]) {
  test(`validation is exactly the examples for it: ${perWindow} in a window`, async (t) => {
    const folder = join(temporaryFolder(t), 'data')
    const valid = perWindow * 8
    const data = dataOf({ language: 'primes', min_digits: 1, max_digits: 2, valid }, perWindow)
    await ensureFolder(folder, data)
    const { attnLength, language, section } = data
    const store = native.TokenStore.open(join(folder, 'tokens.h5'))
    const windows = { attnLength, stride: attnLength, backwards: false }
    t.is(store.windows(windows).length, (section.train + valid) / perWindow)
    const parts = { train: new Set<string>(), valid: new Set<string>() }
    for (const part of ['train', 'valid'] as const) {
      const options = { windows, part, validWindows: 8, split: 'contiguous', seed: 42, fastScrambling: false } as const
      const loader = new native.BatchLoader(store, { ...options, batchSize: 1 })
      for (let batch = 0; batch < loader.batches; batch++) {
        const { targets } = loader.next()
        for (let at = 0; at < attnLength; at += language.exampleLength) {
          parts[part].add(targets.slice(at, at + language.exampleLength).join(' '))
        }
      }
      loader.close()
      const wanted = new Set<string>()
      const next = language.start(part, section)
      const ids = new Int32Array(language.exampleLength)
      for (let i = 0; i < section[part]; i++) {
        next(ids)
        wanted.add(ids.join(' '))
      }
      t.deepEqual([...parts[part]].sort(), [...wanted].sort())
    }
    t.is(parts.train.size, section.train)
    t.is(parts.valid.size, valid)
    t.false([...parts.valid].some((example) => parts.train.has(example)))
    store.close()
  })
}

test('the tokenizer has the ids of the data', async (t) => {
  for (const language of ['primes', 'circuits', 'copy', 'reversible'] as const) {
    const folder = join(temporaryFolder(t), language)
    const data = dataOf({ language, train: 20, valid: 8 })
    await ensureFolder(folder, data)
    const tokenizer = Tokenizer.load(join(folder, 'tokenizer'))
    t.is(tokenizer.kind, 'char')
    t.is(tokenizer.vocabSize, data.language.characters.length + 1)
    const store = native.TokenStore.open(join(folder, 'tokens.h5'))
    const ids = store.read(0, 28 * data.language.exampleLength)
    const text = tokenizer.decode(ids)
    t.deepEqual(tokenizer.encode(text), ids)
    t.is(text, [...ids].map((id) => data.language.characters[id - 1]).join(''))
    t.deepEqual([...new Set(store.read(ids.length, store.length - ids.length))], [0], 'the last window is a filler')
    store.close()
  }
})

test('the same bytes again, and nothing is written where all is there', async (t) => {
  const folder = temporaryFolder(t)
  const [first, second] = [join(folder, 'first'), join(folder, 'second')] as const
  t.deepEqual(await made(first), [`making primes in ${first}`])
  await made(second)
  t.deepEqual(filesOf(first), filesOf(second))
  t.deepEqual(
    Object.keys(filesOf(first)).filter((name) => !name.startsWith('tokenizer')),
    ['synth.json', 'tokens.h5'],
  )
  t.deepEqual(await made(first), [])
})

test('data that is whole needs no lock', async (t) => {
  const folder = join(temporaryFolder(t), 'data')
  await made(folder)
  const lock = new native.FileLock(join(folder, 'lock'), { busy: 'busy' })
  const patience = AbortSignal.timeout(2000)
  const { made: again } = await ensureFolder(folder, dataOf(primes), { signal: patience })
  t.false(again)
  lock.release()
})

test('what is known of it', async (t) => {
  const folder = join(temporaryFolder(t), 'data')
  await ensureSynth(configOf(folder))
  for (const path of [folder, join(folder, 'tokens.h5')]) {
    const known = readKnown(path)
    t.is(known?.language, 'primes')
    t.is(known?.floor, Math.log(300) / 10)
    t.deepEqual(known?.facts.slice(0, 2), [
      '25 primes of 1 to 2 digits, 300 pairs p < q',
      '268 pairs for training, 32 others for validation',
    ])
  }
  t.is(readKnown(join(folder, 'nowhere')), null)
  t.is(readKnown(temporaryFolder(t)), null)
})

const damages: Record<string, (folder: string) => void> = {
  'no synth.json, other files gone too': (folder) => {
    for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true })
  },
  'tokens gone': (folder) => rmSync(join(folder, 'tokens.h5')),
  'tokens cut': (folder) => truncateSync(join(folder, 'tokens.h5'), 2500),
  'a token is another': (folder) => {
    const path = join(folder, 'tokens.h5')
    const bytes = readFileSync(path)
    bytes.writeUInt16LE(bytes.readUInt16LE(bytes.length - 100) === 3 ? 4 : 3, bytes.length - 100)
    writeFileSync(path, bytes)
  },
  'tokenizer gone': (folder) => rmSync(join(folder, 'tokenizer'), { recursive: true }),
  'tokenizer cut': (folder) => truncateSync(join(folder, 'tokenizer', 'tokenizer.json'), 100),
  'another tokenizer': (folder) => {
    const path = join(folder, 'tokenizer', 'tokenizer.json')
    writeFileSync(path, readFileSync(path, 'utf8').replace('"3": 4', '"x": 4').replace('"3":4', '"x":4'))
  },
  'begun only': (folder) => {
    const path = join(folder, 'synth.json')
    writeFileSync(path, readFileSync(path, 'utf8').replace('"whole"', '"begun"'))
  },
}

for (const [damage, make] of Object.entries(damages)) {
  test(`made anew: ${damage}`, async (t) => {
    const folder = join(temporaryFolder(t), 'data')
    await made(folder)
    const right = filesOf(folder)
    make(folder)
    t.notDeepEqual(filesOf(folder), right)
    const lines = await made(folder)
    t.is(lines.at(-1), `making primes in ${folder}`)
    t.deepEqual(filesOf(folder), right)
  })
}

test('other options, other data in its place', async (t) => {
  const folder = join(temporaryFolder(t), 'data')
  await made(folder)
  t.deepEqual(await made(folder, { language: 'copy', train: 20, valid: 8 }), [
    `${folder} holds other or damaged data of primes: it is made anew`,
    `making copy in ${folder}`,
  ])
  t.is(readKnown(folder)?.language, 'copy')
  t.deepEqual(await made(folder, { language: 'copy', train: 20, valid: 8 }), [])
})

test("what is another's stays", async (t) => {
  const folder = temporaryFolder(t)
  const taken: Record<string, string> = { 'text.h5': 'x', 'tokens.h5': 'y', 'synth.json': '{}' }
  for (const [name, text] of Object.entries(taken)) {
    const place = join(folder, name.replace('.', '-'))
    mkdirSync(place)
    writeFileSync(join(place, name), text)
    await t.throwsAsync(made(place), {
      code: 'AOT_CONFIG',
      message: `${place} holds what aot-synth did not make (${name}): name a new folder for the data, or empty this one`,
    })
    t.deepEqual(readdirSync(place), [name])
    t.is(readFileSync(join(place, name), 'utf8'), text)
  }
  const file = join(folder, 'file')
  writeFileSync(file, '')
  await t.throwsAsync(made(file), { code: 'AOT_IO', message: /^cannot make the folder .*file/ })
})

test('stopped, it leaves nothing that is taken for whole', async (t) => {
  const folder = join(temporaryFolder(t), 'data')
  const stop = new AbortController()
  const print = (line: string) => line.startsWith('making') && stop.abort()
  const error = await ensureFolder(folder, dataOf(primes), { print, signal: stop.signal }).catch((thrown) => thrown)
  t.is(error, stop.signal.reason)
  t.is(readKnown(folder), null)
  t.false(existsSync(join(folder, 'tokens.h5')))
  await made(folder)
  t.is(readKnown(folder)?.language, 'primes')
})

/** A process that makes the data in each of the folders, saying "ready" first, and "made" after each. */
function maker(synth: SynthInput, folders: string[]) {
  const module = (name: string) => pathToFileURL(join(process.cwd(), 'dist/ts', name)).href
  const program = `
    import { ensureFolder, synthData } from '${module('synth/ensure.js')}'
    import { synthSchemas } from '${module('config/synth.js')}'
    const data = synthData(synthSchemas.${synth.language}.parse(${JSON.stringify(synth)}), 1)
    const say = (line) => process.stdout.write(line + '\\n')
    say('ready')
    for (const folder of ${JSON.stringify(folders)}) {
      await ensureFolder(folder, data, { print: say })
      say('made')
    }`
  return ['--input-type=module', '--eval', program]
}

test('killed at any moment, the next start makes it whole', async (t) => {
  const folder = temporaryFolder(t)
  const synth: SynthInput = { language: 'copy', train: 50_000, valid: 100 }
  const right = join(folder, 'right')
  await made(right, synth)
  const wanted = filesOf(right)
  const states = new Set<string>()
  for (let attempt = 0; attempt < 5; attempt++) {
    const place = join(folder, `${attempt}`)
    const child = spawn(process.execPath, maker(synth, [place]), { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    await new Promise((resolve) => setTimeout(resolve, 20 * attempt))
    child.kill('SIGKILL')
    await once(child, 'exit')
    const known = existsSync(place) ? readKnown(place) : null
    states.add(known === null ? 'not whole' : 'whole')
    if (known !== null) t.deepEqual(filesOf(place), wanted)
    await made(place, synth)
    const { ...files } = filesOf(place)
    for (const name of Object.keys(files)) if (/tmp|partial/.test(name)) delete files[name]
    t.deepEqual(files, wanted)
  }
  t.true(states.has('not whole'))
})

test('of two processes one makes it and the other waits', async (t) => {
  const folder = temporaryFolder(t)
  const place = join(folder, 'data')
  const synth: SynthInput = { language: 'copy', train: 60_000, valid: 100 }
  const children = [0, 1].map(() =>
    spawn(process.execPath, maker(synth, [place]), { stdio: ['ignore', 'pipe', 'inherit'] }),
  )
  const outputs = await Promise.all(
    children.map(async (child) => {
      let output = ''
      child.stdout.on('data', (chunk) => {
        output += chunk
      })
      const [status] = await once(child, 'close')
      t.is(status, 0)
      return output
    }),
  )
  t.is(outputs.filter((output) => output.includes('making')).length, 1)
  const right = join(folder, 'right')
  await made(right, synth)
  t.deepEqual(filesOf(place), filesOf(right))
})

test('aot-train and a queue of runs make the data', (t) => {
  const folder = temporaryFolder(t)
  const config = {
    synth: primes,
    model_params: { n_layers: 1, n_heads: 1, embed_dim: 8, dropout: 0 },
    training_params: { batch_size: 8, backwards: false, steps_to_train: 4 },
    optim_params: { lr: 0.001, warmup_steps: 1 },
  }
  const train = (...words: string[]) =>
    spawnSync(
      process.execPath,
      [join(process.cwd(), 'bin/aot-train.js'), ...words, '--log', 'none', '--threads', '1'],
      {
        cwd: folder,
        encoding: 'utf8',
      },
    )
  for (const name of ['a', 'b']) writeFileSync(join(folder, `${name}.json`), JSON.stringify(config))
  const first = train('a.json')
  t.is(first.status, 0, first.stderr)
  t.regex(first.stdout, /making primes in synth\/primes-[0-9a-f]{8}\n/)
  t.regex(first.stdout, /windows of 10 tokens: 268 for training .*, 32 for validation/)
  t.regex(first.stdout, /a training window, target: "\d\d×\d\d=\d{4}"/)
  t.notRegex(train('b.json').stdout, /making/)
  rmSync(join(folder, 'synth'), { recursive: true })
  const queue = train('a.json', 'b.json', '--set', 'steps_to_train=5')
  t.is(queue.status, 0, queue.stderr)
  t.is(queue.stderr.match(/making primes/g)?.length, 1)
})
