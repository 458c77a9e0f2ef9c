/** Where a run's engine comes from: its newest checkpoint, another run's weights, or fresh ones. */
import type { Checkpoint } from '../checkpoints/store.js'
import { findWeights, modelOf } from '../checkpoints/weights.js'
import type { ResolvedRun } from '../config/types.js'
import { AotError } from '../errors.js'
import type { NativeEngine, NativeEngineClass } from '../native.js'

/** The engine at the checkpoint, exactly; AOT_DATA when it counts otherwise than the checkpoint. */
export async function resumeEngine(
  Engine: NativeEngineClass,
  run: ResolvedRun,
  checkpoint: Checkpoint,
  optimizerSteps: number,
): Promise<NativeEngine> {
  const engine = await Engine.load(checkpoint.folder, { device: run.device, threads: run.threads })
  if (engine.minibatch === checkpoint.step && engine.optimizerSteps === optimizerSteps) return engine
  engine.close()
  throw new AotError(
    'AOT_DATA',
    `${checkpoint.folder}: its files are not of one step (trainer.json ${checkpoint.step}, engine ${engine.minibatch}): bring them back from a copy, or give another --run-name to start anew`,
  )
}

/** An engine at step 0: with fresh weights, or with those that --init-from names (docs/weights.md). */
export async function newEngine(
  Engine: NativeEngineClass,
  run: ResolvedRun,
  initFrom: string | undefined,
): Promise<NativeEngine> {
  const { model, precision, seed } = run.config
  const options = { model, modelParams: run.modelParams, device: run.device, precision, seed, threads: run.threads }
  if (initFrom === undefined) return Engine.create(options)
  const weights = await initialWeights(initFrom, model)
  return Engine.create({ ...options, weights }).catch((error) => {
    if (!(error instanceof AotError) || error.code !== 'AOT_DATA') throw error
    const hint = `it must hold the weights of the config's model, ${model}, with its model_params`
    throw new AotError(error.code, `--init-from ${initFrom}: ${error.message}; ${hint}`)
  })
}

/** The file of the weights. AOT_CONFIG when they are of another kind of model. */
async function initialWeights(path: string, model: string): Promise<string> {
  try {
    const weights = await findWeights(path)
    const theirs = modelOf(weights)
    if (theirs === null || theirs === model) return weights.file
    throw new AotError('AOT_CONFIG', `its weights are of the model ${theirs}, the config's model is ${model}`)
  } catch (error) {
    throw error instanceof AotError ? new AotError(error.code, `--init-from ${path}: ${error.message}`) : error
  }
}
