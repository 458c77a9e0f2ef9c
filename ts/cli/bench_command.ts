/** aot-bench: measures, shows, saves. */
import { compare } from '../bench/compare.js'
import { comparisonTable } from '../bench/comparison_table.js'
import { appendCsv, checkCsv } from '../bench/csv.js'
import { leastStep, measuredSteps, type NamedStep } from '../bench/device_steps.js'
import { appendJson, checkJson, readBenchFile } from '../bench/file.js'
import { describeMachine, sourceCommit } from '../bench/machine.js'
import { noiseWarning, watchNoise } from '../bench/noise.js'
import { Peers } from '../bench/peers.js'
import type { Row } from '../bench/record.js'
import { scalingTable } from '../bench/scaling_table.js'
import { runOps, runTrain, selectModels } from '../bench/session.js'
import { rowsTable } from '../bench/table.js'
import { benchTokenize } from '../bench/tokenize.js'
import { AotError } from '../errors.js'
import { native, nativeFor } from '../native.js'
import { type BenchArguments, parseBenchArguments, type ScalingArguments } from './bench_arguments.js'
import { stopOnSignals } from './command.js'
import { packageVersion } from './version.js'

const command = 'aot-bench'
const say = (line: string) => process.stderr.write(`${command}: ${line}\n`)

/** Runs one command line. */
export async function benchCommand(words: readonly string[]): Promise<void> {
  const request = await parseBenchArguments(words)
  if (request.kind === 'print') {
    process.stdout.write(request.text)
  } else if (request.kind === 'compare') {
    const [before, after] = [await readBenchFile(request.before), await readBenchFile(request.after)]
    process.stdout.write(`${comparisonTable(compare(before, after))}\n`)
  } else if (request.kind === 'scaling') {
    process.stdout.write(`${scalingTable(await stepsOf(request.arguments), request.arguments)}\n`)
  } else {
    await bench(request.arguments, words)
  }
}

async function stepsOf(given: ScalingArguments): Promise<NamedStep[]> {
  const { from, shapes, models, precisions } = given
  if (typeof from === 'string') return measuredSteps(from, await readBenchFile(from), given)
  const selected = selectModels({ device: 'cuda:0', shapes, models })
  return selected.map(({ name, shape, precision }) =>
    leastStep(name, shape, precision ?? precisions[0] ?? 'bf16', from),
  )
}

async function bench(given: BenchArguments, words: readonly string[]): Promise<void> {
  const { work, device, json, csv } = given
  // Before the minutes that it takes.
  if (json !== null) await checkJson(json)
  if (csv !== null) await checkCsv(csv)
  if (device === 'reference')
    throw new AotError('AOT_DEVICE', '--device: the reference is plain loops, not to be timed; use cpu')
  const models = work === 'train' ? [...given.words, ...given.models] : given.models
  if (work !== 'tokenize') selectModels({ device, shapes: given.shapes, models })
  const description = work === 'tokenize' ? null : await describeDevice(device)
  if (description !== null) say(description)
  if (device === 'emulated' && work !== 'tokenize') say('these are times of the emulation; they say nothing of a GPU')

  const rows: Row[] = []
  const signal = stopOnSignals(command, 'what was measured so far is kept')
  const date = new Date().toISOString()
  const endNoise = watchNoise()
  const progress = rowProgress()
  const peers = given.peers ? new Peers({ onLine: progress.line, signal }) : null
  const onRow = (row: Row) => {
    rows.push(row)
    progress.row(row)
  }
  const session = {
    device,
    precisions: given.precisions.length > 0 ? given.precisions : (['fp32', 'bf16'] as const),
    threads: given.threads ?? native.availableCores(),
    shapes: given.shapes,
    models,
    peers,
    signal,
    onRow,
  }
  try {
    if (work === 'ops') await runOps({ ...session, ops: given.ops, seconds: given.seconds ?? 0.5 })
    else if (work === 'train') await runTrain({ ...session, steps: given.steps })
    else {
      const { words: folders, tokenizer, vocabSize, seconds, threads } = given
      await benchTokenize({
        ...session,
        folder: folders[0] ?? null,
        bytes: given.megabytes * 1e6,
        peerBytes: given.peerMegabytes * 1e6,
        tokenizer,
        vocabSize,
        threads: threads === null ? [...new Set([1, native.availableCores()])] : [threads],
        seconds: seconds ?? 3,
        onLine: progress.line,
      })
    }
  } catch (error) {
    if (!signal.aborted) {
      await save(rows)
      throw error
    }
  }
  await save(rows)

  async function save(measured: Row[]): Promise<void> {
    progress.end()
    if (measured.length === 0) return
    process.stdout.write(`${rowsTable(measured)}\n`)
    const noise = endNoise()
    const warning = noiseWarning(noise, measured)
    if (warning !== null) say(warning)
    const run = {
      date,
      version: packageVersion(),
      commit: sourceCommit(),
      command: [command, ...words].join(' '),
      machine: describeMachine(description === null ? [] : [description]),
      noise,
      rows: measured,
    }
    if (json !== null) await appendJson(json, run)
    if (csv !== null) await appendCsv(csv, run)
    for (const file of [json, csv]) if (file !== null) say(`added to ${file}`)
  }
}

/** As the engine describes it: by a small call on it. */
async function describeDevice(device: string): Promise<string> {
  return (await nativeFor(device).timeOp(device, 'fp32', 'copy', {}, 0)).device
}

/** The name of what was measured last, on one line of a terminal. */
function rowProgress() {
  const isTerminal = process.stderr.isTTY
  let written = false
  const clear = () => {
    if (written) process.stderr.write('\r\x1b[K')
    written = false
  }
  return {
    row({ bench, name, by, precision }: Row) {
      if (!isTerminal || bench === 'train_op') return
      clear()
      const text = [name, precision, by].filter((part) => part !== null).join(', ')
      process.stderr.write(`${command}: measured ${text}`.slice(0, (process.stderr.columns ?? 80) - 1))
      written = true
    },
    line(text: string) {
      clear()
      say(text)
    },
    end: clear,
  }
}
