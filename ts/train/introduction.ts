/** What a run says of itself before it begins. */
import type { ResolvedRun } from '../config/types.js'
import { formatNumberOf, formatWhole } from '../logging/amounts.js'
import type { NativeBatchLoader, NativeEngine } from '../native.js'
import type { Dataset } from './dataset.js'
import { validEvery } from './loop.js'
import type { Plan } from './schedule.js'
import type { TokenText } from './text.js'

export interface Introduction {
  run: ResolvedRun
  plan: Plan
  engine: NativeEngine
  dataset: Dataset
  text: TokenText
  /** Where it goes on from; 0 for a new run. */
  step: number
  print(line: string): void
}

const minibatches = (count: number) => formatNumberOf(count, 'minibatch', 'minibatches')

/** Parameters, device, data and steps, and one window of training and of validation as the model sees it. */
export function introduce({ run, plan, engine, dataset, text, step, print }: Introduction): void {
  const { model, precision, training_params: training } = run.config
  const { train, valid } = dataset
  const { aggregate } = training
  const cooldown =
    plan.cooldownSteps === 0
      ? ''
      : `, lr falls to 0 over the last ${formatNumberOf(plan.cooldownSteps, 'optimizer step')}`
  print(`run: ${run.runFolder}${step === 0 ? '' : `, goes on from step ${formatWhole(step)}`}`)
  print(`model: ${model}, ${run.direction.kind}, ${formatWhole(engine.parameterCount)} parameters, ${precision}`)
  print(`device: ${engine.description}`)
  print(`data: ${dataset.path}, ${formatWhole(dataset.identity.tokens)} tokens`)
  print(
    `windows of ${train.attnLength} tokens: ${formatWhole(train.length)} for training (${minibatches(train.batches)} an epoch), ${formatWhole(dataset.validBatches * valid.batchSize)} for validation`,
  )
  print(
    `steps: ${minibatches(plan.steps)} of ${formatNumberOf(train.batchSize, 'window')} (${formatNumberOf(Math.floor(plan.steps / aggregate), 'optimizer step')})${cooldown}; validation every ${formatWhole(validEvery(run))} and at the end`,
  )
  if (step >= plan.steps) print('nothing is left to train: raise steps_to_train, or use --no-step-pickup')
  example('training', train, text, print)
  example('validation', valid, text, print)
}

/** The first window of the part; the loader is left behind it. */
function example(part: string, loader: NativeBatchLoader, text: TokenText, print: (line: string) => void): void {
  loader.seek(0)
  const { inputs, targets } = loader.next()
  print(`a ${part} window, input:  ${text.quoted(inputs.slice(0, loader.attnLength))}`)
  print(`a ${part} window, target: ${text.quoted(targets.slice(0, loader.attnLength))}`)
}
