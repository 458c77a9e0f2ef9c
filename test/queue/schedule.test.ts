/** The schedule of the queue under every order of events that a made-up machine comes to. */
import test from 'ava'
import { type Bytes, type Decision, Schedule } from '../../ts/queue/schedule.js'

function random(seed: number): (below: number) => number {
  let state = seed * 2654435761 + 1
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor(((state >>> 8) / 2 ** 24) * below)
  }
}

const plenty = { free: new Map([['memory', 1e12]]), need: () => new Map([['memory', 1]]) }
const starts = (decisions: Decision[]) =>
  decisions.map((d) => (d.kind === 'start' ? [d.run, d.place] : [d.run, d.kind]))

test('runs take the places in order, and the next one that is free', (t) => {
  const schedule = new Schedule([0, 1, 2, 3], 2)
  t.deepEqual(starts(schedule.place(plenty)), [
    [0, 0],
    [1, 1],
  ])
  t.false(schedule.place(plenty).length > 0)
  schedule.ended(1)
  t.deepEqual(starts(schedule.place(plenty)), [[2, 1]])
  schedule.ended(0)
  t.deepEqual(schedule.stop(), [3])
  t.deepEqual(schedule.place(plenty), [])
  t.false(schedule.isOver)
  schedule.ended(2)
  t.true(schedule.isOver)
})

test('memory that a run has not taken yet is not given again', (t) => {
  const need = () => new Map([['memory', 60]])
  const schedule = new Schedule([0, 1], 2)
  t.deepEqual(starts(schedule.place({ free: new Map([['memory', 100]]), need })), [[0, 0]])
  // Free as before: it has begun, but not taken what it needs.
  t.deepEqual(schedule.place({ free: new Map([['memory', 100]]), need }), [])
  schedule.settled(0)
  t.deepEqual(starts(schedule.place({ free: new Map([['memory', 60]]), need })), [[1, 1]])
})

test('what cannot fit an empty machine fails at once, what does not fit now waits', (t) => {
  const sizes = [60, 150, 60]
  const need = (run: number) => new Map([['memory', sizes[run] as number]])
  const schedule = new Schedule([0, 1, 2], 2)
  t.deepEqual(schedule.place({ free: new Map([['memory', 100]]), need }), [
    { kind: 'start', run: 0, place: 0 },
    { kind: 'never', run: 1, pool: 'memory', need: 150, free: 100 },
  ])
  t.deepEqual(schedule.waiting, [2])
  schedule.ended(0)
  t.deepEqual(starts(schedule.place({ free: new Map([['memory', 100]]), need })), [[2, 0]])
})

test('a run that waits for memory keeps its place from later ones, but only a place that it can have', (t) => {
  const pools = ['cuda:0', 'cuda:1', 'cuda:2']
  const sizes = [90, 90, 70, 10]
  const need = (run: number, place: number) => new Map([[pools[place] as string, sizes[run] as number]])
  // Two runs on each GPU would be place for two; the third GPU is too small for all but the last.
  const free = (zero: number, one: number) =>
    new Map([
      ['cuda:0', zero],
      ['cuda:1', one],
      ['cuda:2', 20],
    ])
  const schedule = new Schedule([0, 1, 2, 3], 3)
  t.deepEqual(starts(schedule.place({ free: free(100, 100), need })), [
    [0, 0],
    [1, 1],
    [3, 2],
  ])
  schedule.ended(3)
  t.deepEqual(schedule.place({ free: free(100, 100), need }), [])
  schedule.ended(1)
  t.deepEqual(starts(schedule.place({ free: free(100, 100), need })), [[2, 1]])
})

test('made-up events on made-up machines', (t) => {
  for (let seed = 1; seed <= 300; seed++) {
    const next = random(seed)
    const places = 1 + next(4)
    const runs = Array.from({ length: next(12) }, (_, run) => run)
    const capacity = new Map([
      ['memory', 100],
      ['cuda:0', 50 + next(100)],
      ['cuda:1', 50 + next(100)],
    ])
    const poolOf = Array.from({ length: places }, () => [...capacity.keys()][next(3)] as string)
    const sizes = runs.map(() => 1 + next(120))
    const need = (run: number, place: number): Bytes => new Map([[poolOf[place] as string, sizes[run] as number]])
    const schedule = new Schedule(runs, places)
    const at = new Map<number, { place: number; taken: number }>()
    const ended = new Set<number>()
    const begun: number[] = []
    let stopped = false
    const free = () => {
      const left = new Map(capacity)
      for (const { place, taken } of at.values()) {
        const pool = poolOf[place] as string
        left.set(pool, (left.get(pool) as number) - taken)
      }
      return left
    }
    const end = (run: number) => {
      t.false(ended.has(run), 'one end')
      ended.add(run)
    }
    const possible = (run: number, place: number) =>
      (sizes[run] as number) <= (capacity.get(poolOf[place] as string) as number)
    for (let event = 0; !schedule.isOver; event++) {
      t.true(event < 1000, 'comes to an end')
      const waiting = [...schedule.waiting]
      for (const decision of schedule.place({ free: free(), need })) {
        t.false(stopped, 'nothing begins after the stop')
        if (decision.kind === 'never') {
          t.false(poolOf.some((_, place) => possible(decision.run, place)))
          end(decision.run)
          continue
        }
        const { run, place } = decision
        t.false(
          [...at.values()].some((other) => other.place === place),
          'one run at a place',
        )
        at.set(run, { place, taken: 0 })
        begun.push(run)
        const earlier = waiting.filter((other) => other < run && schedule.waiting.includes(other))
        t.false(
          earlier.some((other) => possible(other, place)),
          'no earlier one could have had the place',
        )
        const promised = [...at].filter(([, other]) => poolOf[other.place] === poolOf[place])
        const sum = promised.reduce((sum, [other]) => sum + (sizes[other] as number), 0)
        t.true(sum <= (capacity.get(poolOf[place] as string) as number), 'all that begin have their memory')
      }
      const running = [...at.keys()]
      t.deepEqual([...schedule.running].sort(), [...running].sort())
      if (schedule.isOver) break
      t.true(running.length > 0, 'nothing waits for nothing')
      const run = running[next(running.length)] as number
      const what = next(10)
      if (what === 0 && !stopped) {
        stopped = true
        for (const dropped of schedule.stop()) end(dropped)
      } else if (what < 5) {
        const work = at.get(run) as { place: number; taken: number }
        work.taken = sizes[run] as number
        schedule.settled(run)
      } else {
        at.delete(run)
        schedule.ended(run)
        end(run)
      }
    }
    t.deepEqual([...ended].sort(), [...runs].sort())
  }
})
