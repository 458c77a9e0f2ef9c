/** Mistakes planted in the training of comparisons. */

import { inFile, seldom } from './mutation.js'

export const arrow = [
  ...inFile('ts/train/turns.ts', 'train/turns', [
    'who has done more goes first',
    'member.step < next.step',
    'member.step > next.step',
  ]),
  ...inFile(
    'ts/train/turns.ts',
    'train/turns',
    ['one begins before the others have come', 'if (this.#members.some(({ go }) => go === null)) return', ''],
    ['who has left still takes turns', '      this.#members.splice(index, 1)\n', ''],
  ),
  ...inFile('ts/arrow/in_turns.ts', 'arrow/in_turns', [
    'where one fails the other goes on',
    '      failed.abort()\n',
    '',
  ]),
  ...inFile('ts/train/loop.ts', 'arrow/in_turns', ['a run takes no turns', '      await turn?.begin(this.step)\n', '']),
  ...inFile(
    'ts/arrow/plan.ts',
    'arrow/plan',
    ['all seeds are the first', 'runsOf(first + index)', 'runsOf(first)'],
    ['a model keeps the keys of another', "dropKeysOfOthers: 'model' in cell.values", 'dropKeysOfOthers: false'],
    ['two cells have one folder', 'if (other !== undefined) {', 'if (false) {'],
  ),
  ...inFile(
    'ts/arrow/directions.ts',
    'arrow/directions',
    ['backwards is forwards', "backwards: name === 'backward'", 'backwards: false'],
    ['the commas of a direction end its name', '/,(?![^(]*\\))/', "','"],
  ),
  ...inFile('ts/arrow/cells.ts', 'arrow/cells', [
    'the first key is the fastest',
    'cells.flatMap((cell) => options.map((option) => extended(cell, option)))',
    'options.flatMap((option) => cells.map((cell) => extended(cell, option)))',
  ]),
  ...seldom(
    inFile('ts/arrow/finish.ts', 'arrow/command', [
      'nobody asks where the difference comes from',
      '(await sourcesOf(name, runs, options))',
      'null',
    ]),
  ),
]
