/** aot-arrow as a person runs it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Comparison } from '../../ts/arrow/comparison.js'
import { startCommand } from '../cli/start.js'

export const start = (folder: string, ...words: string[]) => startCommand('aot-arrow', folder, words)

/** A language and a model for both directions that take seconds; the window is two copies of three letters. */
export function writeConfig(folder: string, training: Record<string, unknown> = {}): string {
  const config = {
    synth: { language: 'copy', symbols: 6, length: 3, train: 2000, valid: 256 },
    precision: 'fp32',
    logging: [],
    model_params: { n_layers: 1, n_heads: 2, embed_dim: 16, dropout: 0 },
    training_params: {
      ...{ batch_size: 32, val_batch_size: 64, steps_to_train: 60, save_every: 20, backup_every: null, step_log: 10 },
      ...training,
    },
    optim_params: { lr: 0.01, warmup_steps: 5 },
  }
  const path = join(folder, 'tiny.json')
  writeFileSync(path, JSON.stringify(config))
  return path
}

export const folderOf = (folder: string) => join(folder, 'runs/arrows-of-time/tiny')

export function results(folder: string) {
  return (JSON.parse(readFileSync(join(folderOf(folder), 'arrow.json'), 'utf8')) as Comparison).results
}

/** What a resumed comparison must leave as an unbroken one does. */
export function outcome(folder: string): Record<string, string> {
  const names = ['arrow.json', 'report.html', 'pictures/arrow.svg', 'pictures/arrow.png']
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folderOf(folder), name), 'base64')]))
}

export function sizeOf(path: string): number {
  return existsSync(path) ? readFileSync(path).length : 0
}
