/**
 * The training loop. Everything that happens depends on the number of minibatches done alone, never on when the process
 * was started, so that a run that was killed and went on does the same as one that was not.
 */
import type { CheckpointStore } from '../checkpoints/store.js'
import type { ResolvedRun, RunResult, RunTurn, TrainWorld } from '../config/types.js'
import { AotError } from '../errors.js'
import type { MetricsPlace } from '../logging/metrics_jsonl.js'
import type { Sinks } from '../logging/sinks.js'
import type { TrainProgress } from '../logging/train_progress.js'
import type { NativeEngine } from '../native.js'
import type { Dataset } from './dataset.js'
import { generateSamples } from './sample.js'
import { learningRate, type Plan } from './schedule.js'
import { configHash, fixedKeys, type TrainerState } from './state.js'
import type { TokenText } from './text.js'
import { type Validation, validate } from './validation.js'
import { StopVote } from './world.js'

/** Global norm to which gradients are clipped. */
const clip = 1.0

/** Validation takes about this part of the minibatches: one validation of valid_steps batches every valid_steps * 25. */
const minibatchesPerValidBatch = 25

/** Minibatches that are issued before the oldest of them is waited for, so that a GPU never waits for the loop. */
const mostAhead = 2

export interface LoopParts {
  run: ResolvedRun
  plan: Plan
  engine: NativeEngine
  dataset: Dataset
  text: TokenText
  store: Pick<CheckpointStore, 'newestStep' | 'save' | 'backup'>
  sinks: Pick<Sinks, 'bytes' | 'train' | 'valid' | 'sample' | 'sync'>
  /** The terminal's sink, which is told of each minibatch too. */
  progress: Pick<TrainProgress, 'stepped'>
  signal: AbortSignal | undefined
  /** The processes that train the run. */
  world: TrainWorld
  /** Where others wait for the device, nothing is issued ahead. */
  turn?: RunTurn | undefined
}

/** Minibatches from one validation to the next. */
export function validEvery(run: ResolvedRun): number {
  return run.config.training_params.valid_steps * minibatchesPerValidBatch
}

export class TrainLoop {
  private step: number
  private savedStep: number
  /** Of the checkpoint of that step. */
  private savedValidation: number
  private optimizerSteps: number
  private lossSum: number
  private lossCount: number
  private lr: number | null
  private gradNorm: number | null
  private validatedStep: number
  private validation: Validation | null = null
  /** Minibatches that are issued, oldest first: each resolves when its loss and norm are counted. */
  private readonly ahead: Promise<void>[] = []
  /** When the last one was done, or the first issued. */
  private clock = 0
  /** Since the last line of metrics, in this process. */
  private seconds = 0
  private tokens = 0
  /** Tokens a second, smoothed, for the bar. */
  private rate = 0
  private readonly vote: StopVote

  /** `before`: the state of the checkpoint at `step` that the engine was loaded from; null for a new run. */
  constructor(
    private readonly parts: LoopParts,
    step: number,
    before: TrainerState | null,
  ) {
    this.step = this.savedStep = step
    this.optimizerSteps = before?.optimizer_steps ?? 0
    this.lossSum = before?.loss_sum ?? 0
    this.lossCount = before?.loss_count ?? 0
    this.lr = before?.lr ?? null
    this.gradNorm = before?.grad_norm ?? null
    this.validatedStep = this.savedValidation = before?.validated_step ?? 0
    this.vote = new StopVote(parts.world, parts.signal)
    parts.dataset.train.seek(step)
  }

