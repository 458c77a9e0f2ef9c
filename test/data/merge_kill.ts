/** Merges in processes of their own that are killed (SIGKILL) at seeded moments. */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { makeFolder, partsOf, writeText, writeTokens } from './shards.js'

const script = fileURLToPath(new URL('./merge_child.js', import.meta.url))

/** Merges; kills the process so many milliseconds after it began to (null: never). Gives what it printed after that. */
export async function mergeInChild(
  virtual: string,
  out: string,
  killAfter: number | null,
  prefix: string[] = [],
): Promise<{ killed: boolean; printed: string; milliseconds: number }> {
  const words = [...prefix, process.execPath, script, virtual, out]
  const child = spawn(words[0] as string, words.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] })
  let printed = ''
  let start = 0
  child.stdout.on('data', (text) => {
    printed += text
    if (start !== 0 || !printed.startsWith('go\n')) return
    start = performance.now()
    if (killAfter !== null) setTimeout(() => child.kill('SIGKILL'), killAfter)
  })
  const signal = await new Promise<NodeJS.Signals | null>((resolve) => {
    child.on('close', (_, by) => resolve(by))
  })
  return { killed: signal === 'SIGKILL', printed: printed.slice(3), milliseconds: performance.now() - start }
}

/** Kills merges of one text until `kills` were killed; each one that ends has the right bytes, whatever went before. */
export async function killMerges(t: ExecutionContext, kills: number, seed: number): Promise<void> {
  const folder = makeFolder(t)
  const parts = partsOf(Array.from({ length: 40 }, (_, i) => (i * 977) % 5000))
  const { path } = await writeText(folder, 'text', parts, 'uint16')
  const whole = join(folder, 'whole.h5')
  await writeTokens(whole, Int32Array.from(parts.flatMap((part) => [...part])), 'uint16')
  const expected = readFileSync(whole)
  const before = readdirSync(folder).sort()
  const out = join(folder, 'merged.h5')

  const unbroken = await mergeInChild(path, out, null)
  t.true(readFileSync(out).equals(expected), unbroken.printed)
  rmSync(out)
  let state = seed
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  let killed = 0
  let ended = 0
  let resumed = 0
  while (killed < kills || ended === 0) {
    const run = await mergeInChild(path, out, killed < kills ? random() * unbroken.milliseconds * 0.8 : null)
    if (existsSync(out)) t.true(readFileSync(out).equals(expected), 'a merged file is whole')
    if (run.killed) {
      killed++
      continue
    }
    ended++
    t.true(existsSync(out), run.printed)
    if ((JSON.parse(run.printed) as { resumedAt: number }).resumedAt > 0) resumed++
    t.deepEqual(readdirSync(folder).sort(), [...before, 'merged.h5'].sort(), 'nothing else is left')
    rmSync(out)
  }
  t.log(`${killed} kills, ${ended} merges ended, ${resumed} of them went on with what was there`)
  t.true(resumed > 0)
}
