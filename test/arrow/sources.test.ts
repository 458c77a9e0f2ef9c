import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { analyse } from '../../ts/arrow/analyse.js'
import { checkComparable } from '../../ts/arrow/groups.js'
import { pairsOf } from '../../ts/arrow/losses.js'
import { type RunRecord, readRun } from '../../ts/arrow/read_run.js'
import { findSources, summarise } from '../../ts/arrow/sources.js'
import { evaluateTokens, type TokenLosses, thinned } from '../../ts/arrow/token_losses.js'
import type { ArrowResult, SourceExample } from '../../ts/arrow/types.js'
import { native } from '../../ts/native.js'
import { trainRun } from '../../ts/train/run.js'
import { makeRun, plain, realDataset, type Settings } from '../train/runs.js'

const small: Settings = {
  steps_to_train: 20,
  save_every: 20,
  step_log: 5,
  batch_size: 4,
  valid_steps: 5,
  aggregate: 1,
  'model_params.attn_length': 16,
  'optim_params.lr': 0.02,
}

type Train = (name: string, more?: Settings) => Promise<RunRecord>

async function trainer(t: ExecutionContext): Promise<Train> {
  const { folder, settings } = await realDataset(t, 300)
  const all = { ...settings, ...small }
  return async (name, more = {}) => {
    const run = makeRun(folder, { ...all, ...more }, name)
    await trainRun(run, plain, { native, print: () => {}, terminal: null })
    return readRun(run.runFolder)
  }
}

function pair(train: Train, seed: number, more: Settings = {}) {
  return Promise.all([train(`fw ${seed}`, { seed, ...more }), train(`bw ${seed}`, { seed, backwards: true, ...more })])
}

const mean = (values: ArrayLike<number>) => Array.from(values).reduce((sum, value) => sum + value, 0) / values.length

const cpu = { device: 'cpu', threads: 1 }

const near = (t: ExecutionContext, found: number, wanted: number, what: string) =>
  t.true(Math.abs(found - wanted) < 1e-6, `${what}: ${found} ${wanted}`)

test('two trained pairs: the tokens add up to the losses that the runs wrote', async (t) => {
  const train = await trainer(t)
  const runs = [...(await pair(train, 0)), ...(await pair(train, 1))]
  t.notThrows(() => checkComparable(runs))
  const result = analyse({ name: 'real', cell: {}, runs, sources: null, known: null }) as ArrowResult
  t.deepEqual([result.finished, result.seeds.length, result.data.windows], [true, 2, 20])
  t.is(result.model.parameters, 5816)
  for (const { windows, valid } of runs) {
    const last = windows?.validations.at(-1)
    near(t, mean(last?.losses ?? []), valid.at(-1)?.loss as number, 'mean of the windows')
  }
  const steps: [number, number][] = []
  const sources = await findSources(runs, { ...cpu, told: (done, total) => steps.push([done, total]) })
  t.is(sources.windows, 20)
  t.deepEqual([steps.length, steps[0], steps.at(-1)], [20, [4, 80], [80, 80]])
  for (const [place, wanted] of (result.by_position.forward as number[]).entries()) {
    near(t, sources.fw_by_place[place] as number, wanted, `forward at ${place}`)
  }
  for (const [position, wanted] of (result.by_position.backward as number[]).entries()) {
    near(t, sources.bw_by_place[15 - position] as number, wanted, `backward at position ${position}`)
  }
  const losses = await evaluateTokens(pairsOf(runs, 'forward', 'backward'), cpu)
  near(t, mean(losses.fw), result.fw, 'forward')
  near(t, mean(losses.bw), result.bw, 'backward')
  const tokens = [...sources.easier_forward, ...sources.easier_backward]
  t.true(sources.easier_forward.length > 0 && sources.easier_backward.length > 0)
  for (const { id, count, fw, bw, share, text } of tokens) {
    t.is(count, losses.ids.filter((one) => one === id).length)
    near(t, share, (count * (bw - fw)) / 320, 'share')
    t.is(typeof text, 'string')
  }
  t.true(sources.easier_forward.some(({ text }) => /[a-z]/.test(text as string)))
  t.true(sources.examples.length > 2)
})

test('without a tokenizer ids stand for the text', async (t) => {
  const train = await trainer(t)
  const runs = await pair(train, 0, { tokenizer_path: null })
  const { easier_forward: easier, examples } = await findSources(runs, cpu)
  t.is(easier[0]?.text, null)
  t.regex(examples[0]?.tokens[0]?.text as string, /^\d+$/)
})

