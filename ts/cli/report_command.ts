/** What aot-report does: reads runs, compares them, writes the report or serves it. */
import { existsSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { comparisonFile } from '../arrow/comparison.js'
import type { ArrowResult } from '../arrow/types.js'
import { Collector } from '../report/collect.js'
import { findRuns, folderOf } from '../report/find_runs.js'
import { ReportServer } from '../report/server.js'
import { summaryText } from '../report/summary_text.js'
import { Watch } from '../report/watch.js'
import { writeReport } from '../report/write.js'
import { outlastReaders, stopOnSignals } from './command.js'
import { parseReportArguments, type ReportArguments } from './report_arguments.js'

const command = 'aot-report'
const say = (line: string) => process.stderr.write(`${command}: ${line}\n`)

export async function reportCommand(words: readonly string[]): Promise<void> {
  const given = await parseReportArguments(words)
  if (given === null) return
  outlastReaders()
  const collector = new Collector(given.paths, onceEach(say))
  if (given.serve !== null) return serve(given, given.serve.port, collector)
  const results = collector.collect()
  const written = await writeReport(folderFor(given), results, { title: given.title ?? titleOf(given.paths, results) })
  if (given.json) {
    process.stdout.write(`${JSON.stringify({ report: written, results })}\n`)
    return
  }
  process.stdout.write(`${summaryText(results)}\n\n${written.html}\n`)
  const [picture] = written.pictures
  if (picture !== undefined) process.stdout.write(`${picture.png}\n`)
}

async function serve({ paths, title }: ReportArguments, port: number | null, collector: Collector): Promise<void> {
  const server = new ReportServer(title ?? titleOf(paths, []))
  const signal = stopOnSignals(command, null)
  // Runs may be in their first minutes, but a path that is not there at all is a slip of the pen.
  findRuns(paths)
  process.stdout.write(`${await server.listen(port)}\n`)
  say('follows the runs until ^C; the page is for this machine alone')
  let watch: Watch | undefined
  try {
    await new Promise<void>((done, failed) => {
      signal.addEventListener('abort', () => done())
      watch = new Watch(paths, {
        collect: () => collector.collect(),
        changed: (results) => server.show(results),
        trouble: say,
        failed,
      })
      watch.start()
    })
  } finally {
    watch?.stop()
    await server.close()
  }
}

/** A comparison has its report beside it. */
function folderFor({ folder, paths }: ReportArguments): string {
  if (folder !== null) return folder
  const [first, ...more] = paths.map(folderOf)
  return first !== undefined && more.length === 0 && existsSync(join(first, comparisonFile)) ? first : 'report'
}

function titleOf(paths: readonly string[], results: readonly ArrowResult[]): string {
  if (results.length === 1) return (results[0] as ArrowResult).name
  return paths.length === 1 ? basename(resolve(folderOf(paths[0] as string))) : 'Arrows of time'
}

/** Lines that were said already are not said again. */
function onceEach(say: (line: string) => void): (line: string) => void {
  const said = new Set<string>()
  return (line) => {
    if (!said.has(line)) say(line)
    said.add(line)
  }
}
