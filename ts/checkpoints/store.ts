/**
 * The checkpoints of one run, `<run>/state/`: one folder a step, whole or not at all; `latest` names the newest. A folder
 * counts when its trainer.json, written last, names its files with the sizes and checksums that they have.
 */
import { createHash } from 'node:crypto'
import { copyFile, link, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { AotError } from '../errors.js'
import { digestFile, type FileDigest, firstNonFinite } from './digest.js'
import { ioError, makeFolder, renameAndSync, replaceFile, syncPath, writeAndSync } from './durable.js'

/** The files of a checkpoint that the engine writes. */
const stateFiles = ['model.safetensors', 'optimizer.safetensors'] as const
const manifestName = 'trainer.json'
/** How many are kept beside the backups. */
const kept = 2

const manifestSchema = z.strictObject({
  format: z.literal(1),
  step: z.int().nonnegative(),
  state: z.record(z.string(), z.unknown()),
  files: z.record(z.string(), z.strictObject({ bytes: z.int().nonnegative(), sha256: z.string() })),
  /** SHA-256 of the JSON text of all of the above. */
  sha256: z.string(),
})
type Manifest = z.infer<typeof manifestSchema>

/** A checkpoint whose files were found as they were written. */
export interface Checkpoint {
  step: number
  folder: string
  /** What the trainer gave to save(). */
  state: Record<string, unknown>
}

function checksum({ format, step, state, files }: Omit<Manifest, 'sha256'>): string {
  return createHash('sha256').update(JSON.stringify({ format, step, state, files })).digest('hex')
}

/** What trainer.json says, which is whole; nothing of the other files. Throws AOT_DATA or AOT_IO. */
async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, manifestName)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw ioError('read', path, error)
  }
  let manifest: Manifest
  try {
    manifest = manifestSchema.parse(JSON.parse(text))
  } catch {
    throw new AotError('AOT_DATA', `${path} is damaged: it is not the JSON of a checkpoint`)
  }
  if (checksum(manifest) !== manifest.sha256) throw new AotError('AOT_DATA', `${path} is damaged: checksum`)
  return manifest
}

/** Reads and verifies one checkpoint folder. Throws AOT_DATA or AOT_IO, with what is wrong. */
export async function readCheckpoint(folder: string): Promise<Checkpoint> {
  const manifest = await readManifest(folder)
  for (const name of stateFiles) {
    const wanted = manifest.files[name]
    if (wanted === undefined) throw new AotError('AOT_DATA', `${join(folder, manifestName)} does not name ${name}`)
    const found = await digestFile(join(folder, name))
    if (found.bytes !== wanted.bytes) {
      throw new AotError('AOT_DATA', `${name} has ${found.bytes} bytes instead of ${wanted.bytes}`)
    }
    if (found.sha256 !== wanted.sha256) throw new AotError('AOT_DATA', `${name} is damaged: checksum`)
  }
  return { step: manifest.step, folder, state: manifest.state }
}

/**
 * The newest checkpoint of a `state` folder by its trainer.json alone, for a look in passing: its files may be damaged all
 * the same. null when there is none, or its trainer.json does not hold.
 */
export async function peekNewest(folder: string): Promise<Checkpoint | null> {
  try {
    const [newest] = await steps(folder)
    if (newest === undefined) return null
    const path = join(folder, String(newest))
    const { step, state } = await readManifest(path)
    return step === newest ? { step, folder: path, state } : null
  } catch (error) {
    if (error instanceof AotError) return null
    throw error
  }
}

async function entries(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw ioError('read the folder', folder, error)
  }
}

async function steps(folder: string): Promise<number[]> {
  const names = (await entries(folder)).filter((name) => /^\d+$/.test(name))
  return names.map(Number).sort((a, b) => b - a)
}

async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch((error) => {
    throw ioError('remove', path, error)
  })
}

export class CheckpointStore {
  private readonly backups: string
  /** The newest step known to be whole; null before newest() or save() found one. */
  newestStep: number | null = null

  private constructor(
    readonly folder: string,
    private readonly report: (line: string) => void,
  ) {
    this.backups = join(folder, 'backups')
  }

  /** Makes the folders and removes what a killed process left half written. One process at a time: hold the run's lock. */
  static async open(folder: string, report: (line: string) => void): Promise<CheckpointStore> {
    const store = new CheckpointStore(folder, report)
    await makeFolder(store.backups).catch((error) => {
      throw ioError('create the folder', store.backups, error)
    })
    for (const parent of [folder, store.backups]) {
      for (const name of await entries(parent)) if (name.endsWith('.tmp')) await remove(join(parent, name))
    }
    return store
  }

