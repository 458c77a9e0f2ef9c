/** Small corpora for work in many units, and what a finished output holds, byte by byte. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { program, writeFiles } from './support.js'

/** Numbers below `below`, the same for a seed. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 8) % below
  }
}

/** Files of lines of made-up words, one of them empty, with bytes that are not UTF-8 and every line end. */
export function writeCorpus(folder: string, name: string, kilobytes: number, seed = 1): string[] {
  const random = randomOf(seed)
  const words = Array.from({ length: 500 }, () => (36 ** 2 + random(36 ** 5)).toString(36))
  const text = (bytes: number) => {
    let line = ''
    const lines: string[] = []
    for (let size = 0; size < bytes; size += line.length) {
      line = Array.from({ length: 5 + random(9) }, () => words[random(random(500) + 1)]).join(' ')
      lines.push(line + (random(9) === 0 ? '\r\n' : random(7) === 0 ? ' 日本語é\n' : '\n'))
    }
    return lines.join('')
  }
  const part = (kilobytes * 1000) / 4
  return writeFiles(folder, {
    [`${name}/a.txt`]: text(part),
    [`${name}/b.txt`]: text(part * 2),
    [`${name}/c.txt`]: '',
    [`${name}/d.txt`]: Buffer.concat([Buffer.from(text(part)), Buffer.from([0x20, 0xff, 0x61])]),
  })
}

/** Everything of the output `<name>.h5` in a folder that is a result: the file, the plan, the shards, their entries. */
export function outputOf(folder: string, name: string): Record<string, string> {
  const shards = join(folder, `${name}.shards`)
  const names = existsSync(shards) ? readdirSync(shards).filter((file) => !/^lock|^checked\.json$/.test(file)) : []
  const files = [...names.map((file) => `${name}.shards/${file}`), `${name}.h5`]
  return Object.fromEntries(
    files
      .filter((file) => existsSync(join(folder, file)))
      .map((file) => [file, readFileSync(join(folder, file)).toString('latin1')]),
  )
}

export interface Child {
  process: ChildProcess
  ended: Promise<{ status: number | null; signal: string | null; stdout: string; stderr: string }>
}

/** Starts `aot-tokenize` in a process of its own. */
export function startTokenize(folder: string, args: string[]): Child {
  const child = spawn(process.execPath, [program, ...args], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (data) => {
    stdout += data
  })
  child.stderr.on('data', (data) => {
    stderr += data
  })
  const ended = new Promise<Awaited<Child['ended']>>((resolve) => {
    child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr }))
  })
  return { process: child, ended }
}

/** Ends the child when `moment` has come, asked again and again; gives whether it was still there then. */
export async function endAt(child: Child, signal: 'SIGKILL' | 'SIGINT', moment: () => boolean): Promise<boolean> {
  let over = false
  void child.ended.then(() => {
    over = true
  })
  while (!over && !moment()) await new Promise((resolve) => setTimeout(resolve, 1))
  const sent = !over && child.process.kill(signal)
  await child.ended
  return sent
}

/** How many units of the output are entered. */
export function entriesIn(shards: string): number {
  return existsSync(shards) ? readdirSync(shards).filter((name) => /^\d{5}\.json$/.test(name)).length : 0
}

export function after(milliseconds: number): () => boolean {
  const begun = performance.now()
  return () => performance.now() - begun >= milliseconds
}
