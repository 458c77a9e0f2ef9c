/**
 * What `npm run check:cuda` asks of the device code: every cuda/*.cu compiles alone for sm_90 without a warning, no
 * kernel spills registers, and the products of attention and of the bf16 GEMM run on tensor cores.
 */
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const sources = fileURLToPath(new URL('../../..', import.meta.url))

export const architecture = 'sm_90'

/** By file: the kernels, by a part of their names, in which there must be tensor-core instructions. */
export const onTensorCores: Record<string, string[]> = {
  'attention_forward.cu': ['forward_kernel'],
  'attention_backward.cu': ['queries_kernel', 'keys_kernel'],
  'gemm_bf16.cu': ['kernel'],
  'gru.cu': ['persistent_kernel'],
  'lstm.cu': ['persistent_kernel'],
}

export interface Kernel {
  file: string
  name: string
  registers: number
  /** Bytes known when compiled; what a launch asks for comes on top. */
  sharedBytes: number
  spillStores: number
  spillLoads: number
  /** mma instructions in its PTX. */
  mma: number
}

export interface FileReport {
  file: string
  kernels: Kernel[]
  /** Lines of the compiler that are no report of ptxas. */
  messages: string[]
  failed: boolean
}

/** Where cuda/cuda.cmake looks too; null: there is none. */
export function findNvcc(environment: NodeJS.ProcessEnv = process.env): string | null {
  const { CUDA_HOME, CUDA_PATH, PATH = '' } = environment
  const toolkits = [CUDA_HOME, CUDA_PATH, '/usr/local/cuda'].flatMap((folder) => (folder ? [join(folder, 'bin')] : []))
  const found = [...toolkits, ...PATH.split(delimiter)].map((folder) => join(folder, 'nvcc')).find(existsSync)
  return found ?? null
}

/** Reads the report of `nvcc -Xptxas -v` and the PTX of the same compilation. */
export function parseReport(file: string, output: string, ptx: string): FileReport {
  const kernels: Kernel[] = []
  const messages: string[] = []
  const mma = countMma(ptx)
  let kernel: Kernel | undefined
  for (const line of output.split('\n')) {
    const entry = /Compiling entry function '(\S+)'/.exec(line)
    const spills = /(\d+) bytes spill stores, (\d+) bytes spill loads/.exec(line)
    const used = /Used (\d+) registers/.exec(line)
    if (entry?.[1] !== undefined) {
      const name = entry[1]
      kernel = { file, name, registers: 0, sharedBytes: 0, spillStores: 0, spillLoads: 0, mma: mma.get(name) ?? 0 }
      kernels.push(kernel)
    } else if (spills !== null && kernel !== undefined) {
      // A function that a kernel calls has a line of its own, which follows the kernel's.
      kernel.spillStores += Number(spills[1])
      kernel.spillLoads += Number(spills[2])
    } else if (used !== null && kernel !== undefined) {
      kernel.registers = Number(used[1])
      kernel.sharedBytes = Number(/(\d+) bytes smem/.exec(line)?.[1] ?? 0)
    } else if (line.trim() !== '' && !/^ptxas info|^\s+\d+ bytes stack frame/.test(line)) {
      messages.push(line)
    }
  }
  return { file, kernels, messages, failed: false }
}

/** By kernel: its mma instructions. */
function countMma(ptx: string): Map<string, number> {
  const parts = ptx.split(/^(?:\.visible |\.weak )?\.entry (\w+)/m).slice(1)
  return new Map(
    parts.flatMap((name, i) =>
      i % 2 ? [] : [[name, parts[i + 1]?.match(/\b(?:mma|wgmma\.mma_async)\.sync/g)?.length ?? 0]],
    ),
  )
}

/** What is wrong, one line each. */
export function problems(reports: FileReport[], required = onTensorCores): string[] {
  const lines: string[] = []
  for (const { file, kernels, messages, failed } of reports) {
    if (failed) lines.push(`${file}: does not compile`, ...messages)
    else if (messages.length > 0) lines.push(`${file}: the compiler warns`, ...messages)
    for (const { name, spillStores, spillLoads } of kernels) {
      if (spillStores + spillLoads > 0) {
        lines.push(`${file}: ${name} spills: ${spillStores} bytes stored, ${spillLoads} bytes loaded`)
      }
    }
  }
  for (const [file, names] of Object.entries(required)) {
    const report = reports.find((one) => one.file === file)
    if (report?.failed) continue
    for (const name of names) {
      const kernels = report?.kernels.filter((kernel) => kernel.name.includes(name)) ?? []
      if (kernels.length === 0) lines.push(`${file}: there is no kernel ${name}, which is to run on tensor cores`)
      for (const kernel of kernels) {
        if (kernel.mma === 0) lines.push(`${file}: ${kernel.name} has no tensor-core instruction (mma)`)
      }
    }
  }
  return lines
}

async function compile(nvcc: string, file: string): Promise<FileReport> {
  const folder = mkdtempSync(join(tmpdir(), 'aot-cuda-'))
  try {
    const flags = `-std=c++20 -O3 -arch=${architecture} -Inative -Icuda -I. -Xptxas -v --keep --keep-dir`.split(' ')
    const { stderr, stdout } = await promisify(execFile)(
      nvcc,
      [...flags, folder, '-c', `cuda/${file}`, '-o', join(folder, 'out.o')],
      { cwd: sources, maxBuffer: 1 << 28 },
    )
    const ptx = readdirSync(folder).filter((name) => name.endsWith('.ptx'))
    return parseReport(file, stdout + stderr, ptx.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n'))
  } catch (error) {
    const { stderr = '', stdout = '', message } = error as Error & { stderr?: string; stdout?: string }
    return { ...parseReport(file, stdout + stderr || message, ''), failed: true }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Compiles every cuda/*.cu, `parallel` at a time. */
export async function compileAll(nvcc: string, parallel: number): Promise<FileReport[]> {
  const files = readdirSync(join(sources, 'cuda')).filter((name) => name.endsWith('.cu'))
  const reports = new Map<string, FileReport>()
  const waiting = [...files]
  const worker = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      reports.set(file, await compile(nvcc, file))
    }
  }
  await Promise.all(Array.from({ length: parallel }, worker))
  return files.map((file) => reports.get(file) as FileReport)
}

/** Kernels' names as in the source, where c++filt is installed. */
function demangle(names: string[]): string[] {
  try {
    const lines = execFileSync('c++filt', { input: names.join('\n'), encoding: 'utf8' }).split('\n')
    return names.map((name, i) => lines[i]?.replace(/^void |aot::cuda::|\(anonymous namespace\)::|\(.*$/g, '') || name)
  } catch {
    return names
  }
}

/** A table for people. */
export function table(reports: FileReport[]): string {
  const kernels = reports.flatMap((report) => report.kernels)
  const names = demangle(kernels.map(({ name }) => name))
  const rows = [
    ['file', 'kernel', 'registers', 'shared', 'spills', 'mma'],
    ...kernels.map(({ file, registers, sharedBytes, spillStores, spillLoads, mma }, i) => [
      file,
      names[i] as string,
      ...[registers, sharedBytes, spillStores + spillLoads, mma].map(String),
    ]),
  ]
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => (row[column] as string).length))) ?? []
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i < 2 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
