/** The token file of a run: found, checked against the config, and cut into training and validation batches. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { ResolvedRun } from '../config/types.js'
import { AotError } from '../errors.js'
import type { NativeAddon, NativeBatchLoader, NativeTokenStore } from '../native.js'

/** NumPy's seed of the order in the original. */
const orderSeed = 42

/** What a token file is known by: a run is only gone on with on the same one, wherever it lies. */
export interface DatasetIdentity {
  tokens: number
  /** SHA-256 of 64 stretches of 1024 tokens spread over the file. */
  fingerprint: string
  maxId: number
}

/** How two differ; null when they are the same. */
export function datasetMismatch(first: DatasetIdentity, second: DatasetIdentity): string | null {
  if (first.tokens !== second.tokens) return `${second.tokens} tokens instead of ${first.tokens}`
  return first.fingerprint === second.fingerprint ? null : 'other tokens'
}

export interface Dataset {
  path: string
  identity: DatasetIdentity
  train: NativeBatchLoader
  valid: NativeBatchLoader
  /** Validation batches. */
  validBatches: number
  close(): void
}

/** dataset_folder may be the .h5 file itself, or a folder with exactly one. */
export function findTokenFile(path: string): string {
  if (!existsSync(path)) {
    throw new AotError(
      'AOT_IO',
      `the dataset ${path} (training_params.dataset_folder) does not exist: make it with aot-tokenize`,
    )
  }
  if (!statSync(path).isDirectory()) return path
  const files = readdirSync(path)
    .filter((name) => name.endsWith('.h5'))
    .sort()
  if (files.length === 1) return join(path, files[0] as string)
  const found =
    files.length === 0
      ? 'no .h5 file'
      : `${files.length} .h5 files (${files.slice(0, 4).join(', ')}${files.length > 4 ? ', ...' : ''})`
  throw new AotError(
    'AOT_DATA',
    `the folder ${path} (training_params.dataset_folder) holds ${found}: ${files.length === 0 ? 'make one with aot-tokenize' : 'name one of them'}`,
  )
}

function fingerprint(store: NativeTokenStore): string {
  const [stretches, count] = [64, 1024]
  const hash = createHash('sha256')
  const last = Math.max(0, store.length - count)
  for (let i = 0; i < stretches; i++) {
    const ids = store.read(Math.floor((last * i) / (stretches - 1)), Math.min(count, store.length))
    hash.update(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength))
  }
  return hash.digest('hex')
}

/**
 * Opens the dataset and checks it. `known` is what an earlier start found: the largest id is not looked for again when the
 * file is the same, for that is a pass over the whole of it.
 */
export async function openDataset(
  run: ResolvedRun,
  native: Pick<NativeAddon, 'TokenStore' | 'BatchLoader'>,
  known: DatasetIdentity | null,
): Promise<Dataset> {
  const { training_params: training, model_params: model, split } = run.config
  const path = findTokenFile(training.dataset_folder)
  const store = native.TokenStore.open(path)
  const loaders: NativeBatchLoader[] = []
  const close = () => {
    for (const loader of loaders) loader.close()
    store.close()
  }
  try {
    if (store.length === 0)
      throw new AotError('AOT_DATA', `${path} holds no tokens: the text it was made from was empty`)
    const mark = fingerprint(store)
    const same = known !== null && known.tokens === store.length && known.fingerprint === mark
    const identity = { tokens: store.length, fingerprint: mark, maxId: same ? known.maxId : await store.maxId() }
    if (identity.maxId >= model.vocab_size) {
      throw new AotError(
        'AOT_CONFIG',
        `${path} holds the token id ${identity.maxId}, but model_params.vocab_size is ${model.vocab_size}: it was made with a larger tokenizer`,
      )
    }
    const validWindows = training.valid_steps * run.validBatchSize
    const windows = store.windows(run.windows).length
    const need = validWindows + training.batch_size
    if (windows < need) {
      throw new AotError(
        'AOT_DATA',
        `${path} has ${store.length} tokens, which make ${windows} windows, too few: validation takes ${validWindows} (valid_steps ${training.valid_steps} x ${run.validBatchSize}) and a training batch ${training.batch_size}: lower valid_steps or the batch sizes, or use more text`,
      )
    }
    const shared = {
      windows: run.windows,
      validWindows,
      split,
      seed: orderSeed,
      fastScrambling: training.fast_scrambling,
    }
    const train = new native.BatchLoader(store, { ...shared, part: 'train', batchSize: training.batch_size })
    loaders.push(train)
    const valid = new native.BatchLoader(store, { ...shared, part: 'valid', batchSize: run.validBatchSize })
    loaders.push(valid)
    if (train.batches === 0) {
      throw new AotError(
        'AOT_DATA',
        `${path} has too few tokens for a training batch of ${training.batch_size} windows`,
      )
    }
    return { path, identity, train, valid, validBatches: Math.min(training.valid_steps, valid.batches), close }
  } catch (error) {
    close()
    throw error
  }
}
