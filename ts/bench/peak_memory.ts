/** The memory that a work takes beyond what its process had before. */
import { readFileSync, writeFileSync } from 'node:fs'

/** Bytes of a line of /proc/self/status; null where there is none. */
function statusBytes(name: string): number | null {
  try {
    const kilobytes = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    return kilobytes === undefined ? null : Number(kilobytes) * 1024
  } catch {
    return null
  }
}

/**
 * Starts to watch the resident memory of this process; the function returned gives its peak since, less what it was.
 * Where the system does not forget earlier peaks on request (it does on Linux), an earlier one counts too.
 */
export function watchMemory(): () => number {
  const before = statusBytes('VmRSS') ?? process.memoryUsage.rss()
  try {
    writeFileSync('/proc/self/clear_refs', '5')
  } catch {
    // Another system, or not allowed.
  }
  return () => Math.max(0, (statusBytes('VmHWM') ?? process.resourceUsage().maxRSS * 1024) - before)
}
