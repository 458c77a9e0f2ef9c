/**
 * The fuzz targets of test/fuzz: each runs its seeds and a fixed number of mutations of them, under AddressSanitizer and
 * UndefinedBehaviorSanitizer. What is found stays in build-fuzz/found. docs/architecture.md says how to fuzz for longer.
 */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { packageRoot } from '../../ts/native.js'

const build = join(packageRoot, 'build-fuzz')
const folder = join(packageRoot, 'test', 'fuzz')
const text = `-dict=${join(folder, 'dictionaries', 'text.dict')}`

interface Target {
  name: string
  runs: number
  /** Branches of the code: far more are reached from the seeds alone, unless the target idles. */
  coverage: number
  options: string[]
  moreSeeds?: string[]
}

const targets: Target[] = [
  { name: 'pretokenize', runs: 15_000, coverage: 300, options: [text, '-max_len=2000'] },
  { name: 'clean', runs: 100_000, coverage: 150, options: [text, '-max_len=1000'] },
  { name: 'encode', runs: 20_000, coverage: 700, options: [text, '-max_len=1000'] },
  { name: 'unit_cut', runs: 10_000, coverage: 1500, options: [text, '-max_len=400'] },
  { name: 'count_file', runs: 20_000, coverage: 700, options: ['-max_len=1000'] },
  { name: 'merges', runs: 10_000, coverage: 800, options: ['-max_len=600'] },
  {
    name: 'tokenizer_json',
    runs: 6_000,
    coverage: 2500,
    options: [`-dict=${join(folder, 'dictionaries', 'tokenizer_json.dict')}`, '-max_len=4096'],
  },
  {
    name: 'hdf5',
    runs: 3_000,
    coverage: 700,
    // libFuzzer watches the memory in a thread, and the target forks.
    options: ['-rss_limit_mb=0', '-max_len=8192', '-len_control=0'],
    moreSeeds: [join(packageRoot, 'test', 'goldens', 'data')],
  },
]

interface Result {
  code: number
  output: string
}

function execute(command: string, args: string[]): Promise<Result> {
  const env = { ...process.env, ASAN_OPTIONS: undefined, UBSAN_OPTIONS: 'print_stacktrace=1' }
  return new Promise((resolve) => {
    execFile(command, args, { cwd: packageRoot, env, maxBuffer: 1 << 28 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr })
    })
  })
}

function program(target: string): string {
  return join(build, `fuzz_${target}`)
}

/** An empty folder for what is found. */
function foundFolder(target: string): string {
  const found = join(build, 'found', target)
  rmSync(found, { recursive: true, force: true })
  mkdirSync(found, { recursive: true })
  return found
}

function temporaryFolder(t: ExecutionContext): string {
  const temporary = mkdtempSync(join(tmpdir(), 'aot-fuzz-'))
  t.teardown(() => rmSync(temporary, { recursive: true }))
  return temporary
}

test.before('the targets are built', async (t) => {
  t.timeout(20 * 60_000)
  const compilers = ['-DCMAKE_C_COMPILER=clang', '-DCMAKE_CXX_COMPILER=clang++']
  const configured = await execute('cmake', [
    ...['-S', '.', '-B', build, '-G', 'Ninja', '-DCMAKE_BUILD_TYPE=None', '-DAOT_FUZZ=on', ...compilers],
  ])
  t.is(configured.code, 0, `is clang there? bin/setup --deep installs it\n${configured.output}`)
  const built = await execute('cmake', ['--build', build, '--parallel', '2'])
  t.is(built.code, 0, built.output.slice(-6000))
})

/** Each input is one of the mistakes in test/fuzz/self_test.cpp. */
const mistakes: [input: string, report: RegExp][] = [
  ['past the end', /AddressSanitizer: heap-buffer-overflow/],
  ['overflow', /runtime error: signed integer overflow/],
  ['exception', /not an aot::Error/],
  ['leak', /LeakSanitizer: detected memory leaks/],
  ['unwanted', /not so: no input starts so/],
]

test.serial('mistakes are noticed, and found by mutation', async (t) => {
  const found = foundFolder('self_test')
  const input = join(temporaryFolder(t), 'input')
  const options = [`-artifact_prefix=${found}/`]
  for (const [content, report] of mistakes) {
    writeFileSync(input, content)
    const { code, output } = await execute(program('self_test'), [...options, input])
    t.not(code, 0, content)
    t.regex(output, report)
  }
  writeFileSync(input, 'harmless')
  t.is((await execute(program('self_test'), [...options, input])).code, 0)
  const { code } = await execute(program('self_test'), [...options, '-runs=200000', '-seed=1'])
  t.not(code, 0)
  t.true(readdirSync(found).some((name) => name.startsWith('crash-')))
})

for (const { name, runs, coverage, options, moreSeeds = [] } of targets) {
  test.serial(`${name}: ${runs} runs`, async (t) => {
    t.timeout(20 * 60_000)
    const found = foundFolder(name)
    const limits = [`-runs=${runs}`, '-seed=1', '-timeout=120', '-print_final_stats=1', `-artifact_prefix=${found}/`]
    // Inputs that reach new code are written to the first folder.
    const corpus = [temporaryFolder(t), join(folder, 'corpus', name), ...moreSeeds]
    const { code, output } = await execute(program(name), [...limits, ...options, ...corpus])
    const reproducers = readdirSync(found).map((file) => `to see it again: ${program(name)} ${join(found, file)}`)
    t.is(code, 0, `${output.slice(-6000)}\n${reproducers.join('\n')}`)
    t.true(Number(/stat::number_of_executed_units: *(\d+)/.exec(output)?.[1]) >= runs)
    const covered = Number(/DONE +cov: (\d+)/.exec(output)?.[1])
    t.true(covered >= coverage, `only ${covered} branches were reached`)
    t.log(`${covered} branches; ${/Done .*/.exec(output)?.[0]}`)
  })
}
