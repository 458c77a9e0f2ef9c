import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { parseGrid } from '../../ts/arrow/cells.js'
import { type ArrowRequest, planArrow } from '../../ts/arrow/plan.js'
import { loadConfigFile } from '../../ts/config/load.js'
import { parseOverride } from '../../ts/config/overrides.js'
import { fixedKeys } from '../../ts/train/state.js'
import { temporaryFolder } from '../train/runs.js'

function request(
  t: ExecutionContext,
  more: Partial<ArrowRequest> = {},
  config: Record<string, unknown> = {},
): ArrowRequest {
  const configPath = join(temporaryFolder(t), 'en.json')
  const value = {
    seed: 7,
    model_params: { vocab_size: 256, n_layers: 1, n_heads: 2, embed_dim: 8, attn_length: 8 },
    training_params: { dataset_folder: 'text.h5', batch_size: 2, save_loc: 'out' },
    optim_params: { lr: 0.01, warmup_steps: 5 },
    ...config,
  }
  writeFileSync(configPath, JSON.stringify(value))
  return {
    ...{ configPath, overrides: [], cells: parseGrid([]), directions: ['forward', 'backward'], seeds: 3 },
    ...{ projectName: undefined, runName: undefined, threads: undefined },
    ...more,
  }
}

test('a pair for each seed, which differ in nothing but direction and seed', (t) => {
  const plan = planArrow(request(t))
  t.is(plan.folder, 'out/arrows-of-time/en')
  const runs = plan.cells[0]?.seeds.map((seed) => seed.map((run) => run.on('cpu'))) ?? []
  t.deepEqual(
    runs.map((seed) => seed.map(({ runFolder }) => runFolder)),
    [7, 8, 9].map((seed) => ['forward', 'backward'].map((name) => `out/arrows-of-time/en/seed-${seed}-${name}`)),
  )
  const [forward, backward] = runs[1] ?? []
  if (forward === undefined || backward === undefined) return t.fail()
  t.is(forward.config.seed, 8)
  const differing = Object.entries(fixedKeys(forward)).filter(([key, value]) => fixedKeys(backward)[key] !== value)
  t.deepEqual(differing, [['training_params.backwards', 'forward']])
})

test('other directions, a project, a name, overrides', (t) => {
  const plan = planArrow(
    request(t, {
      directions: ['forward', 'backward', 'random_chunk(3,2)'],
      seeds: 1,
      projectName: 'p',
      runName: 'n',
      overrides: [parseOverride('batch_size=4'), parseOverride('save_loc=there')],
    }),
  )
  const run = plan.cells[0]?.seeds[0]?.[2]?.on('cuda:1')
  t.is(run?.runFolder, 'there/p/n/seed-7-random_chunk-3,2')
  t.is(run?.config.training_params.batch_size, 4)
  t.is(run?.config.precision, 'bf16')
  t.deepEqual(run?.direction.kind, 'permutation')
})

test('a grid: a folder for each cell, and a model without the keys of the other', (t) => {
  const plan = planArrow(request(t, { cells: parseGrid(['attn_length=16,32', 'model=gpt,gru']), seeds: 1 }))
  t.is(plan.folder, 'out/arrows-of-time/en')
  t.deepEqual(
    plan.cells.map(({ folder }) => folder),
    ['16,model=gpt', '16,model=gru', '32,model=gpt', '32,model=gru'].map(
      (cell) => `out/arrows-of-time/en/attn_length=${cell}`,
    ),
  )
  const run = plan.cells[3]?.seeds[0]?.[1]?.on('cpu')
  t.is(run?.runFolder, 'out/arrows-of-time/en/attn_length=32,model=gru/seed-7-backward')
  t.deepEqual(Object.keys(run?.config.model_params ?? {}), [
    ...['vocab_size', 'n_layers', 'embed_dim', 'attn_length', 'dropout', 'embd_dropout'],
  ])
})

test('what a run was planned with is a config that loads to the same', (t) => {
  const [planned] = planArrow(request(t)).cells[0]?.seeds[0] ?? []
  const run = planned?.on('cpu')
  const path = join(temporaryFolder(t), 'written.json')
  writeFileSync(path, JSON.stringify(run?.config))
  t.deepEqual(loadConfigFile(path).config, run?.config)
})

test('told before anything is trained: names, cells with one folder, values that cannot be', (t) => {
  t.throws(() => planArrow(request(t, { runName: 'a/b' })), { code: 'AOT_CONFIG', message: /--run-name/ })
  const cells = parseGrid(['dataset_folder=a b,a:b'])
  t.throws(() => planArrow(request(t, { cells })), { code: 'AOT_CONFIG', message: /would have one folder/ })
  const wrong = parseGrid(['attn_length=8,2'])
  t.throws(() => planArrow(request(t, { cells: wrong })), { message: /--grid attn_length=2: must be/ })
  const directions = ['forward', 'backward', 'midle_out']
  t.throws(() => planArrow(request(t, { directions })), { message: /did you mean middle_out/ })
})

test('an order of the config that no run has is told', (t) => {
  const training_params = { dataset_folder: 'text.h5', batch_size: 2, permutation: 'middle_out' }
  const notesOf = (directions: string[]) =>
    planArrow(request(t, { directions, seeds: 1 }, { training_params })).cells[0]?.notes
  t.deepEqual(notesOf(['forward', 'backward']), [
    'training_params.permutation is not used: the runs are forward, backward, as --directions says',
  ])
  t.deepEqual(notesOf(['forward', 'backward', 'middle_out']), [])
})
