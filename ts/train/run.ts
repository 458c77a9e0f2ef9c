/** One training run from its config to its result: sets up, or goes on from where an earlier start ended. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ioError, makeFolder, replaceFile } from '../checkpoints/durable.js'
import { CheckpointStore } from '../checkpoints/store.js'
import type { ResolvedRun, RunOptions, RunResult, TrainWorld } from '../config/types.js'
import { openSinks } from '../logging/open.js'
import type { Sink } from '../logging/sink.js'
import { TrainProgress } from '../logging/train_progress.js'
import { type NativeAddon, nativeFor } from '../native.js'
import { ensureSynth } from '../synth/ensure.js'
import { type Dataset, findTokenFile, openDataset } from './dataset.js'
import { introduce } from './introduction.js'
import { TrainLoop } from './loop.js'
import { saveRunTokenizer } from './run_tokenizer.js'
import { makePlan, type Plan } from './schedule.js'
import { newEngine, resumeEngine } from './start.js'
import { checkDataset, checkFixedKeys, configHash, fixedKeys, parseState } from './state.js'
import { TokenText } from './text.js'
import {
  alone,
  type Beginning,
  checkSameDataset,
  DistantStore,
  hearBeginning,
  silentProgress,
  silentSinks,
  tellBeginning,
} from './world.js'

/** What a run works with; tests give others. */
export interface Surroundings {
  native: Pick<NativeAddon, 'Engine' | 'BatchLoader' | 'TokenStore' | 'Tokenizer' | 'FileLock'>
  /** Takes the lines for the user. */
  print(line: string): void
  /** For the progress bar; null: plain lines. */
  terminal: NodeJS.WriteStream | null
  /** Told of the metrics besides those of the config. */
  sinks?: Sink[]
}

function usual(device: string): Surroundings {
  return {
    native: nativeFor(device),
    print: (line) => process.stdout.write(`${line}\n`),
    terminal: process.stderr.isTTY ? process.stderr : null,
  }
}

/**
 * Trains one run to its end, or until options.signal, and saves it in run.runFolder; a run that is there already goes on
 * from its newest whole checkpoint. Rejects with an AotError: AOT_CONFIG (a config that does not fit tokenizer, data or
 * the run that is there, or a run in use by another process), AOT_DATA (data or checkpoints that do not hold), AOT_IO,
 * AOT_DEVICE, AOT_MEMORY, AOT_NUMERIC (a loss or gradient that is not finite: weights and checkpoints stay as they were).
 */
export async function trainRun(
  run: ResolvedRun,
  options: RunOptions,
  surroundings: Surroundings = usual(run.device),
): Promise<RunResult> {
  const world = options.world ?? alone
  const opened: { close(): void }[] = []
  const closing: Closing = (part) => {
    opened.push(part)
    return part
  }
  try {
    return await (world.rank === 0 ? lead : follow)(run, options, surroundings, world, closing)
  } finally {
    for (const part of opened.reverse()) part.close()
  }
}

/** Keeps what is to be closed at the end of the run, whatever comes of it. */
type Closing = <Part extends { close(): void }>(part: Part) => Part

function planFrom(run: ResolvedRun, options: RunOptions, dataset: Dataset, { step, before }: Beginning): Plan {
  return makePlan({
    stepsToTrain: run.config.training_params.steps_to_train ?? dataset.train.batches,
    cooldownFinish: run.schedule.kind === 'cooldown' ? run.schedule.cooldownFinish : 0,
    aggregate: run.config.training_params.aggregate,
    done: step,
    previous: before?.plan ?? null,
    noStepPickup: options.noStepPickup,
    cooldownNow: options.cooldownNow,
  })
}

