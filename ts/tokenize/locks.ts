/** Who may work on an output: one process, or several with a share of the units each. The system drops a dead one's locks. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { AotError } from '../errors.js'
import { type NativeFileLock, native } from '../native.js'
import type { Share } from './plan.js'

const lockName = 'lock'
const shareLock = /^lock\.\d+-of-(\d+)$/
const patience = { seconds: 120, between: 0.1 }

const busyLine = (what: string) =>
  `${what} is being worked on by {holder}: wait for it to end, or name another place with --out`

export type Release = () => void

function lockedTogether(locks: NativeFileLock[]): Release {
  return () => {
    for (const lock of locks.reverse()) lock.release()
  }
}

/** The whole output (`what`, for the message). @throws AotError AOT_CONFIG while others have it or a share of it. */
export function lockAll(folder: string, what: string): Release {
  return lockedTogether([new native.FileLock(join(folder, lockName), { busy: busyLine(what) })])
}

/** The numbers of shares into which the output is, or was, divided. */
export function sharesSeen(folder: string): number[] {
  const numbers = readdirSync(folder).flatMap((name) => shareLock.exec(name)?.[1] ?? [])
  return [...new Set(numbers.map(Number))].sort((a, b) => a - b)
}

/** One share of the output. @throws AotError AOT_CONFIG while the share, or one of another division, is worked on. */
export function lockShare(folder: string, what: string, { index, of }: Share): Release {
  const locks: NativeFileLock[] = []
  const take = (name: string, busy: string, shared = false) => {
    const lock = new native.FileLock(join(folder, name), { busy, shared })
    locks.push(lock)
    return lock
  }
  try {
    take(lockName, busyLine(what), true)
    take(`${lockName}.${index}-of-${of}`, busyLine(`--shard ${index}/${of} of ${what}`))
    // After one's own: of two that start at once, at least one sees the other.
    for (const name of readdirSync(folder)) {
      const other = Number(shareLock.exec(name)?.[1] ?? of)
      if (other === of) continue
      const busy = `${what} is being worked on in ${other} shares, by {holder} among others: use --shard i/${other}, or wait`
      take(name, busy).release()
      locks.pop()
    }
  } catch (error) {
    lockedTogether(locks)()
    throw error
  }
  return lockedTogether(locks)
}

/** What only one of several shares does at a time: the others wait for it. */
export async function oneAtATime<Result>(
  folder: string,
  what: string,
  signal: AbortSignal | undefined,
  body: () => Promise<Result>,
): Promise<Result> {
  const deadline = performance.now() + patience.seconds * 1000
  let lock: NativeFileLock | undefined
  while (lock === undefined) {
    signal?.throwIfAborted()
    try {
      lock = new native.FileLock(join(folder, `${lockName}.plan`), { busy: busyLine(what) })
    } catch (error) {
      const busy = error instanceof AotError && error.code === 'AOT_CONFIG'
      if (!busy || performance.now() > deadline) throw error
      await sleep(patience.between * 1000)
    }
  }
  try {
    return await body()
  } finally {
    lock.release()
  }
}
