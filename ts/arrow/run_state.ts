/**
 * What a run's newest checkpoint says of it, for a look in passing at a run that may be training: nothing is locked,
 * verified or waited for, and what cannot be read now is null.
 */
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { weightsName } from '../checkpoints/weights.js'
import { parseState, type TrainerState } from '../train/state.js'

export interface RunState {
  step: number
  folder: string
  state: TrainerState
  /** Of the model; null where its file cannot be read. */
  parameters: number | null
}

function newestFolder(stateFolder: string): string | null {
  const steps = readdirSync(stateFolder).filter((name) => /^\d+$/.test(name))
  const newest = steps.sort((a, b) => Number(b) - Number(a))[0]
  return newest === undefined ? null : join(stateFolder, newest)
}

/** null also while the checkpoint is being replaced, or when it is of another version. */
export function lookAtState(runFolder: string): RunState | null {
  try {
    const folder = newestFolder(join(runFolder, 'state'))
    if (folder === null) return null
    const { step, state } = JSON.parse(readFileSync(join(folder, 'trainer.json'), 'utf8'))
    return { step, folder, state: parseState(folder, state), parameters: countParameters(join(folder, weightsName)) }
  } catch {
    return null
  }
}

/** Numbers in the tensors of a safetensors file, by its header: u64 length, then JSON with the shape of each. */
function countParameters(path: string): number | null {
  try {
    const fd = openSync(path, 'r')
    try {
      const length = Buffer.alloc(8)
      readSync(fd, length, 0, 8, 0)
      const header = Buffer.alloc(Number(length.readBigUInt64LE()))
      readSync(fd, header, 0, header.length, 8)
      const { __metadata__, ...tensors } = JSON.parse(header.toString('utf8')) as Record<string, { shape: number[] }>
      const sizes = Object.values(tensors).map(({ shape }) => shape.reduce((size, side) => size * side, 1))
      return sizes.reduce((sum, size) => sum + size, 0)
    } finally {
      closeSync(fd)
    }
  } catch {
    return null
  }
}
