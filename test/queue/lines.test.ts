/** The queue's lines and its summary in terminals of all sizes. */
import test from 'ava'
import { queueLines, width } from '../../ts/queue/lines.js'
import type { QueueRun, RunState } from '../../ts/queue/state.js'
import { summaryTable } from '../../ts/queue/summary.js'

const position = { step: 410, total: 1000, loss: 5.1234, tokensPerSecond: 12345, validLoss: null }
const running: RunState = { kind: 'running', devices: 'cuda:0', position, rate: 3, stopping: false }
const runs: QueueRun[] = [
  { name: 'forward', state: { kind: 'done', step: 1000, validLoss: 4.9, devices: 'cuda:0', seconds: 200 } },
  { name: 'backward', state: running },
  { name: 'starts', state: { ...running, devices: 'cuda:1', position: null } },
  {
    name: 'a_run_with_a_name_that_is_longer_than_the_line_has_room_for',
    state: {
      kind: 'failed',
      step: null,
      validLoss: null,
      line: 'x'.repeat(300),
      isOurs: false,
      devices: 'cuda:1',
      seconds: 3,
    },
  },
  { name: 'later', state: { kind: 'waiting' } },
]
const screen = { columns: 80, rows: 22, colours: false }

test('80 columns', (t) => {
  t.deepEqual(queueLines(runs, screen), [
    'forward           cuda:0  done: 1,000 steps, validation loss 4.9000, 3 min 20 s',
    'backward          cuda:0  [===     ]  41% | loss 5.1234 | 3 min 17 s left',
    'starts            cuda:1  starts',
    `a_run_with_a_na…  cuda:1  failed: ${'x'.repeat(44)}…`,
    'later                     waits',
  ])
})

test('200 columns', (t) => {
  const lines = queueLines(runs, { ...screen, columns: 200 })
  t.is(
    lines[1],
    'backward                  cuda:0  [==========              ]  41% |   410 of 1,000 | loss 5.1234 | 12.3k tokens/s | 3 min 17 s left',
  )
})

test('no line is wider than the terminal, and there are no more than it has', (t) => {
  for (const columns of [10, 20, 40, 60, 80, 100, 200, 400]) {
    for (const rows of [1, 2, 3, 4, 5, 50]) {
      const lines = queueLines(runs, { columns, rows, colours: true })
      t.is(lines.length, Math.min(rows, runs.length))
      t.true(Math.max(...lines.map(width)) < Math.max(columns, 30), `${columns}: ${lines.join('\n')}`)
    }
  }
})

test('when there is no line for each, those at work are shown, and the others counted', (t) => {
  const lines = queueLines(runs, { ...screen, rows: 3 })
  t.deepEqual(
    lines.map((line) => line.split(' ')[0]),
    ['backward', 'starts', 'and'],
  )
  t.is(lines[2], 'and 3 more: 1 failed, 1 waiting, 1 done')
})

test('the end of a run as it comes: validation, saving', (t) => {
  const line = (state: RunState) => (queueLines([{ name: 'a', state }], screen)[0] as string).replaceAll(/ +/g, ' ')
  t.is(
    line({ ...running, position: { ...position, step: 1000 } }),
    'a cuda:0 [===========] 100% | 1,000 of 1,000 | loss 5.1234 | validates',
  )
  t.is(line({ ...running, stopping: true }), 'a cuda:0 [===== ] 41% | 410 of 1,000 | loss 5.1234 | saves and stops')
})

test('the summary', (t) => {
  const over = runs.filter(({ state }) => state.kind === 'done' || state.kind === 'failed')
  const text = summaryTable(
    [...over, { name: 'stopped', state: { kind: 'stopped', step: 5, validLoss: null, devices: 'cpu', seconds: 2 } }],
    { width: 100, colours: false },
  )
  const lines = text.split('\n')
  t.regex(lines[1] as string, /^run +device +steps +loss +time +state$/)
  t.regex(lines[2] as string, /^forward +cuda:0 +1,000 +4\.9000 +3 min 20 s +done$/)
  t.regex(lines[3] as string, /^a_run\S+ +cuda:1 +3 s +failed$/)
  t.regex(lines[4] as string, /^stopped +cpu +5 +2 s +stopped$/)
  t.regex(lines[6] as string, /^a_run\S+: x+$/)
})
