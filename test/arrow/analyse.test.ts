import { rmSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { analyse } from '../../ts/arrow/analyse.js'
import { pairedInterval } from '../../ts/arrow/bootstrap.js'
import type { RunRecord } from '../../ts/arrow/read_run.js'
import { seedsInterval } from '../../ts/arrow/seeds.js'
import type { ArrowResult } from '../../ts/arrow/types.js'
import { type MadeRun, makeRecord, temporaryFolder } from './records.js'

/** 64 windows side by side: 16 blocks of 4. */
const count = 64

/** Mean losses of the windows, in quarters and eighths, so that they are exact: around `level`. */
function losses(level: number, salt: number): number[] {
  return Array.from({ length: count }, (_, i) => level + (((i * 37 + salt * 11) % 9) - 4) / 64)
}

interface Wanted {
  direction?: string
  seed?: number
  /** Level of the losses at each validation. */
  levels: [step: number, level: number][]
  more?: Partial<MadeRun>
}

function maker(t: ExecutionContext) {
  const parent = temporaryFolder(t)
  return ({ direction = 'forward', seed = 0, levels, more }: Wanted): RunRecord => {
    const pair = direction === 'forward' || direction === 'backward'
    const settings = { seed, ...(pair ? { backwards: direction === 'backward' } : { permutation: direction }) }
    const salt = seed + direction.length
    const valid = levels.map(([step, level]) => ({ step, losses: losses(level, salt), bitsPerByte: level / 2 }))
    const last = valid.at(-1)?.step ?? 0
    return makeRecord(parent, `${direction} ${seed}`, { settings, valid, saved: { step: last, of: 20 }, ...more })
  }
}

const whole = { name: 'made up', cell: {}, sources: null, known: null }

const levels = (first: number, second: number): Wanted['levels'] => [
  [10, first],
  [20, second],
]

function result(runs: RunRecord[]): ArrowResult {
  return analyse({ ...whole, runs }) as ArrowResult
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

const near = (t: ExecutionContext, found: number, wanted: number) =>
  t.true(Math.abs(found - wanted) < 1e-12, `${found} ${wanted}`)

test('one seed: every number of the result', (t) => {
  const make = maker(t)
  const forward = make({ levels: levels(4, 2) })
  const backward = make({ direction: 'backward', levels: levels(4.5, 2.25) })
  const found = result([backward, forward])
  const [fw, bw] = [mean(losses(2, 7)), mean(losses(2.25, 8))]
  t.is(found.format, 'arrows-of-time arrow 1')
  t.deepEqual([found.fw, found.bw, found.difference], [fw, bw, bw - fw])
  t.deepEqual([found.ratio, found.relative], [bw / fw - 1, (bw - fw) / ((fw + bw) / 2)])
  t.deepEqual(found.bits_per_byte, { fw: 1, bw: 1.125, difference: 0.125 })
  const place = { windows: [...losses(0, 0).keys()], stride: 4, attnLength: 4 }
  const { interval } = pairedInterval({ first: losses(2, 7), second: losses(2.25, 8), ...place })
  t.deepEqual(found.interval, interval)
  t.is(found.interval?.blocks, 16)
  t.deepEqual(found.seeds, [
    {
      seed: 0,
      losses: { forward: fw, backward: bw },
      bits_per_byte: { forward: 1, backward: 1.125 },
      difference: bw - fw,
      interval,
    },
  ])
  t.deepEqual([found.seed_spread, found.others, found.directions], [null, {}, ['forward', 'backward']])
  t.deepEqual(found.losses, { forward: fw, backward: bw })
  t.deepEqual(found.by_position, {
    forward: [1, 2, 3, 4].map((more) => fw + more),
    backward: [1, 2, 3, 4].map((more) => bw + more),
  })
  t.deepEqual(
    found.training.map(({ step, fw }) => [step, fw]),
    [
      [10, mean(losses(4, 7))],
      [20, fw],
    ],
  )
  t.deepEqual(found.training[1], {
    ...{ step: 20, fw, bw, difference: bw - fw, ratio: bw / fw - 1 },
    interval,
  })
  t.deepEqual(
    found.curves.map(({ direction, seed, train, valid }) => [direction, seed, train.length, valid.length]),
    [
      ['forward', 0, 2, 2],
      ['backward', 0, 2, 2],
    ],
  )
  t.deepEqual(found.curves[0]?.train, forward.train)
  t.deepEqual(found.curves[0]?.valid[1], [20, fw])
  t.deepEqual(found.model, { kind: 'gpt', parameters: 17, attn_length: 4 })
  t.deepEqual(found.data, { path: 'text.h5', tokens: 1000, windows: 64 })
  t.deepEqual(
    found.runs.map(({ direction, seed, folder, step }) => ({ direction, seed, folder, step })),
    [forward, backward].map(({ direction, seed, folder, step }) => ({ direction, seed, folder, step })),
  )
  t.deepEqual([found.finished, found.established], [true, false])
  t.regex(found.verdict, /^one seed: sign not established \(/)
})

/** Pairs of so many seeds, whose differences are those given. */
function seeds(make: ReturnType<typeof maker>, differences: number[]): RunRecord[] {
  return differences.flatMap((difference, seed) => [
    make({ seed, levels: levels(4, 2 + seed / 8) }),
    make({ direction: 'backward', seed, levels: levels(4.5, 2 + seed / 8 + difference) }),
  ])
}

test('three seeds that agree establish the sign', (t) => {
  const found = result(seeds(maker(t), [0.25, 0.28125, 0.25]))
  t.deepEqual([found.established, found.seeds.length], [true, 3])
  t.regex(found.verdict, /^backward is harder: .* over 3 seeds$/)
  near(t, found.difference, mean(found.seeds.map(({ difference }) => difference)))
  near(t, found.fw, mean(found.seeds.map(({ losses }) => losses.forward as number)))
  const of = (direction: string, base: number[]) => base.map((level, seed) => losses(level, seed + direction.length))
  const interval = seedsInterval({
    first: of('forward', [2, 2.125, 2.25]),
    second: of('backward', [2.25, 2.40625, 2.5]),
    ...{ windows: [...losses(0, 0).keys()], stride: 4, attnLength: 4 },
  })
  t.deepEqual(found.interval, interval)
  t.is(found.interval?.over, 'seeds and windows')
  t.true((found.seed_spread as number) > 0.01 && (found.seed_spread as number) < 0.05)
  near(t, found.by_position.forward?.[0] as number, found.fw + 1)
})

test('before the end, or while one run is missing, no sign is established', (t) => {
  const runs = seeds(maker(t), [0.25, 0.28125, 0.25])
  const missing = analyse({ ...whole, runs, planned: 7 }) as ArrowResult
  t.deepEqual([missing.seeds.length, missing.finished, missing.established], [3, false, false])
  t.regex(missing.verdict, /^so far, at step 20: backward is harder/)
  const going = result([...runs.slice(0, -1), { ...(runs.at(-1) as RunRecord), finished: false }])
  t.deepEqual([going.finished, going.established], [false, false])
  t.true((analyse({ ...whole, runs, planned: 6 }) as ArrowResult).established)
})

test('seeds that do not agree establish none, nor do two', (t) => {
  t.regex(result(seeds(maker(t), [0.25, -0.125, 0.25])).verdict, /^sign not established: .* zero is in/)
  const two = result(seeds(maker(t), [0.25, 0.25]))
  t.regex(two.verdict, /^two seeds: sign not established/)
  t.false(two.established)
  const harder = result(seeds(maker(t), [-0.25, -0.28125, -0.25]))
  t.true(harder.established)
  t.regex(harder.verdict, /^forward is harder/)
})

test('further directions stand beside forward', (t) => {
  const make = maker(t)
  const runs = [
    make({ direction: 'middle_out', levels: levels(5, 3) }),
    ...seeds(make, [0.25, 0.25]),
    make({ direction: 'end_in', seed: 1, levels: [[10, 5]], more: { saved: { step: 10, of: 20 } } }),
  ]
  const found = result(runs)
  t.deepEqual(found.directions, ['forward', 'backward', 'middle_out'])
  t.is(found.losses.middle_out, mean(losses(3, 10)))
  // Of the one seed that has it, beside forward of that seed.
  t.is(found.others.middle_out?.difference, mean(losses(3, 10)) - mean(losses(2, 7)))
  t.is(found.others.middle_out?.seed_spread, null)
  t.is(found.others.middle_out?.bits_per_byte, 0.5)
  t.is(found.others.middle_out?.interval?.over, 'windows')
  t.deepEqual(Object.keys(found.seeds[0]?.losses ?? {}), ['forward', 'backward', 'middle_out'])
  t.deepEqual(Object.keys(found.seeds[1]?.losses ?? {}), ['forward', 'backward'])
  t.deepEqual(
    found.runs.map(({ direction, seed }) => `${direction} ${seed}`),
    ['forward 0', 'backward 0', 'middle_out 0', 'forward 1', 'backward 1', 'end_in 1'],
  )
  t.false(found.finished)
})

test('while runs are trained, the result is of the last validation that they share', (t) => {
  const make = maker(t)
  const forward = make({ levels: levels(4, 2) })
  const backward = make({ direction: 'backward', levels: [[10, 4.5]] })
  const found = result([forward, backward])
  t.deepEqual([found.fw, found.bw], [mean(losses(4, 7)), mean(losses(4.5, 8))])
  t.deepEqual(
    found.training.map(({ step }) => step),
    [10],
  )
  t.deepEqual([found.finished, found.curves[0]?.valid.length, found.runs[0]?.step], [false, 2, 20])
  t.regex(found.verdict, /^so far, at step 10: one seed: sign not established/)
})

test('seeds whose pairs are at their end count; others join them when they are', (t) => {
  const make = maker(t)
  const early = [make({ seed: 1, levels: [[10, 4]] }), make({ seed: 1, direction: 'backward', levels: [[10, 4.5]] })]
  const done = [make({ levels: levels(4, 2) }), make({ direction: 'backward', levels: levels(4.5, 2.25) })]
  const found = result([...done, ...early])
  t.deepEqual([found.seeds.length, found.training.length, found.finished, found.runs.length], [1, 2, false, 4])
  t.is(found.fw, mean(losses(2, 7)))
  const [forward, backward] = done as [RunRecord, RunRecord]
  // With none at its end, all count, at the last validation that they share.
  const running = result([forward, { ...backward, finished: false }, ...early])
  t.deepEqual([running.seeds.length, running.training.length], [2, 1])
  t.is(result([forward, ...early]).seeds[0]?.seed, 1)
})

test('there is no result before forward and backward share a validation', (t) => {
  const make = maker(t)
  const forward = make({ levels: [[10, 4]] })
  t.is(analyse({ ...whole, runs: [] }), null)
  t.is(analyse({ ...whole, runs: [forward] }), null)
  t.is(analyse({ ...whole, runs: [forward, make({ direction: 'middle_out', levels: [[10, 4]] })] }), null)
  t.is(analyse({ ...whole, runs: [forward, make({ direction: 'backward', levels: [[20, 4]] })] }), null)
  t.is(analyse({ ...whole, runs: [forward, make({ direction: 'backward', seed: 1, levels: [[10, 4]] })] }), null)
})

test('runs that did not keep the losses of their windows have no intervals', (t) => {
  const make = maker(t)
  const forward = make({ levels: levels(4, 2) })
  const backward = make({ direction: 'backward', levels: levels(4.5, 2.25), more: { keepsWindows: false } })
  const found = result([forward, backward])
  t.is(found.difference, mean(losses(2.25, 8)) - mean(losses(2, 7)))
  t.deepEqual([found.interval, found.seeds[0]?.interval, found.training[0]?.interval], [null, null, null])
  t.regex(found.verdict, /no interval/)
  t.is(found.data.windows, 64)
  t.is(result([{ ...forward, windows: null }, backward]).data.windows, 32)
})

test('without a tokenizer there are no bits per byte', (t) => {
  const make = maker(t)
  const plain = ({ valid }: RunRecord) => valid.map((one) => ({ ...one, bitsPerByte: null }))
  const forward = make({ levels: levels(4, 2) })
  const backward = make({ direction: 'backward', levels: levels(4.5, 2.25) })
  const found = result([forward, { ...backward, valid: plain(backward) }])
  t.is(found.bits_per_byte, null)
  t.deepEqual(found.seeds[0]?.bits_per_byte, { forward: 1, backward: null })
})

test('the same runs read again, made at another time and in another order, give the same bytes', (t) => {
  const parent = temporaryFolder(t)
  const make = () =>
    ['forward', 'backward'].map((direction) =>
      makeRecord(parent, direction, {
        settings: { backwards: direction === 'backward' },
        valid: [{ step: 20, losses: losses(2, direction.length) }],
        saved: { step: 20, of: 20 },
      }),
    )
  const text = JSON.stringify(result(make()))
  rmSync(parent, { recursive: true })
  t.is(JSON.stringify(result(make().reverse())), text)
  t.notRegex(text, /17000\d{5}/)
})
