/** The arrow in a line of text. */
import type { ArrowPoint } from './types.js'

export function signed(value: number, digits: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(digits)}`
}

/** `step 500: FW 1.2345  BW 1.2401  BW-FW +0.0056 nats [+0.0041, +0.0071]  +0.45 %` */
export function pointLine({ step, fw, bw, difference, ratio, interval }: ArrowPoint): string {
  const within = interval === null ? '' : ` [${signed(interval.low, 4)}, ${signed(interval.high, 4)}]`
  return `step ${step}: FW ${fw.toFixed(4)}  BW ${bw.toFixed(4)}  BW-FW ${signed(difference, 4)} nats${within}  ${signed(100 * ratio, 2)} %`
}
