import test from 'ava'
import type { Schedule } from '../../ts/config/types.js'
import { learningRate, makePlan, type Plan, type PlanRequest } from '../../ts/train/schedule.js'

const request: PlanRequest = {
  stepsToTrain: 1000,
  cooldownFinish: 0.15,
  aggregate: 2,
  done: 0,
  previous: null,
  noStepPickup: false,
  cooldownNow: false,
}
const linear: Schedule = { kind: 'cooldown', lr: 0.001, warmupSteps: 100, cooldownFinish: 0.15 }

function near(t: import('ava').ExecutionContext, value: number, wanted: number) {
  t.true(Math.abs(value - wanted) <= 1e-12 * Math.abs(wanted), `${value} is not ${wanted}`)
}

test('a plan: the cooldown lies at the end of the optimizer steps', (t) => {
  const plan = makePlan({ ...request, stepsToTrain: 1001 })
  t.is(plan.steps, 1001)
  t.is(plan.cooldownStart, 425)
  t.is(plan.cooldownSteps, 75)
})

test('linear warm-up from 1e-7, constant, linear cooldown to 0', (t) => {
  const plan = makePlan(request)
  near(t, learningRate(0, linear, plan), 1e-10)
  near(t, learningRate(50, linear, plan), 0.001 * (1e-7 + (1 - 1e-7) * 0.5))
  t.is(learningRate(100, linear, plan), 0.001)
  t.is(learningRate(425, linear, plan), 0.001)
  near(t, learningRate(426, linear, plan), (0.001 * 74) / 75)
  near(t, learningRate(499, linear, plan), 0.001 / 75)
  t.is(learningRate(500, linear, plan), 0)
})

test('without warm-up and cooldown the rate is constant', (t) => {
  const plan = makePlan({ ...request, cooldownFinish: 0 })
  for (const step of [0, 250, 499]) t.is(learningRate(step, { ...linear, warmupSteps: 0 }, plan), 0.001)
})

test('a warm-up longer than the run meets the cooldown', (t) => {
  const plan = makePlan({ ...request, stepsToTrain: 20, cooldownFinish: 0.5 })
  const rates = Array.from({ length: 10 }, (_, i) => learningRate(i, { ...linear, warmupSteps: 10 }, plan))
  near(t, rates[5] as number, 0.001 * (1e-7 + (1 - 1e-7) * 0.5))
  near(t, rates[9] as number, 0.001 * 0.2)
})

test('the older schedule: cosine with warm restarts', (t) => {
  const plan = makePlan({ ...request, cooldownFinish: 0 })
  const schedule: Schedule = {
    kind: 'restarts',
    lr: 0.001,
    warmupSteps: 100,
    oscilSteps: 40,
    lrShrink: 0.85,
    lrInit: 1e-5,
    lrMin: 1e-6,
  }
  near(t, learningRate(0, schedule, plan), 1e-5)
  near(t, learningRate(25, schedule, plan), 1e-5 + (0.001 - 1e-5) / 4)
  near(t, learningRate(100, schedule, plan), 0.001)
  near(t, learningRate(120, schedule, plan), 1e-6 + (0.001 - 1e-6) / 2)
  near(t, learningRate(139, schedule, plan), 1e-6 + ((0.001 - 1e-6) * (1 + Math.cos((Math.PI * 39) / 40))) / 2)
  near(t, learningRate(140, schedule, plan), 0.85 * 0.001)
  near(t, learningRate(185, schedule, plan), 0.85 ** 2 * (1e-6 + ((0.001 - 1e-6) * (1 + Math.cos(Math.PI / 8))) / 2))
})

