/** Child processes that lead a process group of their own, so that they end with their children, and with this process. */
import type { ChildProcess } from 'node:child_process'

const groups = new Set<number>()
process.on('exit', () => {
  for (const group of groups) endGroup(group)
})

/** Of a child that was spawned `detached`: its group, undefined when it could not be started. */
export function keepGroup(child: ChildProcess): number | undefined {
  const group = child.pid
  if (group === undefined) return undefined
  groups.add(group)
  child.once('exit', () => groups.delete(group))
  return group
}

/** Kills the processes of a group at once. */
export function endGroup(group: number | undefined): void {
  if (group === undefined) return
  try {
    process.kill(-group, 'SIGKILL')
  } catch {
    // It has ended.
  }
}
