/** aot-train under mpirun: the numbers of one device, and what becomes of a run when one of its processes is lost. */
import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { packageRoot } from '../../ts/native.js'
import { comparable, type Line, makeRun, readLines, realDataset, type Settings } from '../train/runs.js'
import { type JobEnded, mpirun } from './mpirun.js'
import { distance, models } from './support.js'

const run = promisify(execFile)
const script = join(packageRoot, 'bin/aot-train.js')

const small: Settings = {
  steps_to_train: 40, // of two minibatches each: 20 optimizer steps
  save_every: 11, // in the middle of an accumulation too
  step_log: 1,
  batch_size: 5, // divides among no number of processes here
  val_batch_size: 3,
  valid_steps: 2,
  'model_params.attn_length': 16,
  'model_params.dropout': 0.1,
}

/** A dataset, and what starts aot-train on it. */
async function trainer(t: ExecutionContext, settings: Settings = {}) {
  const { folder, settings: data } = await realDataset(t, 300)
  const prepare = (name: string) => {
    const { runFolder, configPath } = makeRun(folder, { ...data, ...small, ...settings }, name)
    const config = join(folder, `${name}.json`)
    copyFileSync(configPath, config)
    return { runFolder, words: [process.execPath, script, config, '-p', 'project', '-r', name] }
  }
  return {
    /** In one process. */
    async alone(name: string, device: string, more: string[] = []) {
      const { runFolder, words } = prepare(name)
      await run(words[0] as string, [...words.slice(1), '-d', device, ...more])
      return runFolder
    },
    start(name: string, ranks: number, more: string[] = []) {
      const { runFolder, words } = prepare(name)
      return { runFolder, job: mpirun(ranks, [...words, ...more]) }
    },
  }
}

const failed = ({ status, stdout, stderr }: JobEnded) => `status ${status}\n${stdout}\n${stderr}`

function numbers(lines: Line[], key: string): number[] {
  return lines.flatMap((line) => (line[key] as number | undefined) ?? [])
}

for (const { model } of models) {
  test.serial(`2 and 4 processes do the same as one device: ${model}`, async (t) => {
    t.timeout(300_000)
    const { alone, start } = await trainer(t, { model })
    const exact = readLines(await alone('reference', 'reference'))
    const single = readLines(await alone('single', 'cpu'))
    for (const ranks of [2, 4]) {
      const { runFolder, job } = start(`ranks-${ranks}`, ranks)
      const ended = await job.ended
      t.is(ended.status, 0, failed(ended))
      t.regex(ended.stdout, new RegExp(`device: ${ranks} replicas in ${ranks} processes on 1 machine, sums by mpi`))
      t.is(ended.stdout.split('run: ').length, 2, 'the first process alone speaks')
      for (const key of ['loss/train_step', 'grad_norm', 'loss/valid']) {
        const found = numbers(readLines(runFolder), key)
        const wanted = numbers(exact, key)
        t.is(found.length, wanted.length)
        const error = distance(found, wanted)
        const usual = Math.max(distance(numbers(single, key), wanted), 1e-7)
        t.true(error <= 4 * usual, `${ranks} processes, ${key}: ${error} against ${usual}`)
      }
      // Replicas add up in the same order wherever they are.
      const replicas = await alone(`replicas-${ranks}`, Array.from({ length: ranks }, () => 'cpu').join())
      t.deepEqual(comparable(runFolder), comparable(replicas))
    }
  })
}

test.serial('two processes of two replicas each; other numbers of them go on with the run', async (t) => {
  t.timeout(300_000)
  const { start, alone } = await trainer(t)
  const until = (step: number) => ['--set', `steps_to_train=${step}`]
  await alone('whole', 'cpu', until(13))
  await alone('whole', 'cpu', until(27))
  const whole = await alone('whole', 'cpu')
  const { runFolder, job } = start('broken', 2, ['-d', 'cpu,cpu,cpu,cpu', ...until(13)])
  const ended = await job.ended
  t.is(ended.status, 0, failed(ended))
  t.regex(ended.stdout, /device: 4 replicas in 2 processes on 1 machine, sums by mpi: 2 x cpu/)
  const more = await start('broken', 3, until(27)).job.ended
  t.is(more.status, 0, failed(more))
  t.regex(more.stdout, /goes on from step 13/)
  await alone('broken', 'cpu')
  const [found, wanted] = [runFolder, whole].map((folder) => numbers(readLines(folder), 'loss/train_step'))
  t.is(found?.length, 40)
  t.true(distance(found as number[], wanted as number[]) < 1e-3, `${found}\n${wanted}`)
})

