/** Runs in one process that take turns, a minibatch each, so that they share one device and their curves grow together. */
import type { RunTurn } from '../config/types.js'

interface Member {
  /** Minibatches done. */
  step: number
  /** Begins its turn; null while it has the turn or has not come to its first yet. */
  go: (() => void) | null
}

/** The next turn is that of the run which has done the fewest minibatches, when all have come for one. */
export class Turns {
  readonly #members: Member[] = []

  /** Before any of them begins. */
  join(): RunTurn & { leave(): void } {
    const member: Member = { step: 0, go: null }
    this.#members.push(member)
    return {
      begin: (step) =>
        new Promise((resolve) => {
          member.step = step
          member.go = resolve
          this.#next()
        }),
      leave: () => {
        const index = this.#members.indexOf(member)
        if (index < 0) return
        this.#members.splice(index, 1)
        this.#next()
      },
    }
  }

  #next(): void {
    if (this.#members.some(({ go }) => go === null)) return
    let next: Member | undefined
    for (const member of this.#members) {
      if (next === undefined || member.step < next.step) next = member
    }
    const go = next?.go
    if (next !== undefined) next.go = null
    go?.()
  }
}
