/** Several processes under mpirun, which can be found and killed one by one. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

export interface JobEnded {
  status: number | null
  stdout: string
  stderr: string
}

export interface Job {
  /** mpirun itself. */
  child: ChildProcess
  ended: Promise<JobEnded>
  /** The process number of a rank; null where it is not there yet, or no more. */
  rank(number: number): number | null
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // the process has ended
  }
}

/** The child of mpirun that has this rank. */
function processOfRank(mpirun: number, rank: number): number | null {
  for (const name of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    // The name of the program, in parentheses, may hold anything; the parent is the second field after it.
    const parent = text(`/proc/${name}/stat`).split(') ').at(-1)?.split(' ')[1]
    if (Number(parent) !== mpirun) continue
    if (text(`/proc/${name}/environ`).split('\0').includes(`OMPI_COMM_WORLD_RANK=${rank}`)) return Number(name)
  }
  return null
}

/** Starts `words` as so many processes. */
export function mpirun(ranks: number, words: string[], more: string[] = []): Job {
  const options = ['--oversubscribe', '--bind-to', 'none', '-np', String(ranks), ...more]
  const env = { ...process.env, OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' }
  const child = spawn('mpirun', [...options, ...words], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<JobEnded>((resolve, reject) => {
    const printed = { stdout: '', stderr: '' }
    child.stdout.on('data', (part) => {
      printed.stdout += part
    })
    child.stderr.on('data', (part) => {
      printed.stderr += part
    })
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, ...printed }))
  })
  return { child, ended, rank: (number) => processOfRank(child.pid as number, number) }
}