test('what does not make a pair at one step is refused', async (t) => {
  const train = await trainer(t)
  const [forward, backward] = await pair(train, 0)
  const refused = (runs: RunRecord[], code: string, message: RegExp) =>
    t.throwsAsync(findSources(runs, cpu), { code, message })
  await refused([forward], 'AOT_CONFIG', /no forward and backward run of one seed/)
  const longer = await train('longer', { backwards: true, steps_to_train: 30 })
  await refused([forward, longer], 'AOT_CONFIG', /states are not of one step: .*fw 0.*20 and .*longer.*30/)
  const other = await train('other', { backwards: true, valid_steps: 4 })
  await refused([forward, other], 'AOT_CONFIG', /validation windows of .*other are not those of the other runs/)
  const shifted = await train('shifted', { backwards: true, split: 'contiguous' })
  await refused([forward, shifted], 'AOT_CONFIG', /validation windows of .*shifted are not those/)
  const aborted = AbortSignal.abort(new Error('stopped'))
  await t.throwsAsync(findSources([forward, backward], { ...cpu, signal: aborted }), { message: 'stopped' })

  const model = join(backward.folder, 'state', '20', 'model.safetensors')
  const content = readFileSync(model)
  content[content.length - 1] = (content.at(-1) as number) ^ 1
  writeFileSync(model, content)
  await refused([forward, backward], 'AOT_DATA', /model\.safetensors is damaged: checksum/)
  rmSync(join(backward.folder, 'state'), { recursive: true })
  await refused([forward, backward], 'AOT_DATA', /bw 0 has no saved state/)
})

test('many windows are thinned evenly, to a bounded number of tokens', (t) => {
  t.deepEqual(thinned(20, 16), { every: 1, kept: 20 })
  t.deepEqual(thinned(4096, 256), { every: 1, kept: 4096 })
  t.deepEqual(thinned(4097, 256), { every: 2, kept: 2049 })
  t.deepEqual(thinned(200_000, 256), { every: 49, kept: 4082 })
  t.deepEqual(thinned(4096, 1024), { every: 2, kept: 2048 })
  t.deepEqual(thinned(10, 2 ** 22), { every: 10, kept: 1 })
})

/** Windows of 8 places, all of loss 1 but those given as [window, place, id, bw - fw]. */
function losses(windows: number, marks: [row: number, place: number, id: number, difference: number][]): TokenLosses {
  const ids = new Int32Array(windows * 8)
  const [fw, bw] = [new Float64Array(windows * 8).fill(1), new Float64Array(windows * 8).fill(1)]
  for (const [row, place, id, difference] of marks) {
    ids[row * 8 + place] = id
    bw[row * 8 + place] = 1 + difference
  }
  return { attnLength: 8, windows: Float64Array.from({ length: windows }, (_, i) => 100 + i), ids, fw, bw }
}

test('hand-computed shares and places', (t) => {
  const made = losses(2, [
    [0, 0, 5, 4],
    [0, 1, 5, -1],
    [1, 7, 6, -2],
  ])
  const found = summarise(made, (id) => `<${id}>`, true)
  t.deepEqual(found.easier_forward, [{ id: 5, text: '<5>', count: 2, fw: 1, bw: 2.5, share: 3 / 16 }])
  t.deepEqual(found.easier_backward, [{ id: 6, text: '<6>', count: 1, fw: 1, bw: -1, share: -2 / 16 }])
  t.deepEqual(found.fw_by_place, new Array(8).fill(1))
  t.deepEqual(found.bw_by_place, [3, 0.5, 1, 1, 1, 1, 1, 0])
  // What stands at the edge of a window is no example.
  t.deepEqual(found.examples, [])
})

test('the lists hold twenty tokens, largest first', (t) => {
  const marks = Array.from({ length: 30 }, (_, i): [number, number, number, number] => [
    i,
    3,
    i + 1,
    i % 2 === 0 ? i + 1 : -i,
  ])
  const made = losses(60, [
    ...marks,
    ...marks.map(([row, , id, difference]): [number, number, number, number] => [row + 30, 3, id + 30, difference]),
  ])
  const { easier_forward: forward, easier_backward: backward } = summarise(made, String, false)
  t.deepEqual([forward.length, backward.length, forward[0]?.text], [20, 20, null])
  t.deepEqual(
    forward.slice(0, 3).map(({ id }) => id),
    [29, 59, 27],
  )
  t.deepEqual(
    backward.slice(0, 3).map(({ id }) => id),
    [30, 60, 28],
  )
})

test('examples are the strongest places of different windows and tokens', (t) => {
  const made = losses(8, [
    [0, 3, 5, 9],
    [0, 4, 6, 8],
    [1, 3, 5, 7],
    [2, 5, 7, 6],
    [2, 1, 8, 50],
    [3, 2, 9, -3],
    [4, 2, 9, -2],
    [5, 4, 10, -1],
    [0, 2, 11, -30],
  ])
  const { examples } = summarise(made, (id) => `<${id}>`, true)
  const marked = ({ window, easier, tokens, marked }: SourceExample) => [
    window,
    easier,
    tokens[marked]?.text,
    tokens[marked]?.difference,
  ]
  t.deepEqual(examples.map(marked), [
    [100, 'forward', '<5>', 9],
    [102, 'forward', '<7>', 6],
    [103, 'backward', '<9>', -3],
    [105, 'backward', '<10>', -1],
  ])
  t.deepEqual([examples[0]?.tokens.length, examples[0]?.marked, examples[0]?.tokens[4]?.text], [8, 3, '<6>'])
})
