/** What a work on a corpus will take, from a sample of its text: time, tokens, and room on the disk. */
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { open, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type NativeTokenizer, native } from '../native.js'
import { unitFile } from './entries.js'
import type { Input, Inputs } from './inputs.js'
import { newControl } from './job.js'
import { defaultUnitBytes, evenCuts } from './plan.js'
import { workOfTokens } from './shards.js'
import type { LoadedTokenizer, NewTokenizer } from './tokenizers.js'
import type { WorkOptions } from './work_options.js'

const sampleBytes = 8e6
const parts = 8
const mostFiles = 2000

/** Distinct words grow with about this power of the length of a text (Heaps). */
const growth = 0.6

export interface Estimate {
  units: number
  unitBytes: number
  sample: { bytes: number; files: number }
  /** Of a new tokenizer: what is counted needs `countBytes` of disk until it is made. */
  training: { countingSeconds: number; mergingSeconds: number; countBytes: number } | null
  encodingSeconds: number
  tokens: number
  tokenBytes: number
  dtype: 'int32' | 'uint16'
  bytesPerToken: number
}

interface Part {
  file: Input
  at: number
  length: number
}

/** Parts of files at even distances over the corpus, together about `sampleBytes`; of a small one all, or many files. */
export function sampleParts(files: readonly Input[], bytes: number): Part[] {
  if (bytes <= sampleBytes) {
    const texts = files.filter(({ size }) => size > 0)
    const step = Math.ceil(texts.length / mostFiles)
    return texts.filter((_, index) => index % step === 0).map((file) => ({ file, at: 0, length: file.size }))
  }
  const length = Math.floor(sampleBytes / parts)
  const chosen: Part[] = []
  const taken = new Array<number>(parts).fill(0)
  let begin = 0
  for (const file of files) {
    const end = begin + file.size
    for (let part = 0; part < parts; part++) {
      // What of the part is in this file.
      const from = Math.floor((part / parts) * bytes)
      const at = Math.max(begin, from)
      const until = Math.min(end, from + length)
      if (until <= at || (taken[part] as number) >= mostFiles / parts) continue
      taken[part] = (taken[part] as number) + 1
      chosen.push({ file, at: at - begin, length: until - at })
    }
    begin = end
  }
  return chosen
}

async function readPart({ file, at, length }: Part): Promise<Buffer> {
  const handle = await open(file.path)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, at)
    const part = buffer.subarray(0, bytesRead)
    // Not the end of a line that began before.
    const line = at === 0 ? 0 : part.indexOf(10) + 1
    return part.subarray(line)
  } finally {
    await handle.close()
  }
}

async function timed<Result>(work: () => Promise<Result>): Promise<{ result: Result; seconds: number }> {
  const started = performance.now()
  const result = await work()
  return { result, seconds: (performance.now() - started) / 1000 }
}

/** Measures a sample; `tokenizer`: that which is there, or how the new one is made. Writes only in the system's temporary folder. */
export async function estimate(
  inputs: Inputs,
  tokenizer: LoadedTokenizer | NewTokenizer,
  options: WorkOptions & { unitBytes?: number | undefined; dtype: 'auto' | 'int32' | 'uint16' },
): Promise<Estimate> {
  const threads = options.threads ?? native.availableCores()
  const unitBytes = options.unitBytes ?? defaultUnitBytes(inputs.bytes)
  const sizes = inputs.files.map(({ size }) => size)
  const units = evenCuts(sizes, unitBytes).length + 1
  const folder = mkdtempSync(join(tmpdir(), 'aot-dry-run-'))
  try {
    const chosen = sampleParts(inputs.files, inputs.bytes)
    const path = join(folder, 'sample.txt')
    const texts: Buffer[] = []
    for (const part of chosen) texts.push(await readPart(part))
    await writeFile(path, Buffer.concat(texts))
    options.signal?.throwIfAborted()
    const { size } = statSync(path)
    const scale = inputs.bytes / size
    const isNew = 'kind' in tokenizer
    const trained = isNew ? await trainSample(folder, path, size, tokenizer, threads) : null
    options.signal?.throwIfAborted()
    const used: NativeTokenizer = isNew ? (trained as { tokenizer: NativeTokenizer }).tokenizer : tokenizer.native
    const out = join(folder, 'sample.h5')
    const encode = () =>
      timed(() => native.encodeFiles(used, [path], out, { threads, dtype: options.dtype }, newControl()))
    const first = await encode()
    // The first time has the words to learn, once in a corpus.
    const { seconds } = await encode()
    const { tokens, dtype } = first.result
    return {
      units,
      unitBytes,
      sample: { bytes: size, files: new Set(chosen.map(({ file }) => file.name)).size },
      training:
        trained === null
          ? null
          : {
              countingSeconds: trained.countingSeconds * scale,
              mergingSeconds: trained.mergingSeconds * scale ** growth,
              countBytes: units === 1 ? 0 : units * trained.countBytes * Math.max(1, unitBytes / size) ** growth,
            },
      encodingSeconds: Math.min(first.seconds, seconds) * scale,
      tokens: tokens * scale,
      tokenBytes: tokens * scale * (dtype === 'int32' ? 4 : 2),
      dtype,
      bytesPerToken: size / tokens,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function trainSample(folder: string, path: string, size: number, asked: NewTokenizer, threads: number) {
  const kind = asked.kind === 'bpe' ? ('words' as const) : ('characters' as const)
  const plan = native.digestOf('a sample')
  const unit = { number: 0, stretches: [{ file: path, begin: 0, end: size, size }] }
  const counted = await timed(() => native.countUnits([unit], { folder, plan, threads, kind }, newControl()))
  const counts = join(folder, unitFile(0, 'counts'))
  const learned = await timed(() =>
    asked.kind === 'bpe'
      ? native.trainCounts([counts], { plan, vocabSize: asked.vocabSize }, newControl())
      : native.trainCharCounts([counts], { plan, unknown: asked.unknown }, newControl()),
  )
  return {
    tokenizer: learned.result.tokenizer,
    // One unit is counted by one thread.
    countingSeconds: counted.seconds / threads,
    mergingSeconds: learned.seconds,
    countBytes: statSync(counts).size,
  }
}

/** Bytes that may be written in `folder`, or where it will be made; and where that is. */
export async function freeSpace(folder: string): Promise<{ bytes: number; at: string }> {
  let at = folder
  while (!existsSync(at)) at = dirname(at)
  const { bavail, bsize } = await statfs(at)
  return { bytes: bavail * bsize, at }
}

/** Tokens of a text rarely hold more bytes: less room than this is plainly not enough. */
const mostBytesPerToken = 8

/** Room that the tokens of the corpus need at the least. */
export function leastTokenBytes(
  inputs: Inputs,
  tokenizer: LoadedTokenizer,
  dtype: 'auto' | 'int32' | 'uint16',
): number {
  const work = workOfTokens(tokenizer, dtype)
  const width = work.kind === 'tokens' && work.dtype === 'uint16' ? 2 : 4
  const most = tokenizer.native.kind === 'bpe' ? mostBytesPerToken : 4
  return (inputs.bytes / most) * width
}
