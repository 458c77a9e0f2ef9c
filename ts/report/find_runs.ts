/** Which comparisons and runs lie in and below a folder. Looks at names alone: what is in the files, others read. */
import { type Dirent, readdirSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { comparisonFile } from '../arrow/comparison.js'
import { ioError } from '../checkpoints/durable.js'
import { AotError } from '../errors.js'

/** What a run's figures are read from. */
export const runFiles = ['metrics.jsonl', 'valid_windows.jsonl', 'config.json', 'state/latest']

export interface Found {
  /** A folder with arrow.json, and the runs in and below it. */
  comparisons: { folder: string; runs: string[] }[]
  /** Runs that belong to no arrow.json. */
  runs: string[]
}

/** A grid is three folders deep from its project: project, comparison, cell, run. */
const deepest = 4

/** attn_length=8 before attn_length=16. */
const byNumber = new Intl.Collator('en', { numeric: true }).compare

/** A run's own folders hold no runs; some hold thousands of files. */
const insideRuns = new Set(['state', 'tensorboard', 'tokenizer', 'node_modules'])

/** @throws AotError AOT_IO when a path is not there or no folder. */
export function findRuns(paths: readonly string[]): Found {
  const found: Found = { comparisons: [], runs: [] }
  const seen = new Set<string>()
  for (const path of paths) look(folderOf(path), 0, null, found, seen)
  return found
}

/** The folder that a path means: arrow.json stands for the folder that it is in. */
export function folderOf(path: string): string {
  try {
    if (statSync(path).isDirectory()) return path
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw ioError('read', path, error)
    throw new AotError('AOT_IO', `${path}: no such folder; name a run, a comparison, or a folder with runs in it`)
  }
  if (basename(path) === comparisonFile) return dirname(path)
  throw new AotError('AOT_IO', `${path}: is a file; name the folder of the run or of the comparison`)
}

function look(
  folder: string,
  depth: number,
  comparison: Found['comparisons'][number] | null,
  found: Found,
  seen: Set<string>,
): void {
  let entries: Dirent[]
  let place: string
  try {
    place = realpathSync(folder)
    entries = readdirSync(folder, { withFileTypes: true })
  } catch (error) {
    // What goes away, or may not be read, below the named folder is no run.
    if (depth > 0) return
    throw ioError('read', folder, error)
  }
  // The same folder by two paths counts once.
  if (seen.has(place)) return
  seen.add(place)
  const names = new Set(entries.map(({ name }) => name))
  if (names.has('config.json') && names.has('metrics.jsonl')) {
    ;(comparison ?? found).runs.push(folder)
    return
  }
  let within = comparison
  if (names.has(comparisonFile)) {
    within = { folder, runs: [] }
    found.comparisons.push(within)
  }
  if (depth === deepest) return
  for (const name of [...names].sort(byNumber)) {
    if (insideRuns.has(name) || name.startsWith('.')) continue
    const path = join(folder, name)
    if (isFolder(path)) look(path, depth + 1, within, found, seen)
  }
}

/** Links lead on; one that leads nowhere, or round, is no folder. */
function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}