  /**
   * The newest checkpoint that holds, a backup where no other does; null for a run that never saved one. What is passed
   * over is reported and set aside as `<step>.broken`. AOT_DATA when there were checkpoints and none of them holds.
   */
  async newest(): Promise<Checkpoint | null> {
    const candidates = [
      ...(await steps(this.folder)).map((step) => ({ step, folder: join(this.folder, String(step)) })),
      ...(await steps(this.backups)).map((step) => ({ step, folder: join(this.backups, String(step)) })),
    ].sort((a, b) => b.step - a.step)
    const named = await this.latest()
    const broken: { step: number; folder: string; reason: string }[] = []
    for (const { step, folder } of candidates) {
      try {
        const checkpoint = await readCheckpoint(folder)
        if (checkpoint.step !== step) throw new AotError('AOT_DATA', `${manifestName} is of step ${checkpoint.step}`)
        await this.passOver(broken, step)
        if (named !== null && named > step && !broken.some((other) => other.step === named)) {
          this.report(
            `checkpoint ${named}, named by ${join(this.folder, 'latest')}, is gone: continues from step ${step}`,
          )
        }
        if (named !== step) await this.name(step)
        if (broken.length === 0) await this.discardOld() // a kill may have come between a save and this
        this.newestStep = step
        return checkpoint
      } catch (error) {
        if (!(error instanceof AotError)) throw error
        broken.push({ step, folder, reason: error.message })
      }
    }
    if (broken.length === 0 && named === null) return null
    const found = broken.map(({ step, reason }) => `${step}: ${reason}`).join('; ') || `${named}: it is gone`
    throw new AotError(
      'AOT_DATA',
      `no checkpoint in ${this.folder} holds (${found}): bring one back from a copy, or give another --run-name to start anew`,
    )
  }

  /** Reports the checkpoints that do not hold and moves them out of the way. */
  private async passOver(broken: { step: number; folder: string; reason: string }[], used: number): Promise<void> {
    for (const { step, folder, reason } of broken) {
      this.report(
        `checkpoint ${step} does not hold (${reason}): continues from step ${used}; it is kept as ${folder}.broken`,
      )
      await remove(`${folder}.broken`)
      await renameAndSync(folder, `${folder}.broken`)
    }
  }

  /**
   * Saves a checkpoint: `write` puts the engine's files into the folder it is given. On any failure the earlier ones stay
   * and the error says which is the newest; AOT_NUMERIC when a weight or a moment is not finite.
   */
  async save(step: number, write: (folder: string) => Promise<void>, state: Record<string, unknown>): Promise<void> {
    const folder = join(this.folder, String(step))
    const temporary = `${folder}.tmp`
    try {
      await remove(temporary)
      await mkdir(temporary).catch((error) => {
        throw ioError('create the folder', temporary, error)
      })
      await write(temporary)
      const files: Record<string, FileDigest> = {}
      for (const name of stateFiles) {
        const path = join(temporary, name)
        const tensor = await firstNonFinite(path)
        if (tensor !== null) throw new AotError('AOT_NUMERIC', `${name}: ${tensor} holds a number that is not finite`)
        files[name] = await digestFile(path)
        await syncPath(path)
      }
      const manifest = { format: 1 as const, step, state, files }
      const text = `${JSON.stringify({ ...manifest, sha256: checksum(manifest) }, null, 2)}\n`
      await writeAndSync(join(temporary, manifestName), text)
      await syncPath(temporary)
      // Something of this step can be here only when it did not hold, or when it is the same.
      await this.discard(folder)
      await renameAndSync(temporary, folder)
      await this.name(step)
      this.newestStep = step
    } catch (error) {
      await remove(temporary).catch(() => {})
      const cause = ioError('save', folder, error)
      const rest = this.newestStep === null ? 'there is no earlier one' : `checkpoint ${this.newestStep} is whole`
      throw new AotError(cause.code, `checkpoint ${step} was not saved: ${cause.message}; ${rest}`)
    }
    await this.prune()
  }

  /** Keeps the checkpoint of this step for good: hard links, or copies where the file system has none. */
  async backup(step: number): Promise<void> {
    const folder = join(this.backups, String(step))
    if ((await steps(this.backups)).includes(step)) return
    const temporary = `${folder}.tmp`
    try {
      await remove(temporary)
      await mkdir(temporary)
      for (const name of [...stateFiles, manifestName]) {
        const from = join(this.folder, String(step), name)
        const to = join(temporary, name)
        await link(from, to).catch(() => copyFile(from, to))
        await syncPath(to)
      }
      await syncPath(temporary)
      await renameAndSync(temporary, folder)
    } catch (error) {
      await remove(temporary).catch(() => {})
      throw ioError('write the backup', folder, error)
    }
  }

  private async latest(): Promise<number | null> {
    if (!(await entries(this.folder)).includes('latest')) return null
    const text = await readFile(join(this.folder, 'latest'), 'utf8').catch(() => '')
    return /^\d+\n$/.test(text) ? Number(text) : null
  }

  private name(step: number): Promise<void> {
    return replaceFile(join(this.folder, 'latest'), `${step}\n`)
  }

  /** Removes all but the newest two, and what was set aside as broken: whole ones exist again. */
  private async prune(): Promise<void> {
    await this.discardOld()
    for (const name of await entries(this.folder)) if (name.endsWith('.broken')) await remove(join(this.folder, name))
  }

  private async discardOld(): Promise<void> {
    for (const step of (await steps(this.folder)).slice(kept)) await this.discard(join(this.folder, String(step)))
  }

  /** Removes a folder in such a way that a kill on the way leaves only a `.tmp`. */
  private async discard(folder: string): Promise<void> {
    await rename(folder, `${folder}.old.tmp`).catch((error) => {
      if (error.code !== 'ENOENT') throw ioError('remove', folder, error)
    })
    await remove(`${folder}.old.tmp`)
  }
}
