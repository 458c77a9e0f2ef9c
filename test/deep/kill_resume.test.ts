/** Real runs in processes of their own, killed (SIGKILL) again and again, by a clock and in the midst of saves. */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import {
  after,
  betweenRenameAndLatest,
  type ChildOptions,
  killAt,
  type Moment,
  metricsBytes,
  startChild,
  whileReplacing,
  whileSaving,
} from '../train/kill.js'
import type { Settings } from '../train/runs.js'
import { comparable, makeRun, realDataset, stateNames } from '../train/runs.js'

const base: Settings = {
  batch_size: 4,
  steps_to_train: 1500,
  save_every: 7,
  backup_every: 60,
  step_log: 3,
  'model_params.attn_length': 16,
  'model_params.dropout': 0.1,
}

const kinds: [string, Settings][] = [
  ['forward, three minibatches a step', { aggregate: 3 }],
  ['backward, in its cooldown', { aggregate: 1, backwards: true, cooldown_finish: 0.8 }],
  ['FW+BW, contiguous split', { aggregate: 2, backwards: null, split: 'contiguous', valid_steps: 2 }],
]

/** Moments of every kind, in an order that the seed decides. */
function momentsOf(seed: number, count: number): (() => Moment)[] {
  const saving: (() => Moment)[] = [
    () => whileSaving('model.safetensors.tmp'),
    () => whileSaving('model.safetensors', 'optimizer.safetensors'),
    () => whileSaving('optimizer.safetensors', 'trainer.json'),
    () => whileSaving('trainer.json'),
    () => betweenRenameAndLatest,
    () => whileReplacing('latest.tmp'),
    () => whileReplacing('.old.tmp'),
  ]
  let state = seed
  const random = (below: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 16) % below
  }
  return Array.from({ length: count }, (_, i) => {
    if (i % 3 === 0) {
      const milliseconds = random(1000)
      return () => after(milliseconds)
    }
    return saving[random(saving.length)] as () => Moment
  })
}

async function whole(t: ExecutionContext, options: ChildOptions) {
  const { status, stderr } = await startChild(options).ended
  t.deepEqual([status, stderr], [0, ''])
}

for (const [seed, [name, settings]] of kinds.entries()) {
  test.serial(`killed at seeded moments, it ends as one that was not: ${name}`, async (t) => {
    t.timeout(10 * 60_000)
    const data = await realDataset(t, 300)
    const all = { ...data.settings, ...base, ...settings }
    const child = (run: string): ChildOptions => ({ folder: data.folder, settings: all, name: run, faults: null })
    const folderOf = (run: string) => makeRun(data.folder, all, run).runFolder
    await whole(t, child('whole'))
    let killed = 0
    let inSave = 0
    for (const moment of momentsOf(seed + 1, 24)) {
      if (!(await killAt(child('broken'), folderOf('broken'), moment()))) break
      killed++
      if (stateNames(folderOf('broken')).some((entry) => entry.endsWith('.tmp'))) inSave++
    }
    t.log(`${killed} kills, ${inSave} of them in a save`)
    t.true(killed >= 8, `${killed} kills`)
    t.true(inSave >= 3, `${inSave} kills in a save`)
    await whole(t, child('broken'))
    t.deepEqual(comparable(folderOf('broken')), comparable(folderOf('whole')))
    const backups = (run: string) => readdirSync(join(folderOf(run), 'state', 'backups')).sort()
    t.deepEqual(backups('broken'), backups('whole'))
    t.deepEqual(stateNames(folderOf('broken')), stateNames(folderOf('whole')))
  })
}

test.serial(
  'a disk that is full in a save: one line, the checkpoint before is whole, and the run goes on later',
  async (t) => {
    const data = await realDataset(t, 300)
    const all = { ...data.settings, ...base, aggregate: 1, steps_to_train: 300, step_log: 300 }
    const child = (name: string, prefix: string[] = []): ChildOptions => ({
      folder: data.folder,
      settings: all,
      name,
      faults: null,
      prefix,
    })
    const folderOf = (run: string) => makeRun(data.folder, all, run).runFolder
    await killAt(child('run'), folderOf('run'), (at) => existsSync(join(at, 'state', 'latest')))
    // The weights are 23 kB, the moments twice that: the second file does not fit.
    const { status, stderr } = await startChild(child('run', ['bash', '-c', 'ulimit -f 32; exec "$0" "$@"'])).ended
    t.is(status, 2)
    t.regex(
      stderr,
      /^AOT_IO: checkpoint \d+ was not saved: cannot write .*optimizer\.safetensors.*: File too large.*; checkpoint \d+ is whole\n$/,
    )
    await whole(t, child('run'))
    await whole(t, child('whole'))
    t.deepEqual(comparable(folderOf('run')), comparable(folderOf('whole')))
  },
)

test.serial('metrics of a killed run, read while it goes on, are always whole lines or a torn last one', async (t) => {
  const data = await realDataset(t, 300)
  const all = { ...data.settings, ...base, step_log: 1, aggregate: 1, steps_to_train: 240 }
  const child: ChildOptions = { folder: data.folder, settings: all, name: 'run', faults: null }
  const { runFolder } = makeRun(data.folder, all, 'run')
  for (const bytes of [500, 3000, 9000]) t.true(await killAt(child, runFolder, metricsBytes(bytes)))
  await whole(t, child)
  await whole(t, { ...child, name: 'whole' })
  t.deepEqual(comparable(runFolder), comparable(makeRun(data.folder, all, 'whole').runFolder))
})
