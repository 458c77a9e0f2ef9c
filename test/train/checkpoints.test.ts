import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { firstNonFinite } from '../../ts/checkpoints/digest.js'
import { CheckpointStore } from '../../ts/checkpoints/store.js'
import { writeSafetensors } from './fakes.js'
import { temporaryFolder } from './runs.js'

async function write(folder: string, value: number) {
  writeSafetensors(join(folder, 'model.safetensors'), { a: new Float32Array(100).fill(value) })
  writeSafetensors(join(folder, 'optimizer.safetensors'), { a: new Float32Array(100).fill(-value) })
}

async function storeWith(t: ExecutionContext, ...steps: number[]) {
  const folder = join(temporaryFolder(t), 'state')
  const lines: string[] = []
  const store = await CheckpointStore.open(folder, (line) => lines.push(line))
  for (const step of steps) await store.save(step, (to) => write(to, step), { note: `of ${step}` })
  const reopen = () => CheckpointStore.open(folder, (line) => lines.push(line))
  return { folder, lines, store, reopen }
}

/** Turns one bit round. */
function flip(path: string, byte: number) {
  const content = readFileSync(path)
  content[byte] = (content[byte] as number) ^ 4
  writeFileSync(path, content)
}

test('the two newest are kept, latest names the newest, and it comes back', async (t) => {
  const { folder, lines, reopen } = await storeWith(t, 10, 20, 30)
  t.deepEqual(readdirSync(folder).sort(), ['20', '30', 'backups', 'latest'])
  t.is(readFileSync(join(folder, 'latest'), 'utf8'), '30\n')
  t.deepEqual(readdirSync(join(folder, '30')).sort(), ['model.safetensors', 'optimizer.safetensors', 'trainer.json'])
  const found = await (await reopen()).newest()
  t.deepEqual(found, { step: 30, folder: join(folder, '30'), state: { note: 'of 30' } })
  t.deepEqual(lines, [])
})

test('folders that cannot be made are said, also where Node would try for ever', async (t) => {
  await t.throwsAsync(
    CheckpointStore.open('/proc/run/state', () => {}),
    { code: 'AOT_IO', message: 'cannot create the folder /proc/run/state/backups: no such file or directory' },
  )
})

test('a run without checkpoints has none', async (t) => {
  const { store } = await storeWith(t)
  t.is(await store.newest(), null)
})

const damage: [string, (folder: string) => void, RegExp][] = [
  [
    'a cut model',
    (at) => truncateSync(join(at, 'model.safetensors'), 300),
    /model\.safetensors has 300 bytes instead of \d+/,
  ],
  ['a bit of the model', (at) => flip(join(at, 'model.safetensors'), 200), /model\.safetensors is damaged: checksum/],
  ['a cut optimizer', (at) => truncateSync(join(at, 'optimizer.safetensors'), 0), /optimizer\.safetensors has 0 bytes/],
  ['a bit of the optimizer', (at) => flip(join(at, 'optimizer.safetensors'), 90), /optimizer\.safetensors is damaged/],
  ['no model', (at) => rmSync(join(at, 'model.safetensors')), /cannot read .*model\.safetensors: no such file/],
  ['no manifest', (at) => rmSync(join(at, 'trainer.json')), /cannot read .*trainer\.json: no such file/],
  [
    'a cut manifest',
    (at) => truncateSync(join(at, 'trainer.json'), 50),
    /trainer\.json is damaged: it is not the JSON/,
  ],
  [
    'a changed manifest',
    (at) => {
      const path = join(at, 'trainer.json')
      writeFileSync(path, readFileSync(path, 'utf8').replace('"of 30"', '"of 31"'))
    },
    /trainer\.json is damaged: checksum/,
  ],
]

for (const [name, harm, reason] of damage) {
  test(`falls back from ${name}, saying so`, async (t) => {
    const { folder, lines, reopen } = await storeWith(t, 20, 30)
    harm(join(folder, '30'))
    const store = await reopen()
    t.is((await store.newest())?.step, 20)
    t.is(lines.length, 1)
    t.regex(
      lines[0] as string,
      /^checkpoint 30 does not hold \(.*\): continues from step 20; it is kept as .*30\.broken$/,
    )
    t.regex(lines[0] as string, reason)
    t.is(readFileSync(join(folder, 'latest'), 'utf8'), '20\n')
    t.true(existsSync(join(folder, '30.broken')))
    // The next one takes its place, and nothing whole was lost on the way.
    await store.save(30, (to) => write(to, 1), {})
    t.deepEqual(readdirSync(folder).sort(), ['20', '30', 'backups', 'latest'])
  })
}

test('a folder of another step under the name does not hold', async (t) => {
  const { folder, lines, reopen } = await storeWith(t, 20)
  mkdirSync(join(folder, '30'))
  for (const name of readdirSync(join(folder, '20'))) {
    writeFileSync(join(folder, '30', name), readFileSync(join(folder, '20', name)))
  }
  t.is((await (await reopen()).newest())?.step, 20)
  t.regex(lines[0] as string, /trainer\.json is of step 20/)
})

