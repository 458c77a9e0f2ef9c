/** Planted mistakes of the run queue. */
import { inFile, seldom } from './mutation.js'

export const queue = [
  ...inFile(
    'ts/queue/schedule.ts',
    'queue/schedule',
    ['two runs at one place', 'find(({ place, need }) => !closed.has(place) && ', 'find(({ need }) => '],
    ['memory that is not taken yet is given again', 'if (!settled) take(left, need)', 'if (settled) take(left, need)'],
    ['a later run takes the place of one that waits', 'for (const { place } of possible) closed.add(place)', ''],
    ['what others of the queue hold makes a run fail', '(pool) => !used.has(pool)) === null)', '() => true) === null)'],
    ['what begins at once shares the memory', '      take(left, need)\n', ''],
    ['runs begin after the stop', '    this.#waiting = []\n', ''],
  ),
  ...inFile(
    'ts/queue/queue.ts',
    'queue/queue',
    ["a crash is taken for the user's mistake", 'end.status !== 2, work.devices', 'false, work.devices'],
    [
      'what is finished is trained again',
      'flatMap(({ finished }, index) => (finished === null ? [index] : []))',
      'map((_, index) => index)',
    ],
    [
      'a folder that cannot be made is our mistake',
      "throw ioError('create the run folder', folder, error)",
      'throw error',
    ],
  ),
  ...inFile(
    'ts/queue/display.ts',
    'queue/display',
    ['as many lines as the terminal had at first', 'Math.min(runs.length, (stream.rows ?? 24) - 2)', 'runs.length'],
    ['lines that are not there any more stay', "\\x1b[K\\n')}\\x1b[J`", "\\x1b[K\\n')}`"],
    ['each drawing is below the one before', "this.#bars.on('update-pre', toFirst)", ''],
    ['the last lines stay', "this.#bars.on('stop-pre-clear', toFirst)", ''],
  ),
  ...inFile('ts/queue/run_process.ts', 'queue/queue', [
    'a log begins anew',
    "openSync(log, 'a')",
    "openSync(log, 'w')",
  ]),
  ...inFile('ts/queue/link.ts', 'queue/real', [
    'runs outlive a queue that was killed',
    "process.once('disconnect', () => this.#gone.abort())",
    '',
  ]),
  ...inFile('ts/queue/summary.ts', 'queue/queue', ['failures make status 0', 'failed.length > 0 ? 2 : 0', '0']),
  ...inFile(
    'ts/train/finished.ts',
    'train/finished',
    ['another config is finished too', ' && state.config_sha256 === configHash(run)', ''],
    ['a run is finished before its last validation', ' && state.validated_step === step', ''],
    ['-s finds nothing to do', 'if (noStepPickup) return null', 'if (false) return null'],
  ),
  ...inFile('ts/train/loop.ts', 'train/finished', [
    'a last validation that a start makes alone is not saved',
    ' && !(now && this.savedValidation !== this.validatedStep)',
    '',
  ]),
  ...inFile('ts/devices/places.ts', 'devices/places', [
    'the cores are given to each cpu',
    'Math.floor(cores / cpus)',
    'cores',
  ]),
  ...inFile('native/train/memory_plan.cpp', 'queue/memory', [
    'one share of the gradients for all threads',
    '(3 + lanes) * block',
    '4 * block',
  ]),
  ...inFile('cuda/memory_plan.cpp', 'queue/memory', [
    'a GPU has one moment',
    'table.block_size() * (4 *',
    'table.block_size() * (3 *',
  ]),
  ...seldom(
    inFile(
      'native/train/memory_plan.cpp',
      'queue/memory',
      ['the activations of one lane', ' + lanes * lane + rest', ' + lane + rest'],
      ['packed weights take nothing', 'packed += 2 *', 'packed += 0 *'],
    ),
  ),
  ...seldom(
    inFile('ts/queue/items.ts', 'queue/real', [
      'runs of a queue do not share the cores',
      'if (threads !== undefined) words.push',
      'if (threads === 0) words.push',
    ]),
  ),
  ...seldom(
    inFile(
      'ts/queue/queue.ts',
      'queue/queue',
      ['a free place stays free', '    void this.#place()\n  }\n\n  #fail', '  }\n\n  #fail'],
      ['runs are not told to stop', '      process.stop()\n', ''],
      [
        'the second ^C kills none',
        '    this.stop()\n    for (const { process } of this.#work.values()) process.kill()',
        '    this.stop()',
      ],
      [
        'a lost device lets what waits wait',
        'for (const index of this.#schedule.stop()) this.#fail(',
        'for (const index of [] as number[]) this.#fail(',
      ],
    ),
  ),
  ...seldom(
    inFile('ts/queue/run_process.ts', 'queue/queue', [
      'the last messages are not waited for',
      'end === null || child.connected',
      'end === null',
    ]),
  ),
  ...seldom(
    inFile('ts/cli/command.ts', 'queue/real', [
      'training ends with who reads its output',
      "if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error",
      'throw error',
    ]),
  ),
]
