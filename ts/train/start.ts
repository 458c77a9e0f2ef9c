/** Where a run's engine comes from: its newest checkpoint, another run's weights, or fresh ones. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Checkpoint, readCheckpoint } from '../checkpoints/store.js'
import type { ResolvedRun } from '../config/types.js'
import { AotError } from '../errors.js'
import type { NativeEngine, NativeEngineClass } from '../native.js'

/** The model.safetensors that --init-from names: of a checkpoint folder, or of the newest checkpoint of a run folder. */
export async function initialWeights(folder: string): Promise<string> {
  const latest = join(folder, 'state', 'latest')
  const from = existsSync(latest) ? join(folder, 'state', (await readFile(latest, 'utf8')).trim()) : folder
  const weights = join(from, 'model.safetensors')
  if (!existsSync(weights)) {
    throw new AotError(
      'AOT_IO',
      `--init-from ${folder}: there is no ${weights}: name a run folder or a folder of its state`,
    )
  }
  // A checkpoint is verified; a folder of weights from elsewhere has nothing to verify it by.
  if (existsSync(join(from, 'trainer.json'))) {
    await readCheckpoint(from).catch((error) => {
      throw error instanceof AotError ? new AotError(error.code, `--init-from ${folder}: ${error.message}`) : error
    })
  }
  return weights
}

/** The engine at the checkpoint, exactly; AOT_DATA when it counts otherwise than the checkpoint. */
export async function resumeEngine(
  Engine: NativeEngineClass,
  run: ResolvedRun,
  checkpoint: Checkpoint,
  optimizerSteps: number,
): Promise<NativeEngine> {
  const engine = await Engine.load(checkpoint.folder, { device: run.device })
  if (engine.minibatch === checkpoint.step && engine.optimizerSteps === optimizerSteps) return engine
  engine.close()
  throw new AotError(
    'AOT_DATA',
    `${checkpoint.folder}: its files are not of one step (trainer.json ${checkpoint.step}, engine ${engine.minibatch}): bring them back from a copy, or give another --run-name to start anew`,
  )
}

export async function newEngine(
  Engine: NativeEngineClass,
  run: ResolvedRun,
  initFrom: string | undefined,
): Promise<NativeEngine> {
  const { model, precision, seed } = run.config
  const weights = initFrom === undefined ? undefined : await initialWeights(initFrom)
  return Engine.create({ model, modelParams: run.modelParams, device: run.device, precision, seed, weights })
}
