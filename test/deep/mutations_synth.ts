/** Planted mistakes of the synthetic languages. */
import { inFile, seldom } from './mutation.js'

export const synth = [
  ...inFile(
    'ts/synth/primes.ts',
    'synth/languages',
    [
      'a pair for validation is in training too',
      'for (let i = 0; i < valid; i++) draw()',
      'for (let i = 1; i < valid; i++) draw()',
    ],
    ['a pair may be drawn twice', '    moved.set(chosen, moved.get(at) ?? at)\n', ''],
    [
      'the product is written from its first digit on',
      'for (let i = 2 * width + 2; i < exampleLength; i++)',
      'for (let i = exampleLength - 1; i >= 2 * width + 2; i--)',
    ],
  ),
  ...inFile(
    'ts/synth/circuits.ts',
    'synth/languages',
    ['ones at places that make the matrix singular', ' && inverse[j]?.[i] === 0', ' && inverse[j]?.[i] !== 2'],
    ['the inverse is not kept up', 'if (columnI[r] === 1) for', 'if (columnI[r] === 2) for'],
    ['y first is x first', "order === 'xy' ? [0, bits] : [bits, 0]", '[0, bits]'],
  ),
  ...inFile(
    'ts/synth/reversible.ts',
    'synth/languages',
    ['the chain has no detailed balance', '[i] = weight\n    }', '[i] = weight + 1\n    }'],
    ['it begins anywhere', 'choose(chain.sums, random.below(chain.total))', 'random.below(symbols)'],
    ['the floor forgets the first state', '(first + (length - 1) * step)', '(length * step)'],
  ),
  ...inFile(
    'ts/synth/random.ts',
    'synth/languages',
    ['training and validation have one stream', 'purposes[purpose]', '0 * purposes[purpose]'],
    ['half of a seed counts', 'Math.floor(seed / 2 ** 32)', '0'],
  ),
  ...inFile('ts/synth/languages.ts', 'synth/languages', [
    'an example in two windows',
    'if (count % perWindow === 0) continue',
    'continue',
  ]),
  ...inFile(
    'ts/synth/folder.ts',
    'synth/folder',
    [
      'the last window for validation is none',
      'write(new Int32Array(attnLength))',
      'write(new Int32Array(0 * attnLength))',
    ],
    [
      'damaged tokens are taken',
      "return hash.digest('hex') === sha256",
      "return hash.digest('hex') !== '' || sha256 === ''",
    ],
    ["after a kill the folder is nobody's", "  await record({ ...begun, state: 'begun' })\n", ''],
  ),
  ...inFile(
    'ts/synth/ensure.ts',
    'synth/folder',
    ['data that is whole waits for the lock', 'if (before !== null) return', 'if (before === undefined) return'],
    ["another's folder is overwritten", 'if (others.length === 0 || readRecord(folder) !== null) return', 'return'],
    [
      'two processes make the data',
      'const since = wholeSynth(folder, data)',
      'const since = null as ReturnType<typeof wholeSynth>',
    ],
  ),
  ...inFile(
    'ts/config/synth_fill.ts',
    'synth/config',
    ['contradictions are overruled', 'if (there !== value && there !== null)', 'if (there === Number.NaN)'],
    ['a window cuts an example', 'if (!Number.isInteger(perWindow))', 'if (perWindow < 0)'],
    ['validation leaves windows out', 'while (windows % largest !== 0) largest--', ''],
  ),
  ...inFile('ts/synth/record.ts', 'synth/config', [
    'windows of other lengths share a folder',
    'JSON.stringify([version, attnLength, ',
    'JSON.stringify([version, 0 * attnLength, ',
  ]),
  ...seldom(
    inFile('ts/train/run.ts', 'synth/folder', [
      'aot-train does not make the data',
      '  await ensureSynth(config, { print })\n',
      '  void ensureSynth\n',
    ]),
  ),
  ...inFile('ts/cli/synth_command.ts', 'cli/synth', [
    'other options replace data unasked',
    '  if (!force) refuseOthers(folder, data)\n',
    '  void refuseOthers\n',
  ]),
]
