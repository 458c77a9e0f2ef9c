/** How figures are written in the report: digits that mean something, a true minus sign, a dash for what is not known. */
import type { Interval } from '../arrow/types.js'

type Figure = number | null | undefined

const unknown = '–'

const isKnown = (value: Figure): value is number => typeof value === 'number' && Number.isFinite(value)

/** `least` digits after the point, more when there would be nothing but zeros. */
function fixed(value: number, least: number): string {
  const size = Math.abs(value)
  const digits = size === 0 || size >= 1 ? least : Math.min(12, Math.max(least, -Math.floor(Math.log10(size))))
  const text = size.toFixed(digits)
  return value < 0 && Number(text) !== 0 ? `−${text}` : text
}

/** `2.8802`: a loss. */
export function plain(value: Figure, digits = 4): string {
  return isKnown(value) ? fixed(value, digits) : unknown
}

/** `+0.0218`, `−0.0031`, `0.0000`: a difference. */
export function signed(value: Figure, digits = 4): string {
  if (!isKnown(value)) return unknown
  return value > 0 ? `+${fixed(value, digits)}` : fixed(value, digits)
}

/** `+0.76 %` of a ratio of 0.0076. */
export function percent(ratio: Figure, digits = 2): string {
  return isKnown(ratio) ? `${signed(ratio * 100, digits)} %` : unknown
}

/** `+0.0190 to +0.0246` */
export function range(interval: Interval | null): string {
  return interval === null ? unknown : `${signed(interval.low)} to ${signed(interval.high)}`
}

/** `95 % interval over seeds and windows, 40 blocks of text` */
export function describeInterval({ level, over, blocks }: Interval): string {
  return `${Number((level * 100).toPrecision(4))} % interval over ${over}, ${blocks} blocks of text`
}

/** Ticks of an axis: as few digits as the number has. */
export function tick(value: number): string {
  const text = String(Number(Math.abs(value).toPrecision(6)))
  return value < 0 ? `−${text}` : text
}

/** `250`, `1.5k`, `20M`: counts along an axis. */
export function shortCount(count: number): string {
  const power = [1e9, 1e6, 1e3].find((unit) => count >= unit) ?? 1
  return `${tick(count / power)}${{ 1: '', 1e3: 'k', 1e6: 'M', 1e9: 'G' }[power]}`
}
