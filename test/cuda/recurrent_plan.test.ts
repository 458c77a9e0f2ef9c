/** How GRU and LSTM are divided into blocks that stay for a window, on GPUs that are not here. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { packageRoot } from '../../ts/native.js'
import { devices } from '../devices.js'
import { persistentCases } from '../ops/recurrent.js'

interface Device {
  multiprocessors: number
  /** Of each multiprocessor; the kernels' registers leave room for one on a GPU. */
  blocks: number
  /** KiB of a multiprocessor, and that a block may have. */
  shared: number
  blockShared: number
}

const gpus = {
  H100: { multiprocessors: 132, blocks: 1, shared: 228, blockShared: 227 },
  A100: { multiprocessors: 108, blocks: 1, shared: 164, blockShared: 163 },
  'RTX 4090': { multiprocessors: 128, blocks: 1, shared: 100, blockShared: 99 },
  'RTX 3090': { multiprocessors: 82, blocks: 1, shared: 100, blockShared: 99 },
} satisfies Record<string, Device>
const emulated = (multiprocessors: number): Device => ({ multiprocessors, blocks: 8, shared: 228, blockShared: 227 })

/** As the kernels of gru.cu and lstm.cu ask for them. */
const passes = {
  'gru forwards': { depth: 1, sums: 3, stride: 24 },
  'gru backwards': { depth: 3, sums: 1, stride: 8 },
  'lstm forwards': { depth: 1, sums: 4, stride: 40 },
  'lstm backwards': { depth: 4, sums: 1, stride: 8 },
}
type Pass = keyof typeof passes

interface Plan {
  units: number
  rowGroups: number
  groups: number
  tiles: number
  rows: number
  sharedBytes: number
  clocks: number
  clocksInSteps: number
}

type Query = { pass: Pass; batch: number; width: number; device: Device }
let ask: (queries: Query[]) => Plan[]

const sourcesTest = devices.includes('emulated') ? test : test.skip

const folder = mkdtempSync(join(tmpdir(), 'aot-plan-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

test.before(() => {
  if (!devices.includes('emulated')) return
  const program = join(folder, 'plan')
  const sources = ['test/cuda/recurrent_plan.cpp', 'cuda/recurrent_plan.cpp'].map((file) => join(packageRoot, file))
  execFileSync('g++', ['-std=c++20', '-O1', '-I', join(packageRoot, 'cuda'), '-o', program, ...sources])
  ask = (queries) => {
    const lines = queries.map(({ pass, batch, width, device }) => {
      const { depth, sums, stride } = passes[pass]
      const { multiprocessors, blocks, shared, blockShared } = device
      return [depth, sums, stride, batch, width, multiprocessors, blocks, shared, blockShared].join(' ')
    })
    const printed = execFileSync(program, { input: lines.join('\n'), encoding: 'utf8' })
      .trim()
      .split('\n')
    return printed.map((line) => {
      const [units, rowGroups, groups, tiles, rows, sharedBytes, clocks, clocksInSteps] = line.split(' ').map(Number)
      return { units, rowGroups, groups, tiles, rows, sharedBytes, clocks, clocksInSteps } as Plan
    })
  }
})

const everyPass = Object.keys(passes) as Pass[]

sourcesTest('every plan covers the layer and fits the device', (t) => {
  const queries = [...Object.values(gpus), ...[1, 2, 16, 200].map(emulated)].flatMap((device) =>
    everyPass.flatMap((pass) =>
      [32, 38, 64, 96, 256, 512, 768, 1024, 1600].flatMap((width) =>
        [1, 5, 16, 17, 33, 90, 250, 1000].map((batch) => ({ pass, batch, width, device })),
      ),
    ),
  )
  const plans = ask(queries)
  t.is(plans.length, queries.length)
  let found = 0
  for (const [i, plan] of plans.entries()) {
    const { pass, batch, width, device } = queries[i] as Query
    const label = JSON.stringify({ ...queries[i], plan })
    if (plan.units === 0) continue
    found++
    t.is(width % 32, 0, label)
    t.is(plan.units * plan.groups, width, label)
    t.true(plan.rows * plan.tiles >= batch && plan.rows * (plan.tiles - 1) < batch, label)
    const together = Math.min(device.blocks, Math.floor((device.shared * 1024) / (plan.sharedBytes + 1024)))
    t.true(plan.groups * plan.tiles <= device.multiprocessors * together, label)
    t.true(plan.sharedBytes <= device.blockShared * 1024, label)
    // The weights of its units, and a float for each of its steps.
    const { depth, sums } = passes[pass]
    t.true(plan.sharedBytes >= 2 * plan.units * sums * depth * width + 4 * plan.units * plan.rows, label)
  }
  t.true(found > queries.length / 4)
})

sourcesTest("the paper's layers stay on chip where that is predicted to be faster", (t) => {
  const better = (gpu: keyof typeof gpus, width: number, batch: number) =>
    ask(everyPass.map((pass) => ({ pass, batch, width, device: gpus[gpu] }))).map(
      ({ units, clocks, clocksInSteps }) => units > 0 && clocks < clocksInSteps,
    )
  const all = [true, true, true, true]
  for (const gpu of ['H100', 'A100', 'RTX 4090'] as const) {
    for (const width of [256, 512, 768]) {
      for (const batch of [1, 16, 32]) t.deepEqual(better(gpu, width, batch), all, `${gpu} ${width} ${batch}`)
    }
    t.deepEqual(better(gpu, 256, 250), all, gpu)
  }
  t.deepEqual(better('H100', 512, 250), all)
  // The weights of an LSTM of this width do not fit 82 multiprocessors of 100 KiB.
  t.deepEqual(better('RTX 3090', 768, 32).slice(2), [false, false])
  t.deepEqual(better('RTX 3090', 512, 32), all)
  // So many rows that products over the whole device are better.
  t.deepEqual(better('A100', 1024, 1000), [false, false, false, false])
})

sourcesTest(
  'the cases of test/ops/recurrent_paths.test.ts meet every variant, several tiles and several passes',
  (t) => {
    for (const pass of everyPass) {
      const plans = ask(
        persistentCases.map(({ multiprocessors, shape: { batch, width } }) => {
          return { pass, batch, width, device: emulated(multiprocessors) }
        }),
      )
      t.true(
        plans.every(({ units }) => units > 0),
        pass,
      )
      const variants = new Set(plans.map(({ units, rowGroups }) => `${units} units, ${rowGroups} groups of rows`))
      t.is(variants.size, 6, `${pass}: ${[...variants].join('; ')}`)
      t.true(
        plans.some(({ tiles }) => tiles > 1),
        pass,
      )
      t.true(
        plans.some(({ rows, rowGroups }) => rows > 32 * rowGroups),
        pass,
      )
    }
  },
)
