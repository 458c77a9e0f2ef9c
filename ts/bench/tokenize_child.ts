/** The process in which aot-bench tokenizes, as aot-tokenize does: a TokenizeRequest comes in, a line of JSON goes out. */
import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { trainTokenizer } from '../tokenize/counts.js'
import { lookAtInputs } from '../tokenize/inputs.js'
import { encodeCorpus } from '../tokenize/shards.js'
import { openTokenizer } from '../tokenize/tokenizers.js'
import { describeFailure } from './child.js'
import { watchMemory } from './peak_memory.js'
import type { TokenizeMeasurement, TokenizeRequest } from './tokenize.js'

/** Seconds of each repeat, after one that only brings the files and the tokenizer into memory. */
async function repeat(seconds: number, work: () => Promise<unknown>): Promise<number[]> {
  const timed = async () => {
    const started = performance.now()
    await work()
    return (performance.now() - started) / 1000
  }
  const repeats = Math.min(100, Math.max(2, Math.floor(seconds / (await timed()))))
  const samples: number[] = []
  while (samples.length < repeats) samples.push(await timed())
  return samples
}

async function measure({ corpus, threads, seconds, ...work }: TokenizeRequest): Promise<TokenizeMeasurement> {
  const inputs = await lookAtInputs(corpus)
  const options = { threads, progress: 'quiet', force: true } as const
  const memory = watchMemory()
  if (work.work === 'train') {
    const bpe = { kind: 'bpe', vocabSize: work.vocabSize } as const
    const train = () => trainTokenizer(inputs, work.folder, bpe, options)
    return { samples: await repeat(seconds, train), peak_memory: memory() }
  }
  const tokenizer = openTokenizer(work.tokenizer)
  const encode = () => encodeCorpus(inputs, tokenizer, work.out, options)
  return { samples: await repeat(seconds, encode), peak_memory: memory() }
}

try {
  console.log(JSON.stringify(await measure(JSON.parse(readFileSync(0, 'utf8')))))
} catch (error) {
  console.log(JSON.stringify(describeFailure(error)))
}
