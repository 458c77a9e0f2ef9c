/** Several processes of world_child.ts under mpirun. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { packageRoot } from '../../ts/native.js'
import type { NativeMember } from '../../ts/native_world.js'
import type { ChildSettings } from './world_child.js'

const script = fileURLToPath(new URL('./world_child.js', import.meta.url))
export const addon = process.env.AOT_ADDON ?? join(packageRoot, 'build/Release/aot.node')
/** The flags here are those of Open MPI. */
export const hasMpi =
  existsSync(join(dirname(addon), 'aot_mpi.so')) &&
  `${spawnSync('mpirun', ['--version']).stdout}`.startsWith('mpirun (Open MPI)')

/** What a child has noted. */
export interface Line {
  process?: number
  rank?: number
  size?: number
  running?: true
  wrong?: string[]
  digest?: string
  text?: string
  texts?: string[]
  members?: NativeMember[]
  code?: string
  message?: string
  left?: true
  /** With which it ended by itself. */
  status?: number
}

export interface Ended {
  status: number | null
  signal: NodeJS.Signals | null
  printed: string
}

export class Job {
  readonly folder = mkdtempSync(join(tmpdir(), 'aot-world-'))
  readonly ended: Promise<Ended>
  private readonly child: ChildProcess
  private printed = ''
  private over = false

  private constructor(
    t: ExecutionContext,
    readonly size: number,
    before: string[],
    after: string[],
    env: NodeJS.ProcessEnv,
  ) {
    t.timeout(3 * 60_000)
    const words = [...before, process.execPath, script, this.folder, ...after]
    this.child = spawn(words[0] as string, words.slice(1), { env, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (text) => {
        this.printed += text
      })
    }
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject)
      this.child.on('close', (status, signal) => {
        this.over = true
        resolve({ status, signal, printed: this.printed })
      })
    })
    t.teardown(async () => {
      this.signal('SIGCONT')
      this.child.kill('SIGTERM')
      await this.ended
      rmSync(this.folder, { recursive: true, force: true })
    })
  }

  /** mpirun would end the others when one dies: by these flags it leaves them to themselves. */
  static readonly alone = ['--enable-recovery']

  static mpirun(
    t: ExecutionContext,
    size: number,
    what: string,
    settings: Partial<ChildSettings> = {},
    flags = Job.alone,
  ) {
    const env = { ...process.env, OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' }
    const before = ['mpirun', '--oversubscribe', '--bind-to', 'none', ...flags, '-np', `${size}`]
    return new Job(t, size, before, [what, JSON.stringify(settings)], env)
  }

  /** One process that no mpirun has started. */
  static single(t: ExecutionContext, what: string, env: NodeJS.ProcessEnv) {
    return new Job(t, 1, [], [what], { ...process.env, ...env })
  }

  lines(rank: number): Line[] {
    const file = join(this.folder, `${rank}.jsonl`)
    if (!existsSync(file)) return []
    const whole = readFileSync(file, 'utf8').split('\n').slice(0, -1)
    return whole.map((line) => JSON.parse(line) as Line)
  }
  /** All that it has noted, in one. */
  noted(rank: number): Line {
    return Object.assign({}, ...this.lines(rank)) as Line
  }
  get ranks(): number[] {
    return Array.from({ length: this.size }, (_, rank) => rank)
  }

  /** Until it is so; the job may not end before. */
  async until(so: (job: Job) => boolean): Promise<void> {
    while (!so(this)) {
      if (this.over) throw new Error(`the job ended before: ${this.printed}`)
      await sleep(10)
    }
  }
  running(): Promise<void> {
    return this.until((job) => job.ranks.every((rank) => job.noted(rank).running))
  }

  /** To one of them, or to all that have said who they are. */
  signal(signal: NodeJS.Signals, rank?: number): void {
    for (const one of rank === undefined ? this.ranks : [rank]) {
      const { process: number, status } = this.noted(one)
      if (number === undefined || status !== undefined) continue
      try {
        process.kill(number, signal)
      } catch {
        // It is gone.
      }
    }
  }
}
