/** The end of a comparison: its files are written, and a person is told. */
import { summaryText } from '../report/summary_text.js'
import { writeReport } from '../report/write.js'
import { writeComparison } from './comparison.js'
import type { ArrowResult } from './types.js'

/** Writes arrow.json, the report and its pictures; gives the text that says what came out and where it is. */
export async function tellResults(folder: string, title: string, results: ArrowResult[]): Promise<string> {
  await writeComparison(folder, results)
  const { html, pictures } = await writeReport(folder, results, { title })
  const [picture] = pictures
  const places = [`report:  ${html}`, ...(picture === undefined ? [] : [`picture: ${picture.png}`])]
  return `${summaryText(results)}\n\n${places.join('\n')}\n`
}
