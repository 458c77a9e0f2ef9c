/** The tokenizer in a run folder, with the real tokenizer, data and engine. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { Tokenizer as RustTokenizer } from 'tokenizers'
import { Tokenizer } from '../../ts/index.js'
import { native } from '../../ts/native.js'
import { newControl } from '../../ts/tokenize/job.js'
import { trainRun } from '../../ts/train/run.js'
import { makeRun, plain, readLines, realDataset, type Settings, temporaryFolder } from './runs.js'

const small: Settings = { steps_to_train: 6, save_every: 6, step_log: 2, batch_size: 4, valid_steps: 4 }

async function train(folder: string, settings: Settings, name = 'run') {
  const lines: string[] = []
  const run = makeRun(folder, { ...small, ...settings }, name)
  const result = await trainRun(run, plain, { native, print: (line) => lines.push(line), terminal: null })
  return { run, lines, result, tokenizer: join(run.runFolder, 'tokenizer') }
}

test('FW+BW: tokenizer with the two tokens, samples and validation of both directions', async (t) => {
  const { folder, settings } = await realDataset(t, 300)
  const { run, lines, result, tokenizer } = await train(folder, { ...settings, backwards: null })
  t.is(run.modelParams.vocab_size, 302)
  const text = 'time<|backward|> arrow<|forward|>'
  const ours = Tokenizer.load(tokenizer)
  t.deepEqual(ours.specialTokens, [
    { token: '<|endoftext|>', id: 0 },
    { token: '<|forward|>', id: 300 },
    { token: '<|backward|>', id: 301 },
  ])
  const theirs = RustTokenizer.fromFile(join(tokenizer, 'tokenizer.json'))
  t.deepEqual((await theirs.encode(text)).getIds(), [...ours.encode(text)])
  t.is(theirs.getVocabSize(true), 302)
  t.is(await theirs.decode([301, 300], false), '<|backward|><|forward|>')

  t.regex(lines.find((line) => line.startsWith('a training window, input')) ?? '', /"<\|(for|back)ward\|>[^<]/)
  t.deepEqual(
    readLines(run.runFolder, 'samples.jsonl').map(({ direction }) => direction),
    ['forward', 'backward'],
  )
  const sides = result.validLossByDirection
  t.true((sides?.forward ?? 0) > 0 && (sides?.backward ?? 0) > 0)
  t.is(readLines(run.runFolder).at(-1)?.['loss/valid_forward'], sides?.forward)
  t.true((readLines(run.runFolder).at(-1)?.['bits_per_byte/valid'] as number) > 0)
  t.false(readdirSync(run.runFolder).some((name) => name.endsWith('.tmp')))

  // The folder of a run serves as tokenizer_path of others.
  const again = await train(folder, { ...settings, backwards: null, tokenizer_path: tokenizer }, 'again')
  t.deepEqual(Tokenizer.load(again.tokenizer).specialTokens, ours.specialTokens)
  await t.throwsAsync(train(folder, { ...settings, tokenizer_path: tokenizer }, 'forward'), {
    code: 'AOT_CONFIG',
    message: /^model_params\.vocab_size is 300, but the tokenizer .* has 302 tokens: set vocab_size to 302, or name/,
  })
})

test('the folder is written once, whole, and when it is missing', async (t) => {
  const { folder, settings } = await realDataset(t, 300)
  const { run, tokenizer } = await train(folder, settings)
  const files = readdirSync(tokenizer).sort()
  for (const name of files) {
    t.deepEqual(readFileSync(join(tokenizer, name)), readFileSync(join(settings.tokenizer_path as string, name)), name)
  }
  writeFileSync(join(tokenizer, 'note.txt'), 'mine')
  await train(folder, { ...settings, steps_to_train: 8 })
  t.true(existsSync(join(tokenizer, 'note.txt')))
  // Of a run begun before there were such folders, killed while it was written.
  rmSync(tokenizer, { recursive: true })
  mkdirSync(`${tokenizer}.tmp`)
  writeFileSync(join(`${tokenizer}.tmp`, 'vocab.json'), '{')
  await train(folder, { ...settings, steps_to_train: 10 })
  t.deepEqual(readdirSync(tokenizer).sort(), files)
  t.false(existsSync(`${tokenizer}.tmp`))
  // Without a tokenizer there is no folder.
  const ids = await train(folder, { ...settings, tokenizer_path: null }, 'ids')
  t.false(existsSync(ids.tokenizer))
  t.true(existsSync(join(run.runFolder, 'config.json')))
})

test('a tokenizer that FW+BW mode cannot take is refused before anything is written', async (t) => {
  const { folder, settings } = await realDataset(t, 300)
  const path = settings.tokenizer_path as string
  const plainTokenizer = Tokenizer.load(path)
  const refused = async (tokenizer: Tokenizer, vocabSize: number, message: RegExp) => {
    renameSync(path, `${path}.old`)
    await tokenizer.save(path)
    const own: Settings = { ...settings, backwards: null, 'model_params.vocab_size': vocabSize }
    await t.throwsAsync(train(folder, own), { code: 'AOT_CONFIG', message })
    t.false(existsSync(join(folder, 'runs')))
    rmSync(path, { recursive: true })
    renameSync(`${path}.old`, path)
  }
  await refused(
    plainTokenizer,
    301,
    /^model_params\.vocab_size is 301, but the tokenizer .* has 300 tokens: set vocab_size/,
  )
  await refused(plainTokenizer.withSpecialTokens(['<|x|>']), 300, /has 301 tokens: set vocab_size to 301, or name/)
  await refused(
    plainTokenizer.withSpecialTokens(['<|forward|>']),
    301,
    /has the token <\|forward\|> with the id 300, but FW\+BW mode adds it as 301: use the tokenizer that made the dataset/,
  )
  await refused(
    plainTokenizer.withSpecialTokens(['<|backward|>', '<|forward|>']),
    302,
    /has the token <\|forward\|> with the id 301, but FW\+BW mode adds it as 302/,
  )
  await refused(plainTokenizer.withSpecialTokens(['<|forward|>', '<|backward|>', '<|x|>']), 300, /has 303 tokens/)
})

/** A dataset of characters, as of DNA. */
async function charDataset(t: ExecutionContext): Promise<{ folder: string; settings: Settings }> {
  const folder = temporaryFolder(t)
  const files = [join(folder, 'text.txt')]
  let state = 1
  const letters = Array.from({ length: 4000 }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return 'AéGT'[state >>> 30]
  })
  writeFileSync(files[0] as string, letters.join(''))
  const { tokenizer } = await native.trainCharFiles(files, { unknown: false, threads: 1 }, newControl())
  const tokenizer_path = join(folder, 'tokenizer')
  await tokenizer.save(tokenizer_path)
  await native.encodeFiles(tokenizer, files, join(folder, 'text.h5'), { threads: 1, dtype: 'auto' }, newControl())
  return { folder, settings: { tokenizer_path, 'model_params.vocab_size': tokenizer.vocabSize } }
}

test('a run on characters, in both directions', async (t) => {
  const { folder, settings } = await charDataset(t)
  const { run, tokenizer, result } = await train(folder, { ...settings, backwards: null })
  t.is(run.modelParams.vocab_size, 7)
  t.deepEqual([...Tokenizer.load(tokenizer).encode('<|forward|>Aé<|backward|>')], [5, 1, 4, 6])
  for (const { text } of readLines(run.runFolder, 'samples.jsonl')) {
    t.regex(text as string, /^([AéGT]|<\|endoftext\|>|<\|forward\|>|<\|backward\|>)+$/)
  }
  // A quarter of the letters takes two bytes of text.
  const bits = readLines(run.runFolder).at(-1)?.['bits_per_byte/valid'] as number
  const ratio = (result.validLoss as number) / Math.LN2 / bits
  t.true(ratio > 1.15 && ratio < 1.35, `${ratio}`)
})
