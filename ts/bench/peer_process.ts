/** A program that is asked by one line of JSON and answers with lines of JSON: what measures a peer, in its own process. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { endGroup, keepGroup } from '../process_groups.js'
import { systemReason } from '../tokenize/corpus.js'

export interface AskOptions {
  /** Seconds without a line after which the process, and its children, are killed. */
  silence: number
  /** Aborted: they are killed at once. */
  signal?: AbortSignal | undefined
  onAnswer: (line: string) => void
}

/** How it ended: null when it did its work, `absent` when there is no such program, or else what went wrong. */
export async function askProcess(
  [program, ...args]: [string, ...string[]],
  request: object,
  { silence, signal, onAnswer }: AskOptions,
): Promise<null | { absent: string } | { failed: string }> {
  signal?.throwIfAborted()
  const child = spawn(program, args, {
    stdio: 'pipe',
    detached: true,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  })
  const group = keepGroup(child)
  let hung = false
  const timer = setTimeout(() => {
    hung = true
    endGroup(group)
  }, silence * 1000)
  const stop = () => endGroup(group)
  signal?.addEventListener('abort', stop)
  let lastWords = ''
  try {
    const ended = new Promise<null | { absent: string } | { failed: string }>((resolve) => {
      child.once('error', (error: NodeJS.ErrnoException) =>
        resolve({ absent: error.code === 'ENOENT' ? 'there is no such program' : systemReason(error) }),
      )
      child.once('close', (status, killer) => {
        const how = status === null ? `ended by ${killer}` : `exit status ${status}`
        if (hung) resolve({ failed: `stopped after ${silence} s without an answer` })
        else resolve(status === 0 ? null : { failed: `${how}${lastWords === '' ? '' : `: ${lastWords}`}` })
      })
    })
    child.stdin.on('error', () => {}) // one that has ended takes no request; how it ended is told
    child.stdin.end(`${JSON.stringify(request)}\n`)
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (line.trim() !== '') lastWords = line.trim().slice(0, 300)
    })
    createInterface({ input: child.stdout }).on('line', (line) => {
      timer.refresh()
      onAnswer(line)
    })
    const end = await ended
    signal?.throwIfAborted()
    return end
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
    endGroup(group)
  }
}
