/**
 * Linear circuits: x random in F2^n and y = A x, with A sparse and invertible over F2. From x each bit of y is the sum of
 * a few bits; from y each bit of x is that of many, for the inverse of a sparse matrix is not sparse.
 */
import type { SectionOf } from '../config/synth.js'
import { AotError } from '../errors.js'
import { counted, type Language } from './language.js'
import { Random } from './random.js'

/** [row][column], 0 or 1. */
export type BitMatrix = Uint8Array[]

export interface Circuit {
  matrix: BitMatrix
  inverse: BitMatrix
}

/** The ids of the bits 0 and 1 are 1 and 2. */
const characters = ['0', '1']

export function circuitsLanguage({ seed, bits, nonzeros, order }: SectionOf<'circuits'>): Language {
  const { matrix, inverse } = makeCircuit(bits, nonzeros ?? 2 * bits, new Random(seed, 'language'))
  const terms = matrix.map((row) => [...row.keys()].filter((column) => row[column] === 1))
  const [xAt, yAt] = order === 'xy' ? [0, bits] : [bits, 0]
  return {
    characters,
    exampleLength: 2 * bits,
    available: null,
    floor: Math.LN2 / 2,
    facts: ({ train, valid }) => [
      `${order === 'xy' ? '[x; A x]' : '[A x; x]'}, x of ${counted(bits, 'bit')}`,
      `A has ${ones(matrix)}, its inverse ${ones(inverse)}`,
      `${counted(train, 'example')} for training, ${counted(valid, 'example')} for validation`,
    ],
    start(part) {
      const random = new Random(seed, part)
      const x = new Uint8Array(bits)
      return (ids) => {
        for (let i = 0; i < bits; i++) {
          x[i] = random.below(2)
          ids[xAt + i] = (x[i] as number) + 1
        }
        for (const [row, columns] of terms.entries()) {
          let bit = 0
          for (const column of columns) bit ^= x[column] as number
          ids[yAt + row] = bit + 1
        }
      }
    },
  }
}

/**
 * A matrix of so many ones and its inverse: a random permutation, then ones at random places that keep it invertible.
 * With B the inverse of A, A + e(i) e(j)^T is invertible where B(j, i) = 0, and its inverse is B + B e(i) e(j)^T B
 * (Sherman and Morrison, over F2).
 */
export function makeCircuit(bits: number, nonzeros: number, random: Random): Circuit {
  if (nonzeros < bits) {
    throw new AotError(
      'AOT_CONFIG',
      `nonzeros: ${nonzeros} ones are too few for an invertible matrix of ${bits} rows: one a row is the least`,
    )
  }
  const matrix = zeros(bits)
  const inverse = zeros(bits)
  for (const [row, column] of shuffled(bits, random).entries()) {
    setOne(matrix, row, column)
    setOne(inverse, column, row)
  }
  for (let count = bits; count < nonzeros; count++) {
    const free = freePlaces(matrix, inverse)
    const place = free[free.length === 0 ? 0 : random.below(free.length)]
    if (place === undefined) {
      throw new AotError(
        'AOT_CONFIG',
        `nonzeros: with ${count} ones in ${bits} rows no other keeps the matrix invertible: lower nonzeros from ${nonzeros} to ${count}`,
      )
    }
    const [i, j] = [Math.floor(place / bits), place % bits]
    setOne(matrix, i, j)
    const columnI = inverse.map((row) => row[i] as number)
    const rowJ = Uint8Array.from(inverse[j] as Uint8Array)
    for (const [r, row] of inverse.entries()) {
      if (columnI[r] === 1) for (const [c, bit] of rowJ.entries()) row[c] = (row[c] as number) ^ bit
    }
  }
  return { matrix, inverse }
}

/** Places (i, j) as i * bits + j. */
function freePlaces(matrix: BitMatrix, inverse: BitMatrix): number[] {
  const free: number[] = []
  for (const [i, row] of matrix.entries()) {
    for (const [j, bit] of row.entries()) if (bit === 0 && inverse[j]?.[i] === 0) free.push(i * matrix.length + j)
  }
  return free
}

function shuffled(count: number, random: Random): number[] {
  const order = Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1)
    const value = order[i] as number
    order[i] = order[j] as number
    order[j] = value
  }
  return order
}

function zeros(bits: number): BitMatrix {
  return Array.from({ length: bits }, () => new Uint8Array(bits))
}

function setOne(matrix: BitMatrix, row: number, column: number): void {
  ;(matrix[row] as Uint8Array)[column] = 1
}

export function countOnes(matrix: BitMatrix): number {
  return matrix.reduce((count, row) => row.reduce((sum, bit) => sum + bit, count), 0)
}

function ones(matrix: BitMatrix): string {
  const count = countOnes(matrix)
  const cells = matrix.length ** 2
  return `${counted(count, 'one')} of ${cells} (${((100 * count) / cells).toFixed(1)} %)`
}
