/** How quiet the machine is while something is measured. */
import { readFileSync } from 'node:fs'
import { type Noise, type Row, timeOf } from './record.js'

/** Of /proc, in ticks of 1/100 s (USER_HZ, the same on every Linux). */
interface Ticks {
  total: number
  busy: number
  steal: number
  /** Of this process and those of its children that have ended. */
  own: number
}

const ticksPerSecond = 100

/** `stat`: the text of /proc/stat; `selfStat`: of /proc/self/stat; `cpu`: process.cpuUsage(). */
export function countTicks(stat: string, selfStat: string, cpu: { user: number; system: number }): Ticks {
  // cpu user nice system idle iowait irq softirq steal guest guest_nice; user and nice hold the guests' time too.
  const numbers = (stat.split('\n')[0] ?? '').trim().split(/\s+/).slice(1, 9).map(Number)
  const [, , , idle = 0, waiting = 0, , , steal = 0] = numbers
  const total = numbers.reduce((sum, ticks) => sum + ticks, 0)
  // After the name, which may hold blanks and parentheses: state is field 3, cutime and cstime 16 and 17.
  const fields = selfStat.slice(selfStat.lastIndexOf(')') + 2).split(' ')
  const children = Number(fields[13]) + Number(fields[14])
  const own = ((cpu.user + cpu.system) / 1e6) * ticksPerSecond + children
  return { total, busy: total - idle - waiting - steal, steal, own }
}

export function noiseBetween(before: Ticks, after: Ticks): Noise {
  const total = after.total - before.total
  if (!(total > 0)) return { steal: null, others: null }
  const others = after.busy - before.busy - (after.own - before.own)
  return { steal: (after.steal - before.steal) / total, others: Math.max(0, others) / total }
}

function readTicks(): Ticks | null {
  try {
    return countTicks(readFileSync('/proc/stat', 'utf8'), readFileSync('/proc/self/stat', 'utf8'), process.cpuUsage())
  } catch {
    return null
  }
}

/**
 * Call it before the measurement, and what it returns after it. Both are parts of all processors' time in between, from
 * /proc/stat, which shows the host also in a container: `others` then holds the neighbours' work, on processors that may
 * not be ours. Children count as our own once they have ended and were waited for. null where there is no /proc/stat, and
 * between moments closer than its ticks of 10 ms.
 */
export function watchNoise(): () => Noise {
  const before = readTicks()
  return () => {
    const after = readTicks()
    return before === null || after === null ? { steal: null, others: null } : noiseBetween(before, after)
  }
}

const percent = (part: number) => `${(part * 100).toFixed(part < 0.0995 ? 1 : 0)} %`

/**
 * One line for people, or null when it was quiet: more than 1 % of the processors' time kept by the hypervisor, more than
 * 5 % taken by other processes, or more than a tenth between p20 and p80 of the middle row.
 */
export function noiseWarning({ steal, others }: Noise, rows: readonly Row[]): string | null {
  const spreads = rows.map(({ time }) => (time.p80 - time.p20) / time.median)
  const spread = spreads.length === 0 ? 0 : timeOf(spreads).median
  const found = [
    steal !== null && steal > 0.01 && `the hypervisor kept ${percent(steal)} of the processors' time for others`,
    others !== null && others > 0.05 && `other processes took ${percent(others)} of the processors' time`,
    spread > 0.1 && `from p20 to p80 the middle row varies by ${percent(spread)}`,
  ].filter((part) => part !== false)
  return found.length === 0 ? null : `the machine was not quiet, figures may be off: ${found.join('; ')}`
}
