/**
 * How a corpus is cut into work units: a pure function of the sizes of its files, the size of a unit, and the places where
 * the text may be cut. The corpus is the files one after the other; its places are counted in bytes from its beginning.
 */
import { AotError } from '../errors.js'
import type { NativeStretch, NativeUnit } from '../native_units.js'

const mebi = 2 ** 20

/** Names of shards have five digits. */
const mostUnits = 99_999

/** 64 units, as far as they come out between 64 and 256 MiB. */
export function defaultUnitBytes(total: number): number {
  return Math.min(256 * mebi, Math.max(64 * mebi, Math.floor(total / 64)))
}

/** `64M`: bytes, or with K, M or G units of 1024. @throws AotError AOT_CONFIG */
export function parseUnitSize(text: string): number {
  const [, digits, suffix] = /^(\d{1,12})([KMG]?)(?:i?B)?$/i.exec(text) ?? []
  const bytes = Number(digits) * 1024 ** ' KMG'.indexOf(suffix?.toUpperCase() || ' ')
  if (!(bytes >= 1024 && bytes <= 2 ** 40)) {
    throw new AotError('AOT_CONFIG', `--unit-size must be a size from 1K to 1024G, as 64M, not '${text}'`)
  }
  return bytes
}

/** A place in a file. */
export interface FilePlace {
  /** Number of the file. */
  file: number
  at: number
}

/** Where units would end if every place would do: every `unitBytes`, but not at the corpus' end. */
export function evenCuts(sizes: readonly number[], unitBytes: number): FilePlace[] {
  const total = sizes.reduce((sum, size) => sum + size, 0)
  if (total / unitBytes > mostUnits) {
    throw new AotError('AOT_CONFIG', `that would be more than ${mostUnits} units of work: give a larger --unit-size`)
  }
  const cuts: FilePlace[] = []
  let begin = 0
  let next = unitBytes
  for (const [file, size] of sizes.entries()) {
    for (; next < begin + size && next < total; next += unitBytes) cuts.push({ file, at: next - begin })
    begin += size
  }
  return cuts
}

/**
 * The ends of the units but the last, in bytes of the corpus, from even cuts moved to where their file may be cut (its
 * size: nowhere before its end). Several may have been moved to the same place.
 */
export function movedCuts(sizes: readonly number[], even: readonly FilePlace[], moved: readonly number[]): number[] {
  const begins: number[] = []
  let total = 0
  for (const size of sizes) {
    begins.push(total)
    total += size
  }
  const places = even.map(({ file }, index) => (begins[file] as number) + (moved[index] as number))
  return places.filter((place, index) => place > (places[index - 1] ?? 0) && place < total)
}

/** The units between the cuts; each file's part of a unit is a stretch of it. Empty files have none. */
export function unitsBetween(files: readonly { path: string; size: number }[], cuts: readonly number[]): NativeUnit[] {
  const units: NativeUnit[] = []
  let stretches: NativeStretch[] = []
  let begin = 0
  const end = () => {
    units.push({ number: units.length, stretches })
    stretches = []
  }
  for (const { path, size } of files) {
    let from = 0
    while (from < size) {
      const cut = (cuts[units.length] ?? Number.POSITIVE_INFINITY) - begin
      const to = Math.min(size, cut)
      stretches.push({ file: path, begin: from, end: to, size })
      if (to === cut) end()
      from = to
    }
    begin += size
  }
  end()
  return units
}

export function unitBytes({ stretches }: NativeUnit): number {
  return stretches.reduce((sum, { begin, end }) => sum + end - begin, 0)
}

/** One of `of` shares of the units, counted from 1. */
export interface Share {
  index: number
  of: number
}

/** `2/8`. @throws AotError AOT_CONFIG */
export function parseShare(text: string): Share {
  const [, index, of] = (/^(\d{1,5})\/(\d{1,5})$/.exec(text) ?? []).map(Number)
  if (index === undefined || of === undefined || index < 1 || index > of) {
    throw new AotError('AOT_CONFIG', `--shard must be a share such as 1/8 (the first of 8), not '${text}'`)
  }
  return { index, of }
}

/** Whether a unit is of the share; each is of one. */
export function isOfShare(unit: number, { index, of }: Share): boolean {
  return unit % of === index - 1
}
