import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ExecutionContext } from 'ava'
import { AotError, type AotErrorCode } from '../../ts/errors.js'

const goldens = new URL('../../../test/goldens/data/', import.meta.url)

/** The path of a file of test/goldens/data. */
export const golden = (name: string): string => new URL(name, goldens).pathname

export const readGolden = <T>(name: string): T => JSON.parse(readFileSync(golden(name), 'utf8')) as T

/** The first 16 digits of the sha256 of the numbers, joined by commas. */
export const digest = (values: ArrayLike<number>): string =>
  createHash('sha256').update(Array.from(values).join(',')).digest('hex').slice(0, 16)

/** Token i of the golden files. */
export const token = (i: number): number => (i * 7919) % 997

/** The golden files' tokens [from, to). */
export const tokens = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, i) => token(from + i))

/** Asserts the code and the whole message of an AotError; the HDF5 library's version reads N there. */
export function throwsAot(t: ExecutionContext, body: () => unknown, code: AotErrorCode, message: string): void {
  const error = t.throws(body, { instanceOf: AotError })
  t.is(error?.message.replace(/HDF5 \d+\.\d+\.\d+/, 'HDF5 N'), message)
  t.is(error?.code, code)
}
