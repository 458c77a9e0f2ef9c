/** What the queue knows of each run, for its display and its summary. */

export interface Position {
  step: number
  total: number
  loss: number | null
  tokensPerSecond: number
  validLoss: number | null
}

export type RunState =
  | { kind: 'waiting' }
  | {
      kind: 'running'
      devices: string
      /** null: it has not begun yet. */
      position: Position | null
      /** Minibatches a second; 0 while unknown. */
      rate: number
      stopping: boolean
    }
  | ({ kind: 'done'; step: number; validLoss: number | null } & Past)
  /** `line`: what happened; ours: no mistake of the user. */
  | ({ kind: 'failed'; step: number | null; validLoss: number | null; line: string; isOurs: boolean } & Past)
  | ({ kind: 'stopped'; step: number | null; validLoss: number | null } & Past)

interface Past {
  /** null: it was not started by this command. */
  devices: string | null
  seconds: number | null
}

export interface QueueRun {
  name: string
  state: RunState
}
