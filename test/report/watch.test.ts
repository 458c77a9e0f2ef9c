import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { AotError } from '../../ts/errors.js'
import { Watch, type WatchOptions } from '../../ts/report/watch.js'
import { temporaryFolder } from './made_runs.js'

const milliseconds = 5

/** A folder with a run in it, and a watch over it that says what it has seen. */
function watching(t: ExecutionContext, collect: WatchOptions['collect'] = () => []) {
  const folder = temporaryFolder(t)
  const run = join(folder, 'run')
  mkdirSync(run)
  for (const name of ['config.json', 'metrics.jsonl']) writeFileSync(join(run, name), '\n')
  const seen: string[] = []
  let reads = 0
  const watch = new Watch([folder], {
    collect: () => {
      reads++
      return collect()
    },
    changed: () => seen.push('changed'),
    trouble: (line) => seen.push(line),
    failed: (error) => seen.push(`failed: ${(error as Error).message}`),
    milliseconds,
  })
  t.teardown(() => watch.stop())
  watch.start()
  const pause = () => new Promise((done) => setTimeout(done, 30 * milliseconds))
  return { folder, run, watch, seen, reads: () => reads, pause }
}

test('reads at once, and again only when a file has changed', async (t) => {
  const { folder, run, watch, seen, reads, pause } = watching(t)
  t.deepEqual([seen.length, reads()], [1, 1])
  await pause()
  t.is(reads(), 1)
  const changes: (() => void)[] = [
    () => appendFileSync(join(run, 'metrics.jsonl'), '{"step'),
    () => appendFileSync(join(run, 'valid_windows.jsonl'), '{}\n'),
    () => writeFileSync(join(folder, 'arrow.json'), '{}'),
    () => mkdirSync(join(folder, 'later/deep'), { recursive: true }),
    () => renameSync(run, join(folder, 'later/deep/run')),
    () => rmSync(join(folder, 'later'), { recursive: true }),
  ]
  const counts: number[] = []
  for (const change of changes) {
    change()
    await pause()
    counts.push(reads())
  }
  // An empty folder is no change.
  t.deepEqual(counts, [2, 3, 4, 4, 5, 6])
  watch.stop()
  writeFileSync(join(folder, 'arrow.json'), '{"a": 1}')
  await pause()
  t.is(reads(), 6)
})

test('what stands in the way is told once for as long as it is the same, and goes by', async (t) => {
  const answers = ['no validation', 'no validation', '', 'no validation', 'other']
  const { run, seen, pause } = watching(t, () => {
    const line = answers.shift() as string
    if (line !== '') throw new AotError('AOT_DATA', line)
    return []
  })
  while (answers.length > 0) {
    appendFileSync(join(run, 'metrics.jsonl'), '\n')
    await pause()
  }
  t.deepEqual(seen, ['no validation', 'changed', 'no validation', 'other'])
})

test('a mistake of ours ends it', async (t) => {
  const { run, seen, reads, pause } = watching(t, () => {
    throw new TypeError('a mistake')
  })
  appendFileSync(join(run, 'metrics.jsonl'), '\n')
  await pause()
  t.deepEqual([seen, reads()], [['failed: a mistake'], 1])
})

test('the named folder may go away, and come back', async (t) => {
  const { folder, seen, reads, pause } = watching(t)
  renameSync(folder, `${folder}-away`)
  await pause()
  const away = reads()
  renameSync(`${folder}-away`, folder)
  await pause()
  t.deepEqual([away, reads(), seen.length], [2, 3, 3])
})
