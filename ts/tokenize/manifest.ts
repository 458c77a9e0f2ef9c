/**
 * The plan of a work on a corpus, as it is written beside the results before any of them: what is read, how it is cut into
 * units, and with which options. It is written once and never changed; a restart reads it and does what is missing.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { replaceFile } from '../checkpoints/durable.js'
import { packageVersion } from '../cli/version.js'
import { AotError } from '../errors.js'
import { native } from '../native.js'
import { systemReason } from './corpus.js'
import type { Inputs } from './inputs.js'
import { shownName } from './shown.js'

const formatVersion = 1

const whole = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const digest = z.string().regex(/^[0-9a-f]{32}$/)

const manifestSchema = z.strictObject({
  version: z.literal(formatVersion),
  created_by: z.string(),
  /** Of what the results depend on: they carry it. */
  plan: digest,
  corpus: z.strictObject({
    /** Where it was, for people: it may be elsewhere by now. */
    path: z.string(),
    bytes: whole,
    files: z.array(z.strictObject({ name: z.string(), size: whole, mtime: z.string().regex(/^-?\d+$/) })).min(1),
    skipped: z.array(z.strictObject({ name: z.string(), reason: z.string() })),
  }),
  unit_bytes: whole.min(1),
  /** Where units end, but the last, in bytes of the files one after the other. */
  cuts: z.array(whole),
  work: z.discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('tokens'),
      dtype: z.enum(['int32', 'uint16']),
      tokenizer: z.strictObject({ path: z.string(), digest, vocab_size: whole.min(1) }),
    }),
    z.strictObject({ kind: z.literal('words') }),
    z.strictObject({ kind: z.literal('characters') }),
  ]),
  digest,
})

export type Manifest = z.infer<typeof manifestSchema>
export type Work = Manifest['work']

/** What must not change between the beginning of a work and its end. */
export interface Plan {
  inputs: Inputs
  unitBytes: number
  cuts: number[]
  work: Work
}

const manifestName = 'manifest.json'

export function manifestPath(folder: string): string {
  return join(folder, manifestName)
}

export function hasManifest(folder: string): boolean {
  return existsSync(manifestPath(folder))
}

/** Of what the results depend on; not of where things are. */
function planId({ inputs, unitBytes, cuts, work }: Plan): string {
  const { kind } = work
  const options = kind === 'tokens' ? [work.dtype, work.tokenizer.digest] : []
  const files = inputs.files.map(({ name, size, mtime }) => [name, size, mtime])
  return native.digestOf(JSON.stringify([formatVersion, kind, ...options, unitBytes, cuts, files]))
}

export function makeManifest(plan: Plan): Manifest {
  const { inputs, unitBytes, cuts, work } = plan
  const manifest = {
    version: formatVersion as typeof formatVersion,
    created_by: `arrows-of-time ${packageVersion()}`,
    plan: planId(plan),
    corpus: {
      path: inputs.stem,
      bytes: inputs.bytes,
      files: inputs.files.map(({ name, size, mtime }) => ({ name, size, mtime })),
      skipped: inputs.skipped,
    },
    unit_bytes: unitBytes,
    cuts,
    work,
  }
  return { ...manifest, digest: native.digestOf(JSON.stringify(manifest)) }
}

export function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  return replaceFile(manifestPath(folder), `${JSON.stringify(manifest, null, 1)}\n`)
}

const cure = 'start anew with --force, or name another --out'

/** The manifest in `folder`. @throws AotError AOT_DATA when it is damaged, of another program, or of a newer version. */
export function readManifest(folder: string): Manifest {
  const path = manifestPath(folder)
  const refuse = (what: string) => new AotError('AOT_DATA', `${shownName(path)} ${what}: ${cure}`)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new AotError('AOT_IO', `cannot read ${shownName(path)}: ${systemReason(error)}; ${cure}`)
  }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw refuse('is damaged (it is no whole JSON)')
  }
  const { version } = z.object({ version: z.number() }).safeParse(json).data ?? {}
  if (version === undefined) throw refuse('is no manifest of aot-tokenize')
  if (version > formatVersion) {
    throw new AotError(
      'AOT_DATA',
      `${shownName(path)} was written by a newer aot-tokenize (version ${version} of the format): update this one, or ${cure}`,
    )
  }
  const { digest: written, ...rest } = json as { digest?: unknown }
  if (written !== native.digestOf(JSON.stringify(rest))) throw refuse('is damaged (its digest is of another content)')
  const parsed = manifestSchema.safeParse(json)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw refuse(`is no manifest of aot-tokenize (${issue?.path.join('.')}: ${issue?.message})`)
  }
  return parsed.data
}

/** `the file b.txt is new` when the corpus is another than planned; `times` when only the times of files are. */
export function changeOfInputs(manifest: Manifest, inputs: Inputs): { what: string } | 'times' | null {
  const planned = manifest.corpus.files
  const names = new Set(inputs.files.map(({ name }) => name))
  const lost = planned.find(({ name }) => !names.has(name))
  if (lost !== undefined) return { what: `the file ${shownName(lost.name)} is no longer there` }
  const before = new Set(planned.map(({ name }) => name))
  const added = inputs.files.find(({ name }) => !before.has(name))
  if (added !== undefined) return { what: `the file ${shownName(added.name)} is new` }
  let times = false
  for (const [index, { name, size, mtime }] of planned.entries()) {
    const now = inputs.files[index]
    if (now?.name !== name) return { what: 'the order of the files is another' }
    if (now.size !== size) return { what: `the file ${shownName(name)} has ${now.size} bytes and had ${size}` }
    times ||= now.mtime !== mtime
  }
  return times ? 'times' : null
}

/** `the unit size is 1024 bytes and was 2048`, when the options are not those of the manifest. */
export function changeOfOptions(manifest: Manifest, unitBytes: number, work: Work): string | null {
  const before = manifest.work
  if (before.kind !== work.kind) return `it is of ${before.kind}, not of ${work.kind}`
  if (before.kind === 'tokens' && work.kind === 'tokens') {
    const { path, digest } = before.tokenizer
    if (digest !== work.tokenizer.digest) return `it was begun with another tokenizer (then in ${shownName(path)})`
    if (before.dtype !== work.dtype) return `the dtype is ${work.dtype} and was ${before.dtype}`
  }
  if (manifest.unit_bytes !== unitBytes) {
    return `the unit size is ${unitBytes} bytes and was ${manifest.unit_bytes} (--unit-size ${manifest.unit_bytes / 1024}K)`
  }
  return null
}
