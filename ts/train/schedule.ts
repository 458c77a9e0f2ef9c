/** The learning rate, by optimizer step, and how far a run goes. */
import type { Schedule } from '../config/types.js'
import { AotError } from '../errors.js'
import { formatNumberOf } from '../logging/amounts.js'

/** How far a run goes and where its cooldown lies. Kept in the checkpoint, so that a broken run goes on as it began. */
export interface Plan {
  /** Minibatches of the whole run. */
  steps: number
  /** The first optimizer step of the cooldown (= the last of the run + 1 when there is none), and its length. */
  cooldownStart: number
  cooldownSteps: number
  /** What the plan was made from: a restart with the same wishes keeps it. */
  wanted: { stepsToTrain: number; cooldownFinish: number }
  /** Made by --cooldown-now. */
  cooldownNow: boolean
}

export interface PlanRequest {
  /** steps_to_train, or one epoch where that is null: minibatches. */
  stepsToTrain: number
  /** Share of the run's optimizer steps. */
  cooldownFinish: number
  aggregate: number
  /** Minibatches done so far. */
  done: number
  /** The plan of the run so far, null for a new one. */
  previous: Plan | null
  /** Train stepsToTrain more instead of up to stepsToTrain. */
  noStepPickup: boolean
  cooldownNow: boolean
}

/** Share of the training that --cooldown-now takes. */
const cooldownNowShare = 0.1

/**
 * Where the run ends. A run that is started again without wishes of its own finishes the plan it had; steps_to_train or
 * cooldown_finish changed in the config, or one of the flags, make a new one. A cooldown under way keeps its start.
 */
export function makePlan(request: PlanRequest): Plan {
  const { stepsToTrain, cooldownFinish, aggregate, done, previous, noStepPickup, cooldownNow } = request
  const wanted = { stepsToTrain, cooldownFinish }
  const optimizerStep = Math.floor(done / aggregate)
  if (previous !== null && !noStepPickup) {
    const same = previous.wanted.stepsToTrain === stepsToTrain && previous.wanted.cooldownFinish === cooldownFinish
    const coolingDown = done < previous.steps && previous.cooldownSteps > 0 && optimizerStep >= previous.cooldownStart
    if (cooldownNow ? coolingDown : same) return previous
  }
  const wantedSteps = stepsToTrain + (noStepPickup ? done : 0)
  const optimizerSteps = Math.floor(wantedSteps / aggregate)
  if (optimizerSteps === 0) {
    throw new AotError(
      'AOT_CONFIG',
      `the run has ${formatNumberOf(wantedSteps, 'minibatch', 'minibatches')}, fewer than training_params.aggregate (${aggregate}), so not one optimizer ` +
        'step: raise steps_to_train (or give it more text), or lower aggregate or batch_size',
    )
  }
  if (cooldownNow) {
    const cooldownSteps = Math.max(1, Math.round(cooldownNowShare * optimizerSteps))
    const steps = (optimizerStep + cooldownSteps) * aggregate
    return { steps, cooldownStart: optimizerStep, cooldownSteps, wanted, cooldownNow: true }
  }
  const cooldownSteps = Math.round(cooldownFinish * optimizerSteps)
  return {
    steps: wantedSteps,
    cooldownStart: optimizerSteps - cooldownSteps,
    cooldownSteps,
    wanted,
    cooldownNow: false,
  }
}

/** Factor of the linear warm-up at optimizer step 0. */
const warmupFactor = 1e-7

/** The lr of optimizer step t, counted from 0. */
export function learningRate(t: number, schedule: Schedule, plan: Plan): number {
  const { lr, warmupSteps } = schedule
  const cooling = plan.cooldownSteps === 0 ? 1 : 1 - (t - plan.cooldownStart) / plan.cooldownSteps
  const cooldown = Math.max(0, Math.min(1, cooling))
  if (schedule.kind === 'restarts') return withRestarts(t, schedule) * cooldown
  const warmup = t >= warmupSteps ? 1 : warmupFactor + (1 - warmupFactor) * (t / warmupSteps)
  return lr * Math.min(warmup, cooldown)
}

/** Linear warm-up, then cosine periods, each `lrShrink` times as high as the one before. */
function withRestarts(t: number, schedule: Extract<Schedule, { kind: 'restarts' }>): number {
  const { lr, warmupSteps, oscilSteps, lrShrink, lrInit, lrMin } = schedule
  if (t < warmupSteps) return lrInit + ((lr - lrInit) * t) / warmupSteps
  const after = t - warmupSteps
  const cosine = (1 + Math.cos((Math.PI * (after % oscilSteps)) / oscilSteps)) / 2
  return lrShrink ** Math.floor(after / oscilSteps) * (lrMin + (lr - lrMin) * cosine)
}
