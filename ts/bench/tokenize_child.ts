/** The process in which aot-bench tokenizes: a TokenizeRequest comes in, a line of JSON goes out. */
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { native } from '../native.js'
import { newControl } from '../tokenize/job.js'
import { loadTokenizer } from '../tokenize/tokenize_folder.js'
import { describeFailure } from './child.js'
import { watchMemory } from './peak_memory.js'
import type { TokenizeMeasurement, TokenizeRequest } from './tokenize.js'

/** Seconds of each repeat, after one that only brings the files and the tokenizer into memory. */
async function repeat(seconds: number, work: () => Promise<void>): Promise<number[]> {
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

async function measure(request: TokenizeRequest): Promise<TokenizeMeasurement> {
  const { files, threads, seconds } = request
  if (request.work === 'train') {
    const { vocabSize, folder } = request
    let tokenizer = (await native.trainFiles(files.slice(0, 1), { vocabSize: 257, threads: 1 }, newControl())).tokenizer
    const memory = watchMemory()
    const samples = await repeat(seconds, async () => {
      tokenizer = (await native.trainFiles(files, { vocabSize, threads }, newControl())).tokenizer
    })
    const peak_memory = memory()
    mkdirSync(folder, { recursive: true })
    await tokenizer.save(folder)
    return { samples, peak_memory }
  }
  const { out } = request
  const tokenizer = loadTokenizer(request.tokenizer)
  const memory = watchMemory()
  const samples = await repeat(seconds, async () => {
    rmSync(out, { force: true })
    await native.encodeFiles(tokenizer, files, out, { threads, dtype: 'auto' }, newControl())
  })
  return { samples, peak_memory: memory() }
}

try {
  console.log(JSON.stringify(await measure(JSON.parse(readFileSync(0, 'utf8')))))
} catch (error) {
  console.log(JSON.stringify(describeFailure(error)))
}
