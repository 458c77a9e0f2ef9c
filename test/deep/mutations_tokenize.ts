/** Planted mistakes of tokenizing in units. */
import { inFile } from './mutation.js'

export const tokenize = [
  ...inFile(
    'ts/tokenize/shards.ts',
    'tokenize/shards',
    ['shards are believed without being read', 'if (wrong === null) continue', 'continue'],
    ['text with other times is taken for the same', 'if (timesDiffer) {', 'if (timesDiffer && false) {'],
  ),
  ...inFile('ts/tokenize/entries.ts', 'tokenize/shards', [
    'an entry is believed though its digest is another',
    "if (written !== native.digestOf(line) || more.join() !== '') return null",
    '',
  ]),
  ...inFile('ts/tokenize/manifest.ts', 'tokenize/manifest', [
    'a damaged manifest is read',
    'if (written !== native.digestOf(JSON.stringify(rest)))',
    'if (written === undefined)',
  ]),
  ...inFile('ts/tokenize/plan.ts', 'tokenize/plan', [
    'two cuts that were moved to one place make an empty unit',
    'place > (places[index - 1] ?? 0)',
    'place >= (places[index - 1] ?? 0)',
  ]),
  ...inFile('ts/tokenize/inputs.ts', 'tokenize/inputs', [
    'a file that was written again, as long as before, is not noticed',
    ' || String(now.mtimeNs) !== mtime',
    '',
  ]),
  ...inFile('ts/tokenize/locks.ts', 'tokenize/shares', [
    'shares of two divisions work at once',
    'if (other === of) continue',
    'continue',
  ]),
  ...inFile('ts/tokenize/counts.ts', 'tokenize/counts', [
    'counts of another unit are taken for its own',
    'if (number === unit.number && text.bytes === unitBytes(unit)) whole.add(number)',
    'whole.add(unit.number)',
  ]),
]
