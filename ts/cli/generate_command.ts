/** What aot-generate does: opens a run, completes the texts it is given, or asks for them. */
import { createInterface } from 'node:readline/promises'
import { Completion, type Way, waysOf } from '../generate/completion.js'
import { openRunModel, type RunModel } from '../generate/model.js'
import { show } from '../generate/show.js'
import { promptIds, textOf } from '../generate/text.js'
import { type GenerateArguments, parseGenerateArguments } from './generate_arguments.js'

const say = (line: string) => process.stderr.write(`aot-generate: ${line}\n`)

/** Seeds that are drawn are short enough to be typed. */
const drawnSeeds = 1_000_000

export async function generateCommand(words: readonly string[]): Promise<void> {
  const given = await parseGenerateArguments(words)
  if (given === null) return
  // What reads us has gone: there is nobody to tell.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit()
  })
  const model = await openRunModel(given.path, given.device)
  const seed = given.seed ?? Math.floor(Math.random() * drawnSeeds)
  if (model.tokenizer === null) say('the run has no tokenizer: texts are lists of token ids, as "12 7 9"')
  if (given.seed === null && given.temperature > 0) say(`--seed ${seed} repeats this`)
  try {
    const generator = new Generator(model, given, seed)
    if (given.prompt !== null) {
      if (await generator.complete(given.prompt)) process.exitCode = 130
    } else if (process.stdin.isTTY) {
      await ask(model, generator)
    } else {
      for await (const line of createInterface({ input: process.stdin })) {
        if (await generator.complete(line)) {
          process.exitCode = 130
          break
        }
      }
    }
  } finally {
    model.engine.close()
  }
}

class Generator {
  private readonly ways: Way[]

  constructor(
    private readonly model: RunModel,
    private readonly given: GenerateArguments,
    private readonly seed: number,
  ) {
    this.ways = waysOf(model.direction)
  }

  /** Writes all completions of a text. True when ^C or SIGTERM ended them. */
  async complete(prompt: string): Promise<boolean> {
    const { tokenizer, engine, vocabSize } = this.model
    const { samples, tokens, temperature, topK, json } = this.given
    const ids = promptIds(tokenizer, prompt, vocabSize)
    const stop = new AbortController()
    const abort = () => stop.abort()
    process.on('SIGINT', abort).on('SIGTERM', abort)
    try {
      for (let sample = 0; sample < samples && !stop.signal.aborted; sample++) {
        for (const way of this.ways) {
          if (stop.signal.aborted) break
          const sampling = { temperature, topK, seed: this.seed + sample }
          const completion = new Completion(engine, way, ids)
          if (json) {
            for await (const _ of completion.run(tokens, sampling, stop.signal));
            const text = textOf(tokenizer, completion.ids, 'none')
            const line = { prompt, direction: way.kind, seed: sampling.seed, text, tokens: completion.tokens }
            process.stdout.write(`${JSON.stringify(line)}\n`)
            continue
          }
          if (samples * this.ways.length > 1) process.stdout.write(`--- ${this.heading(way, sampling.seed)}\n`)
          const { stdout: out } = process
          const colors = out.isTTY && (process.env.NO_COLOR ?? '') === ''
          await show(completion, { tokenizer, tokens, sampling, signal: stop.signal, out, colors })
        }
      }
    } finally {
      process.off('SIGINT', abort).off('SIGTERM', abort)
    }
    return stop.signal.aborted
  }

  private heading(way: Way, seed: number): string {
    return [this.ways.length > 1 ? way.kind : '', this.given.samples > 1 ? `seed ${seed}` : '']
      .filter((part) => part !== '')
      .join(', ')
  }
}

const wanted = { forward: 'a beginning', backward: 'an ending', permutation: 'the first tokens of the order' }

/** One text after another, from a person. */
async function ask({ direction }: RunModel, generator: Generator): Promise<void> {
  const what = direction.kind === 'fwbw' ? 'a beginning, and an ending' : wanted[direction.kind]
  say(`give ${what}; an empty line ends, ^C stops a completion`)
  let history: string[] = []
  for (;;) {
    // Of its own for each line: while a text is made the terminal is an ordinary one, on which ^C is a signal.
    const reader = createInterface({ input: process.stdin, output: process.stdout, history })
    const closed = new AbortController()
    reader.once('close', () => closed.abort())
    const line = await reader.question('> ', { signal: closed.signal }).catch(() => '')
    history = (reader as unknown as { history: string[] }).history ?? history
    reader.close()
    if (line.trim() === '') return
    try {
      await generator.complete(line)
    } catch (error) {
      say((error as Error).message)
    }
  }
}
