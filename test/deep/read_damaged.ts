/**
 * Run as a process: read_damaged.js <golden file> <folder> <files>. Opens and reads that many damaged copies of the file;
 * prints how many could be read and how many were refused.
 */
import { readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AotError } from '../../ts/errors.js'
import { native } from '../../ts/native.js'

/** Damages one to three bytes of a good file, mostly of its metadata, or cuts it. */
function damage(good: Buffer, seed: number): Buffer {
  let state = seed * 7919 + 13
  const below = (bound: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
  const bytes = Buffer.from(good)
  for (let left = 1 + below(3); left > 0; left--) {
    const place = below(below(4) === 0 ? bytes.length : Math.min(bytes.length, 2600))
    const values = [below(256), (bytes[place] as number) ^ (1 << below(8)), 0, 255, 127, 128]
    bytes[place] = values[below(values.length)] as number
  }
  return below(10) === 0 ? bytes.subarray(0, below(bytes.length)) : bytes
}

const [, , good = '', folder = '', files = ''] = process.argv
const bytes = readFileSync(good)
const path = join(folder, 'damaged.h5')
const counts = { read: 0, refused: 0 }
for (let seed = 0; seed < Number(files); seed++) {
  // A file of its own each time: HDF5 remembers those that are open.
  writeFileSync(path, damage(bytes, seed))
  try {
    const store = native.TokenStore.open(path)
    await store.maxId()
    store.close()
    counts.read++
  } catch (error) {
    if (!(error instanceof AotError) || !['AOT_DATA', 'AOT_IO'].includes(error.code)) throw error
    counts.refused++
  }
  unlinkSync(path)
}
process.stdout.write(JSON.stringify(counts))