/** Worked out on paper: the rate of each optimizer step from 0 on, in units of 1e-5. */
const workedOut: [name: string, schedule: Schedule, rates: number[]][] = [
  [
    '10 steps: warm-up of 4, constant, the last 4 to 0',
    { kind: 'cooldown', lr: 0.001, warmupSteps: 4, cooldownFinish: 0.4 },
    [0.00001, 25.0000075, 50.000005, 75.0000025, 100, 100, 100, 75, 50, 25],
  ],
  [
    '16 steps: warm-up of 4 from lr_init, periods of 6, each half as high',
    { kind: 'restarts', lr: 0.001, warmupSteps: 4, oscilSteps: 6, lrShrink: 0.5, lrInit: 1e-5, lrMin: 1e-4 },
    [
      ...[1, 25.75, 50.5, 75.25],
      ...[100, 93.97114317029974, 77.5, 55, 32.5, 16.028856829700263],
      ...[50, 46.98557158514987, 38.75, 27.5, 16.25, 8.01442841485013],
    ],
  ],
]

for (const [name, schedule, rates] of workedOut) {
  test(`by hand: ${name}`, (t) => {
    const cooldownFinish = schedule.kind === 'cooldown' ? schedule.cooldownFinish : 0
    const plan = makePlan({ ...request, stepsToTrain: 2 * rates.length, cooldownFinish })
    for (const [step, rate] of rates.entries()) near(t, learningRate(step, schedule, plan), rate * 1e-5)
  })
}

test('the older schedule goes on from a restart that --cooldown-now lets fall', (t) => {
  const [, schedule] = workedOut[1] as (typeof workedOut)[1]
  const first = makePlan({ ...request, stepsToTrain: 100, cooldownFinish: 0 })
  const plan = makePlan({
    ...request,
    stepsToTrain: 100,
    cooldownFinish: 0,
    done: 22,
    previous: first,
    cooldownNow: true,
  })
  t.deepEqual([plan.steps, plan.cooldownStart, plan.cooldownSteps], [32, 11, 5])
  const rates = [46.98557158514987, 38.75 * 0.8, 27.5 * 0.6, 16.25 * 0.4, 8.01442841485013 * 0.2]
  for (const [step, rate] of rates.entries()) near(t, learningRate(11 + step, schedule, plan), rate * 1e-5)
})

test('--cooldown-now: from here, over a tenth of the training, and the run ends there', (t) => {
  const first = makePlan(request)
  const plan = makePlan({ ...request, done: 300, previous: first, cooldownNow: true })
  t.deepEqual([plan.steps, plan.cooldownStart, plan.cooldownSteps], [400, 150, 50])
  t.is(learningRate(150, linear, plan), 0.001)
  near(t, learningRate(175, linear, plan), 0.0005)
  // Started again, with or without the flag, it keeps its start.
  t.is(makePlan({ ...request, done: 340, previous: plan, cooldownNow: true }), plan)
  t.is(makePlan({ ...request, done: 340, previous: plan }), plan)
})

test('--cooldown-now in the usual cooldown keeps that one', (t) => {
  const plan = makePlan(request)
  t.is(makePlan({ ...request, done: 900, previous: plan, cooldownNow: true }), plan)
})

test('a run started again with the same wishes keeps its plan; other wishes make another', (t) => {
  const plan = makePlan(request)
  t.is(makePlan({ ...request, done: 500, previous: plan }), plan)
  t.is(makePlan({ ...request, done: 500, previous: plan, stepsToTrain: 2000 }).steps, 2000)
  t.is(makePlan({ ...request, done: 500, previous: plan, cooldownFinish: 0.5 }).cooldownStart, 250)
})

test('--no-step-pickup trains so many more, also when broken off and started again without it', (t) => {
  const first: Plan = makePlan(request)
  const more = makePlan({ ...request, done: 1000, previous: first, noStepPickup: true })
  t.deepEqual([more.steps, more.cooldownStart, more.cooldownSteps], [2000, 850, 150])
  t.is(makePlan({ ...request, done: 1400, previous: more }), more)
})

test('a run without one optimizer step is refused', (t) => {
  t.throws(() => makePlan({ ...request, stepsToTrain: 3, aggregate: 4 }), {
    code: 'AOT_CONFIG',
    message: /^the run has 3 minibatches, fewer than training_params\.aggregate \(4\)/,
  })
})
