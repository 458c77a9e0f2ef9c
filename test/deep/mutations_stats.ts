/** Planted mistakes of the comparison of runs: intervals, what they establish, and what is read from run folders. */
import { inFile } from './mutation.js'

export const stats = [
  ...inFile(
    'ts/arrow/bootstrap.ts',
    'arrow/bootstrap',
    [
      'windows are taken as independent',
      'Math.max(1, Math.min(mostBlocks, Math.floor(numbers / shortest)))',
      'Math.max(mostBlocks, shortest, numbers)',
    ],
    ['blocks are as short as a window', 'const leastWindowsLong = 4', 'const leastWindowsLong = 1'],
    [
      'percentiles in the place of studentised ones',
      'found[length++] = shift / error',
      'found[length++] = shift / 0.02',
    ],
    [
      'the tails are not turned around',
      'const low = difference - quantile(studentised.length + 1 - tail)',
      'const low = difference + quantile(tail)',
    ],
    ['all blocks count alike, however many windows they have', '      count += n\n', '      count += 1\n'],
    ['three blocks are enough', 'export const fewestBlocks = 8', 'export const fewestBlocks = 3'],
  ),
  ...inFile(
    'ts/arrow/seeds.ts',
    'arrow/seeds',
    ['the noise of the text is left out', 'const variance = ofSeeds + ofWindows', 'const variance = ofSeeds'],
    ['the noise of the seeds is left out', 'const ofSeeds = deviation ** 2 / seeds', 'const ofSeeds = 0 / seeds'],
    ['seeds count as if there were many', 't(seeds - 1) * ofSeeds', 't(1000) * ofSeeds'],
  ),
  ...inFile(
    'ts/arrow/verdict.ts',
    'arrow/seeds',
    ['one seed establishes the sign', 'export const seedsForSign = 3', 'export const seedsForSign = 1'],
    ['an interval that touches zero establishes it', 'low > 0 ||', 'low >= 0 ||'],
    ['a sign is established in passing', 'soFar === null && seeds >=', 'seeds >='],
  ),
  ...inFile(
    'ts/arrow/finish.ts',
    'arrow/finish',
    ['seeds of different data are taken together', '    checkSame(runs)\n', ''],
    ['a comparison that lacks runs is at its end', 'runs, planned }, before', 'runs }, before'],
  ),
  ...inFile(
    'ts/arrow/analyse.ts',
    'arrow/analyse',
    ['the last validation of forward alone', 'others.every((run)', 'others.slice(1).every((run)'],
    [
      'seeds that are at their end wait for the others',
      'return over.length > 0 ? over',
      'return over.length < 0 ? over',
    ],
    ['the order of the runs shows', 'a.seed - b.seed || place(a) - place(b)', '0 * (place(a) - place(b))'],
  ),
  ...inFile(
    'ts/arrow/read_run.ts',
    'arrow/read_run',
    [
      'the line that is being written is read too',
      "text.slice(0, text.lastIndexOf('\\n') + 1).split",
      "text.concat('\\n').split",
    ],
    ['a run is at its end before its last validation', ' && state.state.validated_step === state.step', ''],
  ),
  ...inFile(
    'ts/arrow/groups.ts',
    'arrow/groups',
    [
      'other validation windows are compared',
      'return haveSameWindows(first, second)\n',
      'return haveSameWindows(first, first)\n',
    ],
    [
      'what the first run does not know hides what differs',
      'others.every((other) => firstMismatch',
      'others.slice(0, 1).every((other) => firstMismatch',
    ],
  ),
  ...inFile(
    'ts/arrow/token_losses.ts',
    'arrow/sources',
    ['backward losses are not put into reading order', 'isBackward ? attnLength - 1 - position : position', 'position'],
    [
      'the sum of the seeds in the place of their mean',
      '(losses[position] as number) / this.seeds',
      '(losses[position] as number) * Math.sign(this.seeds)',
    ],
  ),
  ...inFile('ts/arrow/examples.ts', 'arrow/sources', [
    'the edges of the windows are examples',
    '[Math.floor(attnLength / 4), Math.ceil((3 * attnLength) / 4)]',
    '[0, attnLength]',
  ]),
]
