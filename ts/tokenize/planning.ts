/** Plans of a work on a corpus: made at its beginning, and compared with what is asked for at a restart. */
import { AotError } from '../errors.js'
import { type NativeTokenizer, native } from '../native.js'
import type { NativeUnit } from '../native_units.js'
import type { Inputs } from './inputs.js'
import { runJob } from './job.js'
import { changeOfInputs, changeOfOptions, type Manifest, makeManifest, type Work } from './manifest.js'
import { defaultUnitBytes, evenCuts, movedCuts, unitsBetween } from './plan.js'
import { shownName } from './shown.js'
import type { WorkOptions } from './work_options.js'

export interface WorkRequest {
  inputs: Inputs
  /** Undefined: that of the plan that is there, or else by the size of the corpus. */
  unitBytes: number | undefined
  work: Work
  /** Null for counting. */
  tokenizer: NativeTokenizer | null
  options: WorkOptions
}

async function findCuts({ inputs, work, tokenizer, options }: WorkRequest, unitBytes: number): Promise<number[]> {
  const sizes = inputs.files.map(({ size }) => size)
  const even = evenCuts(sizes, unitBytes)
  // A file's beginning is a place to cut, whatever is there.
  const requests = even
    .filter(({ at }) => at > 0)
    .map(({ file, at }) => ({ file: inputs.files[file]?.path as string, at, size: sizes[file] as number }))
  const threads = options.threads ?? native.availableCores()
  const cutAt = work.kind === 'characters' ? 'characters' : 'pieces'
  const { result: found } = await runJob({ label: 'planning', signal: options.signal, progress: 'quiet' }, (control) =>
    requests.length === 0 ? Promise.resolve([]) : native.findCuts(tokenizer, requests, { threads, cutAt }, control),
  )
  const moved = even.map(({ at }) => (at === 0 ? 0 : (found.shift() as number)))
  return movedCuts(sizes, even, moved)
}

export async function makePlan(request: WorkRequest): Promise<Manifest> {
  const unitBytes = request.unitBytes ?? defaultUnitBytes(request.inputs.bytes)
  const cuts = await findCuts(request, unitBytes)
  return makeManifest({ inputs: request.inputs, unitBytes, cuts, work: request.work })
}

export function unitsOf(manifest: Manifest, inputs: Inputs): NativeUnit[] {
  return unitsBetween(inputs.files, manifest.cuts)
}

/**
 * @throws AotError AOT_CONFIG when `request` is not what the manifest was made for; `begun`: what there is, `cure`: what
 * to do. Gives whether all is the same but the times of files: then sameText() decides.
 */
export function compareWithPlan(
  manifest: Manifest,
  request: Pick<WorkRequest, 'inputs' | 'unitBytes'> & { work: Work | undefined },
  begun: string,
  cure: string,
): { timesDiffer: boolean } {
  const { inputs, work, unitBytes } = request
  const inputChange = changeOfInputs(manifest, inputs)
  const change =
    inputChange !== null && inputChange !== 'times'
      ? inputChange.what
      : changeOfOptions(manifest, unitBytes ?? manifest.unit_bytes, work ?? manifest.work)
  if (change !== null) throw new AotError('AOT_CONFIG', `${begun}, and ${change}: ${cure}`)
  return { timesDiffer: inputChange === 'times' }
}

/**
 * For files whose times are not as planned: whether the cuts would be the same, and the text of `finished` units is what
 * their entries are of. @throws AotError AOT_CONFIG as compareWithPlan
 */
export async function sameText(
  manifest: Manifest,
  request: WorkRequest,
  finished: { unit: NativeUnit; input: string }[],
  begun: string,
  cure: string,
): Promise<void> {
  const { inputs, options } = request
  const times = new Map(manifest.corpus.files.map(({ name, mtime }) => [name, mtime]))
  const touched = inputs.files.filter(({ name, mtime }) => times.get(name) !== mtime)
  const refuse = (path: string | undefined) =>
    new AotError('AOT_CONFIG', `${begun}, and the text of ${shownName(path ?? inputs.stem)} is another by now: ${cure}`)
  const cuts = await findCuts(request, manifest.unit_bytes)
  if (cuts.join() !== manifest.cuts.join()) throw refuse(touched[0]?.path)
  const units = finished.map(({ unit }) => unit)
  const total = units.flatMap(({ stretches }) => stretches).reduce((sum, { begin, end }) => sum + end - begin, 0)
  const job = { label: 'comparing the text', total, signal: options.signal, progress: options.progress }
  const threads = options.threads ?? native.availableCores()
  const { result: digests } = await runJob(job, (control) => native.digestUnits(units, { threads }, control))
  const changed = new Set(touched.map(({ path }) => path))
  for (const [index, { unit, input }] of finished.entries()) {
    if (digests[index] === input) continue
    throw refuse(unit.stretches.find(({ file }) => changed.has(file))?.file ?? unit.stretches[0]?.file)
  }
}
