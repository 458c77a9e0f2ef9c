/**
 * Which run starts where, and when. Nothing happens here: it is told of what happens and says what is to be done, so
 * that every order of events can be tried.
 *
 * Runs start in their order. One that must wait for memory keeps the places that it could have for itself: a later run
 * takes such a place only when the earlier one can never have it.
 */

/** Bytes by pool: `memory` is the machine's, which cpus share; each GPU has its own. */
export type Bytes = ReadonlyMap<string, number>

export interface Memory {
  /** That can be allocated now. */
  free: Bytes
  /** What the run takes at the place. */
  need(run: number, place: number): Bytes
}

export type Decision =
  | { kind: 'start'; run: number; place: number }
  /** It does not fit although nothing of the queue has memory there: where it lacks least. */
  | { kind: 'never'; run: number; pool: string; need: number; free: number }

interface Running {
  place: number
  need: Bytes
  /** It has all the memory that it needs, so that what is free no longer counts it. */
  settled: boolean
}

export class Schedule {
  readonly #running = new Map<number, Running>()
  #waiting: number[]

  /** `runs`: their numbers, in order. */
  constructor(
    runs: readonly number[],
    private readonly places: number,
  ) {
    this.#waiting = [...runs]
  }

  get running(): number[] {
    return [...this.#running.keys()]
  }

  get waiting(): readonly number[] {
    return this.#waiting
  }

  get isOver(): boolean {
    return this.#running.size === 0 && this.#waiting.length === 0
  }

  /** Whether place() could start something. */
  get hasRoom(): boolean {
    return this.#waiting.length > 0 && this.#running.size < this.places
  }

  ended(run: number): void {
    this.#running.delete(run)
  }

  settled(run: number): void {
    const running = this.#running.get(run)
    if (running !== undefined) running.settled = true
  }

  /** Nothing starts any more; gives the runs that waited. */
  stop(): number[] {
    const dropped = this.#waiting
    this.#waiting = []
    return dropped
  }

  /** What is to be done now; the runs that it starts count as running. */
  place(memory: Memory): Decision[] {
    const decisions: Decision[] = []
    const used = new Set([...this.#running.values()].flatMap(({ need }) => [...need.keys()]))
    const left = new Map(memory.free)
    for (const { need, settled } of this.#running.values()) if (!settled) take(left, need)
    const closed = new Set([...this.#running.values()].map(({ place }) => place))
    for (const run of [...this.#waiting]) {
      const all = Array.from({ length: this.places }, (_, place) => ({ place, need: memory.need(run, place) }))
      const possible = all.filter(({ need }) => lacking(memory.free, need, (pool) => !used.has(pool)) === null)
      if (possible.length === 0) {
        const lacks = all.map(({ need }) => lacking(memory.free, need, (pool) => !used.has(pool)) as Lack)
        const { pool, bytes, free } = lacks.reduce((a, b) => (b.bytes - b.free < a.bytes - a.free ? b : a))
        decisions.push({ kind: 'never', run, pool, need: bytes, free })
        this.#remove(run)
        continue
      }
      const fitting = possible.find(({ place, need }) => !closed.has(place) && lacking(left, need) === null)
      if (fitting === undefined) {
        for (const { place } of possible) closed.add(place)
        continue
      }
      const { place, need } = fitting
      closed.add(place)
      take(left, need)
      this.#running.set(run, { place, need, settled: false })
      this.#remove(run)
      decisions.push({ kind: 'start', run, place })
    }
    return decisions
  }

  #remove(run: number): void {
    this.#waiting = this.#waiting.filter((other) => other !== run)
  }
}

interface Lack {
  pool: string
  bytes: number
  free: number
}

/** The first pool, of those that count, in which it does not fit. */
function lacking(free: Bytes, need: Bytes, counts: (pool: string) => boolean = () => true): Lack | null {
  for (const [pool, bytes] of need) {
    const there = free.get(pool) ?? 0
    if (bytes > there && counts(pool)) return { pool, bytes, free: there }
  }
  return null
}

function take(left: Map<string, number>, need: Bytes): void {
  for (const [pool, bytes] of need) left.set(pool, (left.get(pool) ?? 0) - bytes)
}
