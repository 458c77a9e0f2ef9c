/** The command line of aot-report. */
import { AotError } from '../errors.js'
import { type CommandLine, flag, parseOptions, text } from './options.js'

export interface ReportArguments {
  paths: string[]
  /** null: as the paths say. */
  folder: string | null
  /** null: as the results say. */
  title: string | null
  /** `port`: null is the first free of the usual ones, 0 any free one. */
  serve: { port: number | null } | null
  json: boolean
}

const options = {
  output: {
    ...text,
    alias: 'o',
    describe: 'Folder for report.html and pictures/',
    defaultDescription: 'the comparison, or ./report',
  },
  title: { ...text, describe: 'Heading of the report', defaultDescription: 'the name of what is compared' },
  serve: { ...flag, describe: 'Follow the runs in the browser, on this machine alone, until ^C' },
  port: { ...text, describe: 'With --serve; 0 is any free one', defaultDescription: '8765, or the next that is free' },
  json: { ...flag, describe: 'One JSON object: the files written, and every figure' },
  verbose: { ...flag, describe: 'On an error: the stack' },
} as const

const line: CommandLine = {
  command: 'aot-report',
  usage:
    '$0 <runs...> [options]\n\nA report of comparisons: one HTML file that needs no network, and its pictures as SVG and PNG.\n<runs>: folders of comparisons that aot-arrow made, run folders, or folders with such in them.',
  options,
  examples: [
    '$0 runs/arrows-of-time/primes',
    '$0 runs/mine/en-forward runs/mine/en-backward -o english',
    '$0 runs/arrows-of-time/primes --serve',
  ],
}

/** null: --help or --version was printed. */
export async function parseReportArguments(words: readonly string[]): Promise<ReportArguments | null> {
  const parsed = await parseOptions(line, words)
  if (parsed.kind === 'print') {
    process.stdout.write(parsed.text)
    return null
  }
  const { options: given } = parsed
  const [isServed, isJson] = [given.isSet('serve'), given.isSet('json')]
  const [folder, port] = [given.single('output'), given.single('port')]
  if (given.words.length === 0 || given.words.includes('')) {
    throw new AotError('AOT_CONFIG', 'name runs, or a comparison: aot-report <runs...> (--help tells more)')
  }
  if (isServed && folder !== undefined) {
    throw new AotError('AOT_CONFIG', '--serve writes no files: leave --output out, or --serve')
  }
  if (isServed && isJson) {
    throw new AotError('AOT_CONFIG', '--json is for what is written; with --serve the figures are at /arrow.json')
  }
  if (!isServed && port !== undefined) throw new AotError('AOT_CONFIG', '--port is for --serve: give both')
  return {
    paths: given.words,
    folder: folder ?? null,
    title: given.single('title') ?? null,
    serve: isServed ? { port: port === undefined ? null : portOf(port) } : null,
    json: isJson,
  }
}

function portOf(value: string): number {
  const port = /^\d+$/.test(value) ? Number(value) : Number.NaN
  if (port <= 65535) return port
  throw new AotError('AOT_CONFIG', `--port must be a whole number from 0 to 65535, not "${value}"`)
}
