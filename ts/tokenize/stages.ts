/** What the parts of a work took, in the order in which they began. */
import { formatDuration } from '../logging/amounts.js'

export type Stage =
  | 'looking at the files'
  | 'planning'
  | 'verifying'
  | 'counting'
  | 'learning merges'
  | 'encoding'
  | 'flushing'

export class Stages {
  readonly #seconds = new Map<Stage, number>()

  add(stage: Stage, seconds: number): void {
    this.#seconds.set(stage, this.seconds(stage) + seconds)
  }

  /** Of a stage that has not been: 0. */
  seconds(stage: Stage): number {
    return this.#seconds.get(stage) ?? 0
  }

  async time<Result>(stage: Stage, body: () => Promise<Result>): Promise<Result> {
    const started = performance.now()
    try {
      return await body()
    } finally {
      this.add(stage, (performance.now() - started) / 1000)
    }
  }

  addAll(others: Stages): this {
    for (const [stage, seconds] of others.#seconds) this.add(stage, seconds)
    return this
  }

  /** `planning 0.1 s, encoding 2 min 03 s`: what took time. */
  toString(): string {
    return [...this.#seconds]
      .filter(([, seconds]) => seconds >= 0.05)
      .map(([stage, seconds]) => `${stage} ${formatDuration(seconds)}`)
      .join(', ')
  }
}
