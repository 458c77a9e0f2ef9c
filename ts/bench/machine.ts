/** Where a benchmark runs, and of which source. */
import { execFileSync } from 'node:child_process'
import { realpathSync } from 'node:fs'
import { arch, cpus, release, totalmem, type } from 'node:os'
import { native, packageRoot } from '../native.js'
import type { Machine } from './record.js'

/** `devices`: as the engine describes them. */
export function describeMachine(devices: string[]): Machine {
  return {
    processor: cpus()[0]?.model.replace(/\s+/g, ' ').trim() || `unknown ${arch()}`,
    cores: native.availableCores(),
    memory: totalmem(),
    system: `${type()} ${release()}`,
    node: process.version,
    devices,
  }
}

/** What the speed can depend on: a change to a test or a text, or a file of results, makes no other source. */
const sources = ['ts', 'native', 'cuda', 'bin', 'configs', 'CMakeLists.txt', 'package.json', 'package-lock.json']

/**
 * The commit of the repository at `root` itself, with `+` when source files differ from it or are not in it; null when
 * there is none there (the npm package and the bundle have none; a repository further up is another project's), it has
 * no commit, or git is missing.
 */
export function sourceCommit(root: string = packageRoot): string | null {
  // Set where git runs a hook: they would name another repository than the folder's.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_')))
  const git = (...words: string[]) =>
    execFileSync('git', words, { cwd: root, encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    if (realpathSync(git('rev-parse', '--show-toplevel')) !== realpathSync(root)) return null
    const commit = git('rev-parse', '--short', 'HEAD')
    return git('status', '--porcelain', '--', ...sources) === '' ? commit : `${commit}+`
  } catch {
    return null
  }
}
