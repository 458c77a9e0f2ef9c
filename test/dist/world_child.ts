/**
 * One of several processes, run by mpirun: world_child.js <folder> <what> [<settings as JSON>]. What it finds it writes to
 * <folder>/<rank>.jsonl, a line each: mpirun does not bring the last words of one that it ends.
 */
import { createHash } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { AotError } from '../../ts/errors.js'
import { native } from '../../ts/native.js'
import type { NativeChannel, NativeWorld } from '../../ts/native_world.js'

export interface ChildSettings {
  silenceSeconds: number
  stallSeconds: number
  /** The process that does something else than the others. */
  who: number
}

const [, , folder = '', what = '', given = '{}'] = process.argv
const settings: ChildSettings = { silenceSeconds: 20, stallSeconds: 200, who: -1, ...JSON.parse(given) }

/** Whole numbers and fractions that an addition rounds, others for each rank. */
function numbers(count: number, rank: number, seed: number): Float32Array {
  let state = (rank + 1) * 7919 + seed
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state / 2 ** 31 - 1) * 2 ** (state % 7)
  })
}

/** The same sum in the order of the ranks, each step rounded to float. */
function summed(parts: Float32Array[]): Float32Array {
  const sum = Float32Array.from(parts[0] as Float32Array)
  for (const part of parts.slice(1)) {
    for (let i = 0; i < sum.length; i++) sum[i] = Math.fround((sum[i] as number) + (part[i] as number))
  }
  return sum
}

const bytesOf = (array: Float32Array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength)
const ranks = (world: NativeWorld) => Array.from({ length: world.size }, (_, rank) => rank)

/** Every collective once, with so many elements; what was wrong. */
async function wrongWith(world: NativeWorld, channel: NativeChannel, count: number, digest: (bytes: Buffer) => void) {
  const wrong: string[] = []
  const parts = ranks(world).map((rank) => numbers(count, rank, count))
  const own = parts[world.rank] as Float32Array

  const reduced = Float32Array.from(own)
  await channel.allReduce(reduced)
  digest(bytesOf(reduced))
  if (!bytesOf(reduced).equals(bytesOf(summed(parts)))) wrong.push(`allReduce of ${count}`)

  for (const root of ranks(world)) {
    const bytes = Buffer.from(bytesOf(own)).subarray(0, count)
    await channel.broadcast(bytes, root)
    if (!bytes.equals(bytesOf(parts[root] as Float32Array).subarray(0, count)))
      wrong.push(`broadcast of ${count} by ${root}`)
  }

  // Shares of different lengths, the first of them empty.
  const ends: number[] = []
  for (const rank of ranks(world)) ends.push((ends[rank - 1] ?? 0) + (rank === 0 ? 0 : count + rank))
  const begins = [0, ...ends]
  const share = (rank: number) => Buffer.alloc(rank === 0 ? 0 : count + rank, rank + count)
  const gathered = Buffer.alloc(ends[world.size - 1] as number)
  share(world.rank).copy(gathered, begins[world.rank])
  await channel.allGather(gathered, ends)
  if (!gathered.equals(Buffer.concat(ranks(world).map(share)))) wrong.push(`allGather of ${count}`)

  await channel.barrier()
  return wrong
}

async function allCollectives(world: NativeWorld, note: (line: object) => void): Promise<void> {
  const hash = createHash('sha256')
  const channel = await world.openChannel()
  const wrong: string[] = []
  for (const count of [0, 1, 2, 3, 7, 1001, 16_385, 70_000, 2_097_152, 5_242_883]) {
    wrong.push(...(await wrongWith(world, channel, count, (bytes) => hash.update(bytes))))
  }
  const text = await world.broadcast(world.rank === 0 ? 'aé✓' : null)
  const texts = await world.allGather('x'.repeat(world.rank * 3))
  note({ wrong, digest: hash.digest('hex'), text, texts, members: world.members })
}

/** Channels of different threads do not disturb each other. */
async function severalChannels(world: NativeWorld, note: (line: object) => void): Promise<void> {
  const channels: NativeChannel[] = []
  for (let i = 0; i < 4; i++) channels.push(await world.openChannel())
  const nothing = () => {}
  const work = channels.map(async (channel, i) => {
    const wrong: string[] = []
    for (let turn = 0; turn < 15; turn++) wrong.push(...(await wrongWith(world, channel, 1000 * i + turn, nothing)))
    return wrong
  })
  const texts: Promise<string>[] = []
  for (let i = 0; i < 20; i++) texts.push(world.broadcast(world.rank === 0 ? `${i}` : null))
  note({ wrong: (await Promise.all(work)).flat(), texts: await Promise.all(texts) })
}

/** Collectives without an end, on several channels, until one throws. */
async function endless(world: NativeWorld, note: (line: object) => void): Promise<void> {
  const channels = [await world.openChannel(), await world.openChannel()]
  note({ running: true })
  const work = channels.map(async (channel, i) => {
    const data = new Float32Array(i === 0 ? 300_000 : 100)
    while (true) await channel.allReduce(data)
  })
  const texts = async () => {
    while (true) await world.broadcast(world.rank === 0 ? 'go' : null)
  }
  await Promise.all([...work, texts()])
}

async function run(world: NativeWorld, note: (line: object) => void): Promise<void> {
  const me = world.rank === settings.who
  switch (what) {
    case 'collectives':
      await allCollectives(world, note)
      break
    case 'channels':
      await severalChannels(world, note)
      break
    case 'endless':
      await endless(world, note)
      break
    case 'fail':
      if (me) setTimeout(() => world.fail('the disk is full\nreally'), 300)
      await endless(world, note)
      break
    case 'exit': // amid what waits
      if (me) setTimeout(() => process.exit(3), 300)
      await endless(world, note)
      break
    case 'throw': // what nobody catches
      if (me) {
        setTimeout(() => {
          throw new Error('planted')
        }, 300)
      }
      await endless(world, note)
      break
    case 'late': // one does not come, but lives
      await world.barrier()
      note({ running: true })
      if (me) await new Promise(() => setInterval(() => world.check(), 50))
      await world.barrier()
      break
    case 'leave': // one is late, which is no fault
      if (me) await new Promise((resolve) => setTimeout(resolve, 500))
      break
  }
  await world.leave()
  note({ left: true })
}

let note = (_line: object) => {}
try {
  const world = await native.joinWorld(settings)
  note = (line) => appendFileSync(join(folder, `${world.rank}.jsonl`), `${JSON.stringify(line)}\n`)
  world.setDevices('cpu')
  await world.barrier()
  note({ process: process.pid, rank: world.rank, size: world.size })
  await run(world, note)
} catch (error) {
  if (!(error instanceof AotError)) throw error
  note({ code: error.code, message: error.message })
  process.stderr.write(`${error.code}: ${error.message}\n`)
  process.exitCode = 1
}