  /** Trains to the end of the plan, or until the signal. What is due at a step is done before the next minibatch begins. */
  async run(): Promise<RunResult> {
    const { plan, turn } = this.parts
    const ahead = turn === undefined ? mostAhead - 1 : 0
    for (;;) {
      await turn?.begin(this.step)
      const atEnd = this.step >= plan.steps
      const stopping = await this.vote.stop()
      if (atEnd || stopping || this.anythingDue()) await this.settle(0)
      this.log()
      // A stop leaves a validation that is due to the next start, which finds it undone in the state.
      if (!stopping && this.validationDue(atEnd)) await this.validate()
      const stop = (await this.vote.stop()) && !(atEnd && this.validatedStep === this.step)
      await this.saveWhatIsDue(atEnd || stop)
      if (stop) return this.result(true)
      if (atEnd) break
      this.minibatch()
      await this.settle(ahead)
    }
    // A run that had ended before is measured again for its result; its files stay as they are.
    this.validation ??= await this.evaluate()
    return this.result(false)
  }

  /** Issues the next minibatch, and the optimizer step when it is the last of one. */
  private minibatch(): void {
    const { engine, dataset, run, plan } = this.parts
    const { aggregate } = run.config.training_params
    if (this.ahead.length === 0) this.clock = performance.now()
    this.step++
    const last = this.step % aggregate === 0
    const found = engine.accumulateFrom(dataset.train, 1 / aggregate, last)
    let stepped: ReturnType<typeof engine.optimizerStep> | null = null
    if (last) {
      this.lr = learningRate(this.optimizerSteps, run.schedule, plan)
      stepped = engine.optimizerStep({ lr: this.lr, clip })
      this.optimizerSteps++
    }
    const counted = this.count(this.step, found, stepped)
    counted.catch(() => {}) // settle() throws it
    this.ahead.push(counted)
  }

  /** Takes account of what minibatch `step` gave. */
  private async count(
    step: number,
    found: ReturnType<NativeEngine['accumulateFrom']>,
    stepped: ReturnType<NativeEngine['optimizerStep']> | null,
  ): Promise<void> {
    stepped?.catch(() => {}) // the loss comes first
    const { loss } = await this.finite(step, 'its loss', 'loss', found)
    if (stepped !== null) this.gradNorm = (await this.finite(step, 'the gradient norm', 'gradNorm', stepped)).gradNorm
    this.lossSum += loss
    this.lossCount++
    const now = performance.now()
    const seconds = (now - this.clock) / 1000
    this.clock = now
    this.seconds += seconds
    this.tokens += this.tokensPerStep
    this.rate = this.rate === 0 ? this.tokensPerStep / seconds : 0.9 * this.rate + (0.1 * this.tokensPerStep) / seconds
    this.parts.progress.stepped({ step, loss, tokensPerSecond: this.rate })
  }

  /** Waits until at most `most` minibatches are not done. The first that failed ends the run when the others are over. */
  private async settle(most: number): Promise<void> {
    while (this.ahead.length > most) {
      try {
        await this.ahead.shift()
      } catch (error) {
        await Promise.allSettled(this.ahead)
        throw error
      }
    }
  }

  /** Whether something is to be done at this step that asks for the numbers of all minibatches. */
  private anythingDue(): boolean {
    const {
      save_every: saveEvery,
      backup_every: backupEvery,
      step_log: stepLog,
    } = this.parts.run.config.training_params
    const { step } = this
    return (
      step % stepLog === 0 ||
      step % saveEvery === 0 ||
      this.validationDue(false) ||
      step % (backupEvery ?? step + 1) === 0
    )
  }

  /** What the engine found, when result[key] is a finite number and the engine says nothing else. */
  private async finite<Key extends string, Result extends Record<Key, number>>(
    step: number,
    name: string,
    key: Key,
    found: Promise<Result>,
  ): Promise<Result> {
    const failure = () => this.numericError(`at minibatch ${step}, before the weights were touched: ${name}`)
    const result = await found.catch((error) => {
      throw error instanceof AotError && error.code === 'AOT_NUMERIC' ? failure() : error
    })
    if (!Number.isFinite(result[key])) throw failure()
    return result
  }

  private numericError(where: string): AotError {
    const { newestStep } = this.parts.store
    const rest = newestStep === null ? 'nothing was saved yet' : `checkpoint ${newestStep} is whole`
    return new AotError(
      'AOT_NUMERIC',
      `training stopped ${where} is not a finite number; ${rest}: start again with a lower optim_params.lr or more warmup_steps`,
    )
  }

