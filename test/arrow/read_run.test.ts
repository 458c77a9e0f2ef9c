import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { readRun } from '../../ts/arrow/read_run.js'
import { type MadeRun, makeRunFolder, temporaryFolder } from './records.js'

const made: MadeRun = {
  settings: { seed: 7, backwards: true, steps_to_train: 20 },
  windows: [3, 9, 4],
  valid: [
    { step: 10, losses: [4, 5, 6], bitsPerByte: 2 },
    { step: 20, losses: [1, 2, 3] },
  ],
  saved: { step: 20, of: 20 },
}

test('a run folder is read whole', (t) => {
  const folder = makeRunFolder(temporaryFolder(t), 'bw', made)
  const record = readRun(folder)
  t.like(record, { folder, direction: 'backward', seed: 7, step: 20, total: 20, finished: true, parameters: 17 })
  t.deepEqual(record.train, [
    [10, 10],
    [20, 4],
  ])
  t.deepEqual(record.valid, [
    { step: 10, loss: 5, bitsPerByte: 2, lossByPosition: [5, 6, 7, 8] },
    { step: 20, loss: 2, bitsPerByte: null, lossByPosition: [3, 4, 5, 6] },
  ])
  t.deepEqual([...(record.windows?.windows ?? [])], [3, 9, 4])
  t.deepEqual(
    record.windows?.validations.map(({ step, losses }) => [step, ...losses]),
    [
      [10, 4, 5, 6],
      [20, 1, 2, 3],
    ],
  )
  t.deepEqual(record.dataset, { tokens: 1000, fingerprint: 'abc', maxId: 49 })
  t.is(record.config.precision, 'fp32')
  t.is(record.run.windows.stride, 4)
})

test('directions go by their names, lists by what they hold', (t) => {
  const parent = temporaryFolder(t)
  const directionOf = (name: string, settings: Record<string, unknown>) =>
    readRun(makeRunFolder(parent, name, { ...made, settings })).direction
  t.is(directionOf('fw', { backwards: false }), 'forward')
  t.is(directionOf('named', { backwards: null, permutation: 'backward' }), 'backward')
  t.is(directionOf('random', { backwards: null, permutation: ' uniform_random(3) ' }), 'uniform_random(3)')
  const list = directionOf('list', { backwards: true, permutation: [1, 0, 3, 2] })
  t.regex(list, /^permutation\([0-9a-f]{8}\)$/)
  t.not(list, directionOf('other list', { permutation: [1, 0, 2, 3] }))
})

test('a run that is being written is read up to its last whole lines', (t) => {
  const folder = makeRunFolder(temporaryFolder(t), 'live', { ...made, saved: { step: 10, of: 20 } })
  appendFileSync(join(folder, 'metrics.jsonl'), '{"step":30,"loss/valid":1,"loss/val')
  appendFileSync(join(folder, 'valid_windows.jsonl'), '{"step":30,"losses":"AAAA')
  const record = readRun(folder)
  t.deepEqual(
    [record.step, record.valid.length, record.windows?.validations.length, record.finished, record.total],
    [20, 2, 2, false, 20],
  )
})

test('a run is at its end when a start of it would do nothing more', (t) => {
  const parent = temporaryFolder(t)
  const isFinished = (name: string, more: Partial<MadeRun>) =>
    readRun(makeRunFolder(parent, name, { ...made, ...more })).finished
  t.true(isFinished('whole', {}))
  t.false(isFinished('not saved', { saved: null }))
  t.false(isFinished('not there yet', { saved: { step: 20, of: 30 } }))
  t.false(isFinished('not validated', { valid: made.valid.slice(0, 1) }))
  const folder = makeRunFolder(parent, 'changed', made)
  const config = readFileSync(join(folder, 'config.json'), 'utf8')
  writeFileSync(join(folder, 'config.json'), config.replace('"steps_to_train": 20', '"steps_to_train": 40'))
  t.false(readRun(folder).finished)
})

test('a run without saved states, or with damaged ones, is read all the same', (t) => {
  const folder = makeRunFolder(temporaryFolder(t), 'bw', made)
  writeFileSync(join(folder, 'state', '20', 'model.safetensors'), 'short')
  t.like(readRun(folder), { finished: true, parameters: null })
  writeFileSync(join(folder, 'state', '20', 'trainer.json'), '{"format":')
  t.like(readRun(folder), { finished: false, total: null, parameters: null, dataset: null })
  rmSync(join(folder, 'state'), { recursive: true })
  t.like(readRun(folder), { finished: false, total: null })
})

test('an older run has no losses of windows', (t) => {
  const record = readRun(makeRunFolder(temporaryFolder(t), 'old', { ...made, keepsWindows: false }))
  t.is(record.windows, null)
  t.is(record.valid.length, 2)
})

test('what is no run that can be compared is refused in one line', (t) => {
  const parent = temporaryFolder(t)
  const refused = (code: string, message: RegExp, folder: string) => {
    const error = t.throws(() => readRun(folder), { code, message })
    t.false(error?.message.includes('\n'))
  }
  mkdirSync(join(parent, 'empty'))
  refused('AOT_IO', /empty is no run folder, it holds no config\.json/, join(parent, 'empty'))
  refused('AOT_IO', /absent is no run folder/, join(parent, 'absent'))
  const both = makeRunFolder(parent, 'both', { ...made, settings: { backwards: null } })
  refused('AOT_CONFIG', /both was trained in FW\+BW mode: .* train one with backwards=false/, both)
  refused('AOT_DATA', /none has no validation yet: let the run go on/, makeRunFolder(parent, 'none', { valid: [] }))
  const begun = makeRunFolder(parent, 'begun', made)
  rmSync(join(begun, 'metrics.jsonl'))
  refused('AOT_DATA', /begun has no validation yet/, begun)
  writeFileSync(join(begun, 'config.json'), '{"model_params": {}}')
  t.throws(() => readRun(begun), { code: 'AOT_CONFIG', message: /config\.json/ })
})

test('damaged lines are refused with their place', (t) => {
  const parent = temporaryFolder(t)
  const bad = [
    'not json',
    'null',
    '7',
    '{"loss/valid":1}',
    '{"step":"x"}',
    '{"step":30,"loss/valid":"high","loss/valid_by_position":[1]}',
    '{"step":30,"loss/valid":1}',
    '{"step":30,"loss/valid":1,"loss/valid_by_position":[1,null]}',
    '{"step":30,"loss/valid":1e999,"loss/valid_by_position":[1]}',
    '{"step":3,"loss/train_step":1}',
    '',
  ]
  for (const [i, line] of bad.entries()) {
    const folder = makeRunFolder(parent, `metrics ${i}`, made)
    appendFileSync(join(folder, 'metrics.jsonl'), `${line}\n`)
    t.throws(() => readRun(folder), {
      code: 'AOT_DATA',
      message: /metrics\.jsonl:5 is damaged, .* bring the file back/,
    })
  }
  // The last one holds three losses, of which one is no number.
  const nan = Buffer.from(new Float32Array([1, Number.NaN, 2]).buffer).toString('base64')
  const lines = [
    'not json',
    '{"step":30,"losses":"AAA="}',
    '{"step":30,"losses":"AAAAAA=="}',
    `{"step":30,"losses":"${nan}"}`,
  ]
  for (const [i, line] of lines.entries()) {
    const folder = makeRunFolder(parent, `windows ${i}`, made)
    appendFileSync(join(folder, 'valid_windows.jsonl'), `${line}\n`)
    t.throws(() => readRun(folder), { code: 'AOT_DATA', message: /valid_windows\.jsonl is damaged: .* or remove it/ })
  }
})