test.serial('one process killed at any moment: the others stop, and the run goes on to the same bits', async (t) => {
  t.timeout(600_000)
  const settings = { steps_to_train: 400, save_every: 7, step_log: 10 }
  const { start } = await trainer(t, settings)
  const whole = start('whole', 2)
  const begun = Date.now()
  const ended = await whole.job.ended
  t.is(ended.status, 0, failed(ended))
  const length = Date.now() - begun
  let killed = 0
  for (const [number, part] of [0.35, 0.5, 0.7, 0.85].entries()) {
    const { job } = start('broken', 2)
    let over = false
    void job.ended.then(() => {
      over = true
    })
    await new Promise((resolve) => setTimeout(resolve, part * length))
    const victim = job.rank(number % 2)
    if (victim !== null) process.kill(victim, 'SIGKILL')
    const moment = Date.now()
    const { status } = await job.ended
    t.true(over)
    if (status === 0) continue // it was done by then
    killed++
    t.true(Date.now() - moment < 15_000, 'the others stop within seconds')
  }
  t.true(killed > 0)
  const last = start('broken', 2)
  const done = await last.job.ended
  t.is(done.status, 0, failed(done))
  t.deepEqual(comparable(last.runFolder), comparable(whole.runFolder))
})

test.serial('a process that is stopped is noticed and named; the last checkpoint holds', async (t) => {
  t.timeout(300_000)
  const settings = { steps_to_train: 1_000_000, save_every: 20, step_log: 10 }
  const { start } = await trainer(t, settings)
  for (const rank of [1, 0]) {
    const { runFolder, job } = start(`stopped-${rank}`, 2, ['--rank-timeout', '2'])
    while (!existsSync(join(runFolder, 'state', 'latest'))) await new Promise((resolve) => setTimeout(resolve, 50))
    process.kill(job.rank(rank) as number, 'SIGSTOP')
    const moment = Date.now()
    const ended = await job.ended
    t.not(ended.status, 0)
    t.true(Date.now() - moment < 20_000)
    t.regex(ended.stderr, new RegExp(`aot-train: process ${rank} \\(cpu.*\\) has given no sign of life for 2 seconds`))
    t.true(Number(readFileSync(join(runFolder, 'state', 'latest'), 'utf8')) > 0)
  }
})

test.serial('told once to stop, all save and stop at the same step; an error of one ends all', async (t) => {
  t.timeout(300_000)
  const { start } = await trainer(t, { steps_to_train: 1_000_000, save_every: 100_000, step_log: 10 })
  const { runFolder, job } = start('stopped', 2)
  while (!existsSync(join(runFolder, 'metrics.jsonl')) || readLines(runFolder).length < 3) {
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  process.kill(job.rank(1) as number, 'SIGINT') // the one that keeps no files
  const ended = await job.ended
  t.regex(ended.stdout, /stopped at step \d+: the same command goes on from there/)
  const step = Number(readFileSync(join(runFolder, 'state', 'latest'), 'utf8'))
  t.true(step > 0)

  const again = start('stopped', 2, ['--set', `steps_to_train=${step + 2}`])
  const done = await again.job.ended
  t.is(done.status, 0, failed(done))

  const typo = await start('stopped', 2, ['--set', 'bach_size=3']).job.ended
  t.is(typo.stderr.split('aot-train: ').length, 2, `one line: ${typo.stderr}`)

  // A run folder in use is what the first process alone sees.
  const busy = start('busy', 2)
  while (!existsSync(join(busy.runFolder, 'lock'))) await new Promise((resolve) => setTimeout(resolve, 50))
  const refused = await start('busy', 2).job.ended
  t.is(refused.status, 2, failed(refused))
  t.is(refused.stderr.split('aot-train: ').length, 2, `one line: ${refused.stderr}`)
  t.regex(refused.stderr, /this run is being trained by/)
  busy.job.child.kill('SIGKILL')
  for (const rank of [0, 1]) {
    const pid = busy.job.rank(rank)
    if (pid !== null) process.kill(pid, 'SIGKILL')
  }
})