  private get tokensPerStep(): number {
    return this.parts.dataset.train.batchSize * this.parts.dataset.train.attnLength
  }

  private get place(): MetricsPlace {
    const { train } = this.parts.dataset
    return { step: this.step, epochs: this.step / train.batches, ksamples: (this.step * train.batchSize) / 1000 }
  }

  private log(): void {
    const { run, plan, sinks } = this.parts
    if (this.lossCount === 0 || this.step % run.config.training_params.step_log !== 0) return
    const loss = this.lossSum / this.lossCount
    const tokensPerSecond = this.tokens / this.seconds
    const lr = this.lr ?? learningRate(0, run.schedule, plan)
    sinks.train(this.place, { loss, lr, gradNorm: this.gradNorm, tokensPerSecond })
    this.lossSum = this.lossCount = this.seconds = this.tokens = 0
  }

  private validationDue(atEnd: boolean): boolean {
    if (this.step === 0 || this.validatedStep === this.step) return false
    return atEnd || this.step % validEvery(this.parts.run) === 0
  }

  private evaluate(): Promise<Validation | null> {
    const { engine, dataset, run, text } = this.parts
    return validate(engine, dataset.valid, dataset.validBatches, run.direction, text.bytes, () => this.vote.stop())
  }

  private async validate(): Promise<void> {
    const { engine, dataset, run, text, sinks, world } = this.parts
    const validation = await this.evaluate()
    if (validation === null) return
    if (!Number.isFinite(validation.loss)) throw this.numericError(`at step ${this.step}: the validation loss`)
    sinks.valid(this.place, validation)
    this.validation = validation
    this.validatedStep = this.step
    if (world.rank > 0) return
    for (const { ids, direction } of await generateSamples(
      engine,
      run.direction,
      dataset.train.attnLength,
      this.step,
    )) {
      sinks.sample({ step: this.step, text: text.decode(ids), quoted: text.quoted(ids), direction })
    }
  }

  private async saveWhatIsDue(now: boolean): Promise<void> {
    if (this.step === 0) return
    const { save_every: saveEvery, backup_every: backupEvery } = this.parts.run.config.training_params
    const backup = backupEvery !== null && this.step % backupEvery === 0
    // A start that only makes the last validation saves that it is made.
    const isSaved = this.savedStep === this.step && !(now && this.savedValidation !== this.validatedStep)
    if ((now || backup || this.step % saveEvery === 0) && !isSaved) await this.save()
    if (backup) await this.parts.store.backup(this.step)
  }

  private async save(): Promise<void> {
    const { store, engine, sinks } = this.parts
    sinks.sync(this.step)
    await store.save(this.step, (folder) => engine.save(folder), { ...this.state() })
    this.savedStep = this.step
    this.savedValidation = this.validatedStep
  }

  private state(): TrainerState {
    const { run, plan, dataset, sinks } = this.parts
    return {
      optimizer_steps: this.optimizerSteps,
      samples: this.step * dataset.train.batchSize,
      tokens: this.step * this.tokensPerStep,
      loss_sum: this.lossSum,
      loss_count: this.lossCount,
      lr: this.lr,
      grad_norm: this.gradNorm,
      validated_step: this.validatedStep,
      metrics_bytes: sinks.bytes.metrics,
      samples_bytes: sinks.bytes.samples,
      valid_windows_bytes: sinks.bytes.validWindows,
      plan,
      dataset: dataset.identity,
      fixed: fixedKeys(run),
      config_sha256: configHash(run),
    }
  }

  private result(stopped: boolean): RunResult {
    const validation = this.validation
    return {
      runFolder: this.parts.run.runFolder,
      step: this.step,
      stopped,
      validLoss: validation?.loss ?? null,
      validLossByDirection: validation?.lossByDirection ?? undefined,
      validWindows: validation === null ? null : { losses: validation.windowLosses, numbers: validation.windows },
    }
  }
}
