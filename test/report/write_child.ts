/** Writes two reports into a folder in turn until it is killed. */
import { writeReport } from '../../ts/report/write.js'
import { reports } from './write_reports.js'

for (;;) {
  for (const title of ['one', 'two'] as const) await writeReport(process.argv[2] as string, reports[title], { title })
}
