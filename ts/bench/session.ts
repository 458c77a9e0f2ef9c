/** One run of aot-bench: what is measured, by whom, and what is left of it when it was stopped half-way. */
import { resolve } from 'node:path'
import { loadConfigFile } from '../config/load.js'
import { AotError } from '../errors.js'
import { type Ceilings, measureCeilings } from './ceilings.js'
import { benchOps, selectCalls } from './ops.js'
import { addPeerCeilings, peerOpRows, peerTrainRows } from './peer_rows.js'
import type { Peers } from './peers.js'
import type { Row } from './record.js'
import { type ModelShape, type ShapeSet, shapeSetFor, shapeSets } from './shapes.js'
import { measureTraining, trainRows } from './train.js'

export type Precision = 'fp32' | 'bf16'

export interface SessionOptions {
  /** runTrain: several with commas, a replica on each. */
  device: string
  precisions: readonly Precision[]
  /** Of each cpu. */
  threads: number
  shapes: ShapeSet | null
  /** Names of models, or config files; empty: all of the shapes. */
  models: readonly string[]
  /** null: no peers. */
  peers: Peers | null
  signal: AbortSignal
  /** Hears of each row as it is measured. */
  onRow: (row: Row) => void
}

interface NamedShape {
  name: string
  shape: ModelShape
  /** What the config says; null: as asked for. */
  precision: Precision | null
}

/** @throws AotError AOT_CONFIG for a name that is no model of the set and no config file. */
export function selectModels({ device, shapes, models }: Pick<SessionOptions, 'device' | 'shapes' | 'models'>) {
  const name = shapes ?? shapeSetFor(device)
  const set: Record<string, ModelShape> = shapeSets[name]
  if (models.length === 0)
    return Object.entries(set).map(([key, shape]): NamedShape => ({ name: key, shape, precision: null }))
  return models.map((model): NamedShape => {
    const shape = set[model]
    if (shape !== undefined) return { name: model, shape, precision: null }
    if (model.includes('.') || model.includes('/')) return configShape(model)
    throw new AotError(
      'AOT_CONFIG',
      `"${model}" is no config file and none of the models of --shapes ${name}: ${Object.keys(set).join(', ')}`,
    )
  })
}

function configShape(path: string): NamedShape {
  const { config } = loadConfigFile(resolve(path))
  const { batch_size } = config.training_params
  const params = config.model_params
  const shape: ModelShape = {
    model: config.model,
    vocab_size: params.vocab_size,
    n_layers: params.n_layers,
    n_heads: 'n_heads' in params ? params.n_heads : 1,
    embed_dim: params.embed_dim,
    attn_length: params.attn_length,
    mlp_ratio: 'mlp_ratio' in params ? params.mlp_ratio : 4,
    dropout: params.dropout,
    batch: batch_size,
  }
  return { name: path.replace(/^.*\//, '').replace(/\.jsonc?$/, ''), shape, precision: config.precision ?? null }
}

async function ceilingsOf(
  options: SessionOptions,
  precisions: readonly Precision[],
  seconds: number,
): Promise<Ceilings> {
  const { device, threads, peers, signal, onRow } = options
  const { ceilings, rows } = await measureCeilings(device, precisions, seconds, { threads })
  for (const row of rows) onRow(row)
  if (peers === null || signal.aborted) return ceilings
  for (const row of await addPeerCeilings(peers, ceilings, { device, threads, precisions, seconds })) onRow(row)
  return ceilings
}

/** What all devices can do together: cpus at once, of GPUs the first for each. */
async function ceilingsOfAll(
  options: SessionOptions,
  precisions: readonly Precision[],
  seconds: number,
): Promise<Ceilings> {
  const devices = options.device.split(',')
  const [device] = devices as [string]
  if (device === 'cpu')
    return ceilingsOf({ ...options, device, threads: options.threads * devices.length }, precisions, seconds)
  const one = await ceilingsOf({ ...options, device }, precisions, seconds)
  const all = (rate: number | null) => (rate === null ? null : rate * devices.length)
  return { ...one, matmul: { fp32: all(one.matmul.fp32), bf16: all(one.matmul.bf16) } }
}

export async function runOps(options: SessionOptions & { ops: readonly string[]; seconds: number }): Promise<void> {
  const { device, precisions, threads, ops, seconds, peers, signal, onRow } = options
  const models = selectModels(options).map(({ shape }) => shape)
  selectCalls(models, ops) // says what is wrong before anything is measured
  const ceilings = await ceilingsOf(options, precisions, seconds)
  const rows = await benchOps({ device, precisions, threads, models, ops, seconds, signal }, ceilings, onRow)
  if (peers === null || signal.aborted) return
  for (const row of await peerOpRows(peers, rows, { device, threads, seconds }, ceilings)) onRow(row)
}

export async function runTrain(options: SessionOptions & { steps: number }): Promise<void> {
  const { device, threads, steps, peers, signal, onRow } = options
  const models = selectModels({ ...options, device: device.split(',')[0] as string })
  const precisions = [...new Set(models.flatMap(({ precision }) => precision ?? options.precisions))]
  const ceilings = await ceilingsOfAll(options, precisions, 0.5)
  for (const { name, shape, precision: own } of models) {
    for (const precision of own === null ? options.precisions : [own]) {
      if (signal.aborted) return
      const request = { device, precision, threads, shape, steps }
      for (const row of trainRows(name, request, await measureTraining(request, signal), ceilings)) onRow(row)
      if (peers === null || signal.aborted) continue
      for (const row of await peerTrainRows(peers, name, request, ceilings)) onRow(row)
    }
  }
}
