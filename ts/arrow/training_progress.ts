/** One bar for all runs of a comparison that are trained in turns. */
import type { ResolvedRun } from '../config/types.js'
import { Progress, type ProgressStream } from '../logging/progress.js'
import type { PlannedCell, PlannedRun } from './plan.js'

interface Member {
  direction: string
  seed: number
  step: number
  /** Of this start. */
  first: number
  total: number | null
  loss: number | null
}

/** What a bar calls a direction. */
const shortNames: Record<string, string> = { forward: 'FW', backward: 'BW' }

export class TrainingProgress {
  readonly #members: Map<string, Member>
  readonly #stream: ProgressStream | undefined
  #bar: Progress | null = null

  constructor(cell: PlannedCell, stream?: ProgressStream) {
    this.#stream = stream
    this.#members = new Map(
      cell.seeds.flat().map((run) => {
        const { direction, seed } = run
        return [keyOf(run.on('cpu')), { direction, seed, step: 0, first: 0, total: null, loss: null }]
      }),
    )
  }

  /** A run that an earlier start has ended. */
  done(run: PlannedRun, step: number): void {
    Object.assign(this.#of(run.on('cpu')), { step, first: step, total: step })
  }

  begun(run: ResolvedRun, step: number, total: number): void {
    Object.assign(this.#of(run), { step, first: step, total })
  }

  stepped(run: ResolvedRun, step: number, loss: number): void {
    const member = this.#of(run)
    Object.assign(member, { step, loss })
    const members = [...this.#members.values()]
    // Runs that have not begun are as long as those that have.
    const longest = Math.max(...members.map(({ total }) => total ?? 0))
    const steps = members.reduce((sum, one) => sum + one.step, 0)
    const first = members.reduce((sum, one) => sum + one.first, 0)
    const total = members.reduce((sum, one) => sum + (one.total ?? longest), 0)
    this.#bar ??= new Progress({
      label: 'training',
      unit: 'step',
      initial: first,
      stream: this.#stream,
      lineSeconds: 10,
    })
    this.#bar.update(steps, total, this.#losses(member.seed))
  }

  log(line: string): void {
    if (this.#bar === null) (this.#stream ?? process.stderr).write(`${line}\n`)
    else this.#bar.log(line)
  }

  end(): void {
    this.#bar?.end(false)
  }

  #losses(seed: number): string {
    const parts: string[] = []
    for (const one of this.#members.values()) {
      if (one.seed !== seed || one.loss === null) continue
      parts.push(`${shortNames[one.direction] ?? one.direction} ${one.loss.toFixed(4)}`)
    }
    return parts.join(' ')
  }

  #of(run: ResolvedRun): Member {
    return this.#members.get(keyOf(run)) as Member
  }
}

const keyOf = ({ runFolder }: ResolvedRun) => runFolder
