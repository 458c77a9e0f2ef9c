import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { analyse } from '../../ts/arrow/analyse.js'
import { writeComparison } from '../../ts/arrow/comparison.js'
import { finishArrow } from '../../ts/arrow/finish.js'
import type { ArrowPlan } from '../../ts/arrow/plan.js'
import { readRun } from '../../ts/arrow/read_run.js'
import type { ArrowResult } from '../../ts/arrow/types.js'
import { type MadeRun, makeRunFolder, temporaryFolder } from './records.js'

const directions = ['forward', 'backward']

/** A comparison of so many seeds in the folder; only where its runs lie counts. */
function planOf(folder: string, seeds: number): ArrowPlan {
  const run = (seed: number, direction: string) => ({
    ...{ direction, seed },
    on: () => ({ runFolder: join(folder, `${direction} ${seed}`) }),
  })
  const cell = {
    ...{ name: 'made up', cell: { values: {} }, folder, notes: [] },
    seeds: Array.from({ length: seeds }, (_, seed) => directions.map((direction) => run(seed, direction))),
  }
  return { name: 'made up', folder, cells: [cell] } as unknown as ArrowPlan
}

function makePair(folder: string, seed: number, more: Partial<MadeRun> = {}): string[] {
  return directions.map((direction, index) =>
    makeRunFolder(folder, `${direction} ${seed}`, {
      settings: { seed, backwards: direction === 'backward' },
      valid: [{ step: 20, losses: [4 + index, 5, 6] }],
      saved: { step: 20, of: 20 },
      ...more,
    }),
  )
}

function options(t: ExecutionContext) {
  return { device: 'cpu', threads: 1, signal: new AbortController().signal, say: (line: string) => t.log(line) }
}

test('seeds that were trained on another file are no comparison', async (t) => {
  const folder = temporaryFolder(t)
  makePair(folder, 0)
  makePair(folder, 1, { fingerprint: 'xyz' })
  await t.throwsAsync(finishArrow(planOf(folder, 2), options(t)), {
    code: 'AOT_CONFIG',
    message: /dataset_folder is another file in .*forward 1 than in .*forward 0/,
  })
})

test('while a run is missing the comparison is not at its end, and its verdict says so', async (t) => {
  const folder = temporaryFolder(t)
  const runs = makePair(folder, 0).map(readRun)
  const before = analyse({ name: 'made up', cell: {}, runs, sources: null, known: null }) as ArrowResult
  const none = { easier_forward: [], easier_backward: [], fw_by_place: [], bw_by_place: [], examples: [] }
  // Looked for already, so that no model is asked.
  await writeComparison(folder, [{ ...before, sources: { windows: 3, ...none } }])
  const [found] = await finishArrow(planOf(folder, 2), options(t))
  t.deepEqual([found?.finished, found?.established, found?.sources?.windows], [false, false, 3])
  t.regex(found?.verdict ?? '', /^so far, at step 20: one seed/)
  const [whole] = await finishArrow(planOf(folder, 1), options(t))
  t.true(whole?.finished)
  t.regex(whole?.verdict ?? '', /^one seed/)
})
