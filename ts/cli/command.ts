/** What every command shares: one line for an error, the exit status, `--verbose`. */
import { AotError } from '../errors.js'

/** 2 for the user's error, 1 for ours. */
export function exitStatus(error: unknown): 1 | 2 {
  return error instanceof AotError && error.code !== 'AOT_INTERNAL' ? 2 : 1
}

/** The one line a person sees; with `verbose` the stack follows. */
export function describeError(command: string, error: unknown, verbose: boolean): string {
  const known = error instanceof AotError
  const message = error instanceof Error ? error.message : String(error)
  const line = `${command}: ${message.replaceAll('\n', ' ')}${known ? '' : ' (our mistake: please report it with --verbose)'}`
  return verbose && error instanceof Error && error.stack ? `${line}\n${error.stack}` : line
}

/** Runs a command's body; on an error prints its line to stderr and sets the exit status. */
export async function runCommand(command: string, body: () => Promise<void>): Promise<void> {
  try {
    await body()
  } catch (error) {
    process.stderr.write(`${describeError(command, error, process.argv.includes('--verbose'))}\n`)
    process.exitCode = exitStatus(error)
  }
}

/** Exit status of a command that a signal ended, as shells give it. */
const signalStatus = { SIGINT: 130, SIGTERM: 143 }

/**
 * Aborts on the first ^C or SIGTERM, for work that then saves its state and ends; the second one ends the process at once.
 * `promise`: what is said then; null: nothing.
 */
export function stopOnSignals(command: string, promise: string | null = 'the state is saved first'): AbortSignal {
  const controller = new AbortController()
  for (const [name, status] of Object.entries(signalStatus)) {
    process.once(name, () => {
      process.exitCode = status
      if (promise !== null) process.stderr.write(`${command}: stopping; ${promise}\n`)
      controller.abort()
    })
  }
  return controller.signal
}

/** Work goes on when nobody reads its output any more (`| head`, a terminal that was closed); what it prints is lost. */
export function outlastReaders(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error
    })
  }
}
