/** Planted mistakes in what the commands do when they are misused, stopped, or given damaged files. */
import { inFile } from './mutation.js'

export const misuse = [
  ...inFile(
    'ts/arrow/train.ts',
    'arrow/command',
    [
      '^C does not end the making of data',
      'ensureSynth(config, { print: say, signal })',
      'ensureSynth(config, { print: say })',
    ],
    ['other settings after the end are not told', 'if (!trained.stopped) tellEndedBefore(runs, options)', ''],
  ),
  ...inFile('ts/arrow/read_run.ts', 'arrow/read_run', [
    'losses that are no numbers make the interval',
    ' && losses.every(Number.isFinite)',
    '',
  ]),
  ...inFile('ts/train/run.ts', 'train/loop', [
    'an ended run gets the config of a later start',
    'if (!isOver || before.config_sha256 === configHash(run))',
    'if (true)',
  ]),
  ...inFile('ts/cli/arrow_arguments.ts', 'arrow/command', [
    'a direction is set in vain',
    'refuseDecided(overrides, decided)',
    '',
  ]),
  ...inFile(
    'ts/cli/synth_command.ts',
    'cli/synth',
    [
      'the config of other data outlives a kill',
      'if (force && readRecord(folder) !== null) await rm',
      'if (force && readRecord(folder) === null) await rm',
    ],
    ["--force removes another's config", 'if (force && readRecord(folder) !== null)', 'if (force)'],
  ),
  ...inFile('ts/logging/progress.ts', 'tokenize/progress', [
    'the end of a bar overwrites lines',
    "'\\x1b[?7l\\x1b7'",
    "'\\x1b[?7l'",
  ]),
]
