import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import papaparse from 'papaparse'
import { appendCsv, checkCsv, flatShape } from '../../ts/bench/csv.js'
import { appendJson, checkJson, readBenchFile } from '../../ts/bench/file.js'
import { changeFile } from '../../ts/bench/whole_file.js'
import type { AotError, AotErrorCode } from '../../ts/errors.js'
import { native } from '../../ts/native.js'
import { temporaryFolder } from '../train/runs.js'
import { file, row, run } from './rows.js'

const child = fileURLToPath(new URL('./append_child.js', import.meta.url))

/** One line with the code, which matches; also of the check that comes before a benchmark. */
async function refuses(t: ExecutionContext, calls: (() => Promise<unknown>)[], code: AotErrorCode, message: RegExp) {
  for (const call of calls) {
    const error = await t.throwsAsync<AotError>(call)
    t.is(error?.code, code)
    t.regex(error?.message ?? '', message)
    t.notRegex(error?.message ?? '', /\n/)
  }
}

const first = run([row('linear_forward', 0.006, { figures: { tflops: 0.2, of_floor: 0.98 } }), row('gelu', 1e-4)])
const second = run([row('adamw', 0.01, { precision: null, shape: {} })])

test('runs are added and the earlier ones stay', async (t) => {
  const path = join(temporaryFolder(t), 'bench.json')
  await checkJson(path)
  await appendJson(path, first)
  t.deepEqual(await readBenchFile(path), file(first))
  await checkJson(path)
  await appendJson(path, second)
  t.deepEqual(await readBenchFile(path), file(first, second))
})

