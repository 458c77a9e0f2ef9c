/** The words in which tables name rows and amounts. */
import { formatBytes } from '../logging/amounts.js'
import type { Row } from './record.js'

/** Who we are in `by`. */
export const ourselves = 'arrows-of-time'

/** Three digits; NaN and infinities never occur in a record. */
export function digits(value: number): string {
  const size = Math.abs(value)
  return value.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2)
}

const timeUnits: [number, string][] = [
  [1, 's'],
  [1e-3, 'ms'],
  [1e-6, 'µs'],
  [1e-9, 'ns'],
]

/** `1.25 ms` */
export function formatTime(seconds: number): string {
  const [unit, name] = timeUnits.find(([unit]) => seconds >= 0.9995 * unit) ?? [1e-9, 'ns']
  return `${digits(seconds / unit)} ${name}`
}

/** Half of what lies between two quantiles, as a part of the median: `±1.2 %`. */
export function formatSpread(median: number, low: number, high: number): string {
  return `±${formatPercent((high - low) / 2 / median)}`
}

/** `45.3 %` of 0.453; `120 %`. */
export function formatPercent(part: number): string {
  return `${(part * 100).toFixed(part >= 0.9995 ? 0 : 1)} %`
}

/**
 * Sizes as people write them, what else there is by its name: `16×256×192 → 768`, `16×256×192, 6 heads`,
 * `16×256×192, vocabulary 50257`, `268 MB`, `threads 2`.
 */
export function formatShape(shape: Row['shape']): string {
  const { batch, window, width, out, heads, bytes, ...rest } = shape
  const sizes = [batch, window, width].filter((size) => size !== undefined).join('×')
  const parts = [
    out === undefined ? sizes : `${sizes} → ${out}`.trim(),
    heads === undefined ? '' : `${heads} ${heads === 1 ? 'head' : 'heads'}`,
    bytes === undefined ? '' : formatBytes(Number(bytes)),
    ...Object.entries(rest).map(([key, value]) => `${key} ${value}`),
  ]
  return parts.filter((part) => part !== '').join(', ')
}

/** `PyTorch eager` of `PyTorch 2.13.0+cu126 eager`: its versions are compared with each other. */
export function withoutVersion(by: string): string {
  return by.replace(/ v?\d+(\.\d+)+\S*/, '')
}

/** The same for rows that measure the same thing, whoever does. */
export function workKey({ bench, name, device, precision, shape }: Row): string {
  const sizes = Object.entries(shape).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([bench, name, device, precision, sizes])
}