/** The first process, or the only one: has the run folder, and says what is to be said. */
async function lead(
  run: ResolvedRun,
  options: RunOptions,
  surroundings: Surroundings,
  world: TrainWorld,
  closing: Closing,
): Promise<RunResult> {
  const { native, print, terminal } = surroundings
  const { config, runFolder } = run
  const training = config.training_params
  await ensureSynth(config, { print })
  findTokenFile(training.dataset_folder)
  const text = TokenText.load(native.Tokenizer, training.tokenizer_path, config.model_params.vocab_size, run.direction)
  await makeFolder(runFolder).catch((error) => {
    throw ioError('create the run folder', runFolder, error)
  })
  const lockFile = join(runFolder, 'lock')
  const lock = new native.FileLock(lockFile, {
    busy: `this run is being trained by {holder} (it holds ${lockFile}): wait for it to end, or give another --run-name`,
  })
  closing({ close: () => lock.release() })

  const store = await CheckpointStore.open(join(runFolder, 'state'), print)
  const checkpoint = await store.newest()
  const before = checkpoint === null ? null : parseState(checkpoint.folder, checkpoint.state)
  if (before !== null) checkFixedKeys(runFolder, before.fixed, fixedKeys(run))
  const dataset = closing(await openDataset(run, native, before?.dataset ?? null))
  if (before !== null) checkDataset(runFolder, dataset.path, before.dataset, dataset.identity)
  const step = checkpoint?.step ?? 0
  const beginning = { step, before, dataset: dataset.identity }
  const plan = planFrom(run, options, dataset, beginning)
  await tellBeginning(world, run, beginning)
  const engine = closing(
    checkpoint !== null && before !== null
      ? await resumeEngine(native.Engine, run, checkpoint, before.optimizer_steps)
      : await newEngine(native.Engine, run, options.initFrom),
  )
  await engine.synchronise()
  if (checkpoint !== null && options.initFrom !== undefined) {
    print(`--init-from is not used: the run goes on from its own checkpoint ${step}`)
  }
  if (checkpoint === null && existsSync(join(runFolder, 'config.json'))) {
    print(`${runFolder} was begun but has no checkpoint yet: it starts from the beginning`)
  }
  if (text.tokenizer !== null) await saveRunTokenizer(text.tokenizer, runFolder)
  // What an ended run was trained with stands, whatever a later start says.
  const isOver = before !== null && step >= plan.steps && before.validated_step === step
  if (!isOver || before.config_sha256 === configHash(run)) {
    await replaceFile(join(runFolder, 'config.json'), `${JSON.stringify(config, null, 2)}\n`)
  }
  introduce({ run, plan, engine, dataset, text, step, print })

  const tokensPerStep = training.batch_size * dataset.train.attnLength
  const { watcher } = options
  const progress = new TrainProgress({ start: step, total: plan.steps, tokensPerStep, print, terminal, watcher })
  const bytes = {
    metrics: before?.metrics_bytes ?? 0,
    samples: before?.samples_bytes ?? 0,
    validWindows: before?.valid_windows_bytes ?? 0,
  }
  const sinks = openSinks({ run, step, bytes, progress, more: surroundings.sinks ?? [] })
  const { signal, turn } = options
  const parts = { run, plan, engine, dataset, text, store, sinks, progress, signal, world, turn }
  return await sinks.during(step, () => new TrainLoop(parts, step, before).run())
}

/** Every other process: takes its share of each batch, keeps no files and says nothing. */
async function follow(
  run: ResolvedRun,
  options: RunOptions,
  { native }: Surroundings,
  world: TrainWorld,
  closing: Closing,
): Promise<RunResult> {
  const beginning = await hearBeginning(world, run)
  const { step, before } = beginning
  const dataset = closing(await openDataset(run, native, beginning.dataset))
  checkSameDataset(world, dataset.path, beginning.dataset, dataset.identity)
  const plan = planFrom(run, options, dataset, beginning)
  const text = TokenText.load(native.Tokenizer, null, run.config.model_params.vocab_size, run.direction)
  const engine = closing(await newEngine(native.Engine, run, undefined))
  await engine.synchronise()
  const store = new DistantStore(before === null ? null : step)
  const silent = { sinks: silentSinks, progress: silentProgress }
  const parts = { run, plan, engine, dataset, text, store, ...silent, signal: options.signal, world }
  return await new TrainLoop(parts, step, before).run()
}