test('a checkpoint whose name was not yet moved into latest counts', async (t) => {
  const { folder, reopen } = await storeWith(t, 20, 30)
  writeFileSync(join(folder, 'latest'), '20\n')
  t.is((await (await reopen()).newest())?.step, 30)
  t.is(readFileSync(join(folder, 'latest'), 'utf8'), '30\n')
})

test('a checkpoint that is gone is said to be', async (t) => {
  const { folder, lines, reopen } = await storeWith(t, 20, 30)
  rmSync(join(folder, '30'), { recursive: true })
  t.is((await (await reopen()).newest())?.step, 20)
  t.regex(lines[0] as string, /^checkpoint 30, named by .*latest, is gone: continues from step 20$/)
})

test('when none holds it is an error, never a new start', async (t) => {
  const { folder, reopen } = await storeWith(t, 20, 30)
  flip(join(folder, '20', 'model.safetensors'), 150)
  flip(join(folder, '30', 'model.safetensors'), 150)
  await t.throwsAsync(async () => (await reopen()).newest(), {
    code: 'AOT_DATA',
    message:
      /^no checkpoint in .*state holds \(30: model\.safetensors is damaged: checksum; 20: .*\): bring one back from a copy, or give another --run-name/,
  })
  t.true(existsSync(join(folder, '30')))
  rmSync(join(folder, '20'), { recursive: true })
  rmSync(join(folder, '30'), { recursive: true })
  await t.throwsAsync(async () => (await reopen()).newest(), { code: 'AOT_DATA', message: /\(30: it is gone\)/ })
})

test('backups are kept and serve when the others do not hold', async (t) => {
  const { folder, lines, store, reopen } = await storeWith(t, 10)
  await store.backup(10)
  await store.backup(10)
  for (const step of [20, 30, 40]) await store.save(step, (to) => write(to, step), {})
  t.deepEqual(readdirSync(folder).sort(), ['30', '40', 'backups', 'latest'])
  flip(join(folder, '30', 'model.safetensors'), 150)
  flip(join(folder, '40', 'model.safetensors'), 150)
  const found = await (await reopen()).newest()
  t.is(found?.folder, join(folder, 'backups', '10'))
  t.is(lines.length, 2)
})

test('what a killed save left is removed', async (t) => {
  const { folder, reopen } = await storeWith(t, 20)
  mkdirSync(join(folder, '30.tmp'))
  writeFileSync(join(folder, '30.tmp', 'model.safetensors'), 'half')
  mkdirSync(join(folder, 'backups', '30.tmp'))
  writeFileSync(join(folder, 'latest.tmp'), '3')
  t.is((await (await reopen()).newest())?.step, 20)
  t.deepEqual(readdirSync(folder).sort(), ['20', 'backups', 'latest'])
  t.deepEqual(readdirSync(join(folder, 'backups')), [])
})

test('a failed save leaves the earlier ones and says which is whole', async (t) => {
  const { folder, store, reopen } = await storeWith(t, 20)
  const fail = async () => {
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
  }
  await t.throwsAsync(store.save(30, fail, {}), {
    code: 'AOT_IO',
    message:
      /^checkpoint 30 was not saved: cannot save .*30: no space left on device; free some space and start again; checkpoint 20 is whole$/,
  })
  t.deepEqual(readdirSync(folder).sort(), ['20', 'backups', 'latest'])
  t.is((await (await reopen()).newest())?.step, 20)
})

for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
  test(`weights with ${value} are not saved over good ones`, async (t) => {
    const { store, reopen } = await storeWith(t, 20)
    const bad = async (folder: string) => {
      await write(folder, 1)
      const data = new Float32Array(3_000_000)
      data[2_999_999] = value
      writeSafetensors(join(folder, 'model.safetensors'), { first: new Float32Array(3), 'wte.weight': data })
    }
    await t.throwsAsync(store.save(30, bad, {}), {
      code: 'AOT_NUMERIC',
      message:
        'checkpoint 30 was not saved: model.safetensors: wte.weight holds a number that is not finite; checkpoint 20 is whole',
    })
    t.is((await (await reopen()).newest())?.step, 20)
  })
}

test('the largest finite numbers are finite', async (t) => {
  const path = join(temporaryFolder(t), 'x.safetensors')
  writeSafetensors(path, { a: Float32Array.of(3.4028234e38, -3.4028234e38, 1e-45, 0) })
  t.is(await firstNonFinite(path), null)
  writeFileSync(path, 'no')
  await t.throwsAsync(firstNonFinite(path), { code: 'AOT_DATA', message: /is not a safetensors file$/ })
  writeFileSync(path, 'neither is this one')
  await t.throwsAsync(firstNonFinite(path), { code: 'AOT_DATA', message: /is not a safetensors file$/ })
})
