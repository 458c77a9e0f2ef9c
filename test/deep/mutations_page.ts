/** Planted mistakes of the report's page and pictures. */
import { inFile } from './mutation.js'

export const page = [
  ...inFile('ts/report/html.ts', 'report/page', [
    'quotes end an attribute',
    `replace(/[&<>"'\\r]/g,`,
    'replace(/[&<>\\r]/g,',
  ]),
  ...inFile(
    'ts/report/page.ts',
    'report/page',
    ['the script of a live page may not run', 'hash(script)', 'hash(copyScript)'],
    ['all pages ask for news', 'live ? copyScript + liveScript : copyScript', 'copyScript + liveScript'],
  ),
  ...inFile(
    'ts/report/verdict.ts',
    'report/page',
    ['two seeds are enough to look at the interval', 'seeds.length < seedsForSign', 'seeds.length < 2'],
    ['an unestablished sign is told as an answer', 'if (!sign.established)', "if (sign.text === '')"],
  ),
  ...inFile('ts/report/charts/draw.ts', 'report/page', [
    'drawings depend on those before them',
    'return found.get(id) as string',
    'return prefix + id',
  ]),
  ...inFile(
    'ts/report/charts/loss.ts',
    'report/charts',
    ['the band begins at the mean', 'low: Math.min(...losses)', 'low: y'],
    ['training losses are thinned by leaving out', "y: mean(group, 'y')", 'y: group[0]?.y as number'],
  ),
  ...inFile('ts/report/charts/training.ts', 'report/charts', [
    'the interval in percent is that in nats',
    '(100 * interval.low) / fw',
    '100 * interval.low',
  ]),
  ...inFile('ts/report/charts/grid.ts', 'report/charts', [
    'every sign looks established',
    'hollow: !result.established }\n',
    'hollow: false }\n',
  ]),
  ...inFile('ts/report/charts/positions.ts', 'report/charts', [
    'the difference by position is forward minus backward',
    'second - first',
    'first - second',
  ]),
  ...inFile('ts/report/tables.ts', 'report/tables', [
    'a bar ends a cell of a Markdown table',
    '[\\\\|`*_<>[\\]~&]',
    '[\\\\`*_<>[\\]~&]',
  ]),
  ...inFile('ts/report/numbers.ts', 'report/tables', ['ratios for percents', 'signed(ratio * 100', 'signed(ratio']),
  ...inFile('ts/report/palette.ts', 'report/pictures', [
    'a picture alone has the colours of a page',
    'const value = light[name as Colour]',
    'const value: string | undefined = colour(name as Colour)',
  ]),
  ...inFile('ts/report/paper.ts', 'report/paper', [
    "the paper's losses give the other ratio",
    'ratio: bw / fw - 1',
    'ratio: (bw - fw) / ((bw + fw) / 2)',
  ]),
]
