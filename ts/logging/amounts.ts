/** How amounts are written for people: decimal units, three digits. */

const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
const countUnits = ['', 'k', 'M', 'G', 'T']

function scaled(value: number, units: string[]): [string, string] {
  let unit = 0
  while (value >= 999.5 && unit + 1 < units.length) {
    value /= 1000
    unit++
  }
  const digits = unit === 0 && Number.isInteger(value) ? 0 : value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2
  return [value.toFixed(digits), units[unit] as string]
}

/** `1.25 GB` */
export function formatBytes(bytes: number): string {
  return scaled(bytes, byteUnits).join(' ')
}

/** `1.25M` */
export function formatCount(count: number): string {
  return scaled(count, countUnits).join('')
}

/** All digits, in groups: `1,234,567`. */
export function formatWhole(count: number): string {
  return count.toLocaleString('en-US')
}

/** `1 minibatch`, `2,000 minibatches`. */
export function formatNumberOf(count: number, singular: string, plural = `${singular}s`): string {
  return `${formatWhole(count)} ${count === 1 ? singular : plural}`
}

/** `0.4 s`, `45 s`, `3 min 20 s`, `2 h 05 min`, `4 d 03 h`; tenths only when it is no whole number. */
export function formatDuration(seconds: number): string {
  if (seconds > 0 && seconds < 9.95 && !Number.isInteger(seconds)) return `${seconds.toFixed(1)} s`
  const whole = Math.max(0, Math.round(seconds))
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0')
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`
  if (whole < 86400) return `${Math.floor(whole / 3600)} h ${two((whole % 3600) / 60)} min`
  return `${Math.floor(whole / 86400)} d ${two((whole % 86400) / 3600)} h`
}
