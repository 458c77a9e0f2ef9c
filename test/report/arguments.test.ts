import test from 'ava'
import { parseReportArguments, type ReportArguments } from '../../ts/cli/report_arguments.js'

const defaults = { folder: null, title: null, serve: null, json: false }

for (const [words, want] of [
  [['runs/a'], { paths: ['runs/a'] }],
  [['a', 'b', '-o', 'out', '--title', 'Two', '--json'], { paths: ['a', 'b'], folder: 'out', title: 'Two', json: true }],
  [['a', '--output=x'], { paths: ['a'], folder: 'x' }],
  [['a', '--serve'], { paths: ['a'], serve: { port: null } }],
  [['--serve', '--port', '0', 'a'], { paths: ['a'], serve: { port: 0 } }],
  [['a', '--serve', '--port=65535'], { paths: ['a'], serve: { port: 65535 } }],
] as [string[], Partial<ReportArguments>][]) {
  test(`aot-report ${words.join(' ')}`, async (t) => {
    t.deepEqual(await parseReportArguments(words), { ...defaults, ...want } as ReportArguments)
  })
}

for (const [words, message] of [
  [[], 'name runs, or a comparison: aot-report <runs...> (--help tells more)'],
  [['a', ''], 'name runs, or a comparison: aot-report <runs...> (--help tells more)'],
  [['a', '--sevre'], 'unknown option --sevre; did you mean --serve?'],
  [['a', '-o'], '--output needs a value'],
  [['a', '-o', 'x', '-o', 'y'], '--output is given 2 times; give it once'],
  [['a', '--title='], '--title needs a value'],
  [['a', '--serve', '-o', 'x'], '--serve writes no files: leave --output out, or --serve'],
  [['a', '--serve', '--json'], '--json is for what is written; with --serve the figures are at /arrow.json'],
  [['a', '--port', '80'], '--port is for --serve: give both'],
  [['a', '--serve', '--port', '65536'], '--port must be a whole number from 0 to 65535, not "65536"'],
  [['a', '--serve', '--port', '-1'], '--port must be a whole number from 0 to 65535, not "-1"'],
  [['a', '--serve', '--port', '8e3'], '--port must be a whole number from 0 to 65535, not "8e3"'],
] as [string[], string][]) {
  test(`aot-report ${words.join(' ')} is refused`, async (t) => {
    await t.throwsAsync(parseReportArguments(words), { code: 'AOT_CONFIG', message })
  })
}