test('what is not a file of aot-bench is refused and left as it is', async (t) => {
  const path = join(temporaryFolder(t), 'other.json')
  const whole = JSON.stringify(file(first), null, 2)
  const future = structuredClone(file(first)) as unknown as { runs: { rows: Record<string, unknown>[] }[] }
  ;(future.runs[0]?.rows[1] as Record<string, unknown>).energy = 5
  const cases: [string, RegExp][] = [
    ['', /other\.json .*\(not JSON: .*name another file; this one was left as it is$/],
    ['name,time\n', /not JSON/],
    [whole.slice(0, -20), /not JSON/],
    ['{"runs": []}', /lacks "format": "aot-bench"/],
    ['[1, 2]', /lacks "format"/],
    ['null', /lacks "format"/],
    [JSON.stringify(future), /another version of aot-bench \(runs\[0\]\.rows\[1\]: Unrecognized key: "energy"\)/],
    [whole.replace('0.006', '"fast"'), /damaged.*\(runs\[0\]\.rows\[0\]\.time\.median: expected number/],
  ]
  for (const [text, message] of cases) {
    writeFileSync(path, text)
    await refuses(t, [() => checkJson(path), () => appendJson(path, second)], 'AOT_DATA', message)
    t.is(readFileSync(path, 'utf8'), text)
    await refuses(t, [() => readBenchFile(path)], 'AOT_DATA', /name a file that --json wrote$/)
  }
})

test('a file to compare that is not there', async (t) => {
  await refuses(t, [() => readBenchFile('/nowhere/a.json')], 'AOT_IO', /cannot read \/nowhere\/a\.json: no such file/)
})

test('a run that could not be read again is not written', async (t) => {
  const path = join(temporaryFolder(t), 'bench.json')
  const broken = run([row('gelu', 1, { figures: { tflops: Number.NaN } })])
  await refuses(
    t,
    [() => appendJson(path, broken), () => appendCsv(path, broken)],
    'AOT_INTERNAL',
    /rows\[0\]\.figures\.tflops/,
  )
  t.deepEqual(readdirSync(join(path, '..')), [])
})

test('a place that cannot be written to: one line with a cure', async (t) => {
  const base = temporaryFolder(t)
  writeFileSync(join(base, 'text'), 'x')
  mkdirSync(join(base, 'folder'))
  const cases: [string, RegExp][] = [
    [join(base, 'none', 'out'), /there is no folder .*none: create it, or name another file/],
    [join(base, 'text', 'out'), /there is no folder|is no folder: name another file/],
    [join(base, 'folder'), /it is a folder: name a file in it/],
    ['/dev/null', /it is no regular file: name another/],
  ]
  for (const [path, message] of cases) {
    const calls = [checkJson, checkCsv].map((check) => () => check(path))
    await refuses(t, [...calls, () => appendJson(path, first), () => appendCsv(path, first)], 'AOT_IO', message)
  }
  t.is(readFileSync(join(base, 'text'), 'utf8'), 'x')
})

test('a disk that fills up leaves the file as it was', async (t) => {
  const base = temporaryFolder(t)
  const [json, csv] = [join(base, 'a.json'), join(base, 'a.csv')]
  const many = run(Array.from({ length: 100 }, (_, i) => row(`op ${i}`, 1)))
  await appendJson(json, many)
  await appendCsv(csv, first)
  const before = readFileSync(json, 'utf8')
  // Files above 8 KiB cannot be written.
  const limited = ['-c', 'ulimit -f 8; exec "$0" "$@"', process.execPath, child, json, csv, 'x', '1']
  const error = await t.throwsAsync<Error & { stderr: string }>(promisify(execFile)('bash', limited))
  t.regex(error?.stderr ?? '', /AOT_IO: cannot write .*: file too large; free some space/)
  t.is(readFileSync(json, 'utf8'), before)
  t.deepEqual(readdirSync(base).sort(), ['.a.csv.lock', '.a.json.lock', 'a.csv', 'a.json'])
})

test('through a link the file that it names is written', async (t) => {
  const base = temporaryFolder(t)
  await appendJson(join(base, 'real.json'), first)
  symlinkSync('real.json', join(base, 'link.json'))
  await appendJson(join(base, 'link.json'), second)
  t.deepEqual(await readBenchFile(join(base, 'real.json')), file(first, second))
})

test('two processes that add at the same time lose nothing', async (t) => {
  const base = temporaryFolder(t)
  const [json, csv] = [join(base, 'a.json'), join(base, 'a.csv')]
  const add = (name: string) => promisify(execFile)(process.execPath, [child, json, csv, name, '20'])
  await Promise.all([add('one'), add('two')])
  const expected = ['one', 'two'].flatMap((name) => Array.from({ length: 20 }, (_, i) => `${name} ${i}`)).sort()
  const { runs } = await readBenchFile(json)
  t.deepEqual(runs.map(({ rows }) => rows[0]?.name).sort(), expected)
  const lines = readFileSync(csv, 'utf8').trimEnd().split('\n').slice(1)
  t.deepEqual(lines.map((line) => expected.find((name) => line.includes(`,${name},`))).sort(), expected)
})

test('a process that is killed leaves whole files, to which others can add', async (t) => {
  const base = temporaryFolder(t)
  const [json, csv] = [join(base, 'a.json'), join(base, 'a.csv')]
  for (const runs of [1, 3, 5]) {
    const killed = spawn(process.execPath, [child, json, csv, 'killed', '100000'], { stdio: 'ignore' })
    const ended = once(killed, 'exit')
    const done = () =>
      readBenchFile(json).then(
        ({ runs }) => runs.length,
        () => 0,
      )
    while ((await done()) < runs) await setTimeout(1)
    killed.kill('SIGKILL')
    await ended
    await checkJson(json)
    await checkCsv(csv)
    const before = await done()
    await appendJson(json, second)
    await appendCsv(csv, second)
    t.is(await done(), before + 1)
    t.true(readFileSync(csv, 'utf8').trimEnd().endsWith('adamw,arrows-of-time,cpu,,,0.01,0.0099,0.0101,30,,,,,,,,,,,'))
  }
})

test('another process that does not end is named', async (t) => {
  const base = temporaryFolder(t)
  const path = join(base, 'a.json')
  const lock = new native.FileLock(join(base, '.a.json.lock'), { busy: 'taken' })
  await refuses(
    t,
    [() => changeFile(path, () => 'x', { seconds: 0 })],
    'AOT_IO',
    new RegExp(`process ${process.pid} is writing it .*: wait for it to end, or name another file`),
  )
  lock.release()
  await changeFile(path, () => 'x', { seconds: 0 })
  t.is(readFileSync(path, 'utf8'), 'x')
})

test('CSV: a header once, a line a row, quotes where needed', async (t) => {
  const path = join(temporaryFolder(t), 'bench.csv')
  await checkCsv(path)
  await appendCsv(path, first)
  const before = readFileSync(path, 'utf8')
  await checkCsv(path)
  await appendCsv(path, second)
  const text = readFileSync(path, 'utf8')
  t.true(text.startsWith(before))
  const lines = text.split('\n')
  t.is(lines.length, 5)
  t.is(
    lines[0],
    'date,version,commit,command,processor,cores,memory,system,node,devices,steal,others,bench,name,by,device,precision,' +
      'shape,median_s,p20_s,p80_s,repeats,tflops,gbytes_per_s,of_matmul,of_copy,of_floor,tokens_per_s,mfu,peak_memory,' +
      'share,text_bytes,mbytes_per_s',
  )
  t.is(
    lines[1],
    '2026-11-25T03:30:00.000Z,0.1.0,804d981+,"aot-bench ops --op ""linear, forward""","A processor, 2 cores",2,' +
      '24000000000,Linux 6.1.0,v20.19.0,"cpu: AVX-512, 2 threads",0.001,,ops,linear_forward,arrows-of-time,cpu,fp32,' +
      'batch=16 window=256,0.006,0.00594,0.00606,30,0.2,,,,0.98,,,,,,',
  )
  const { data } = papaparse.parse<Record<string, string>>(text, { header: true, skipEmptyLines: true })
  t.deepEqual(
    data.map(({ name, shape, command }) => [name, shape, command]),
    [
      ['linear_forward', 'batch=16 window=256', first.command],
      ['gelu', 'batch=16 window=256', first.command],
      ['adamw', '', first.command],
    ],
  )
})

test('CSV: a command of several lines stays one row', async (t) => {
  const path = join(temporaryFolder(t), 'bench.csv')
  await appendCsv(path, { ...first, command: 'aot-bench \\\n  ops' })
  await appendCsv(path, second)
  const { data } = papaparse.parse<Record<string, string>>(readFileSync(path, 'utf8'), {
    header: true,
    skipEmptyLines: true,
  })
  t.deepEqual(
    data.map(({ command }) => command),
    ['aot-bench \\\n  ops', 'aot-bench \\\n  ops', second.command],
  )
})

test('CSV of someone else, half a line and damaged rows are refused, and left as they are', async (t) => {
  const base = temporaryFolder(t)
  const path = join(base, 'bench.csv')
  await appendCsv(path, first)
  const whole = readFileSync(path, 'utf8')
  const [header, line] = whole.split('\n') as [string, string]
  const cases: [string, RegExp][] = [
    ['name,time\nx,1\n', /does not begin with the columns.*name another file; this one was left as it is$/],
    ['\n', /does not begin with the columns/],
    [`${header},energy\n`, /does not begin with the columns/],
    [whole.replaceAll('\n', '\r\n'), /does not begin with the columns/],
    [whole.slice(0, -9), /ends in the midst of a line: take that line out/],
    [header, /ends in the midst of a line/],
    [`${header}\n${line}\nx,1\n${line}\n`, /row 3 has 2 cells, not 33/],
    [`${header}\n${line}\n${line.replace('"A', 'A').replace('cores"', '"cores')}\n`, /row 3 /],
  ]
  for (const [text, message] of cases) {
    writeFileSync(path, text)
    await refuses(t, [() => checkCsv(path), () => appendCsv(path, second)], 'AOT_DATA', message)
    t.is(readFileSync(path, 'utf8'), text)
  }
  t.deepEqual(readdirSync(base).sort(), ['.bench.csv.lock', 'bench.csv'])
})

test('CSV: an empty file gets the header, a run without rows no line', async (t) => {
  const path = join(temporaryFolder(t), 'bench.csv')
  writeFileSync(path, '')
  await appendCsv(path, run([]))
  t.is(readFileSync(path, 'utf8').split('\n').length, 2)
  await appendCsv(path, second)
  t.is(readFileSync(path, 'utf8').split('\n').length, 3)
  t.is(statSync(path).isFile(), true)
})

test('shapes by name', (t) => {
  t.is(flatShape({ window: 256, batch: 16, kind: 'text' }), 'batch=16 kind=text window=256')
  t.is(flatShape({}), '')
})
