/** The report of comparisons in a folder: report.html, which stands alone, and its pictures as files. */
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ArrowResult } from '../arrow/types.js'
import { ioError, makeFolder, replaceFile } from '../checkpoints/durable.js'
import { reportPage } from './page.js'
import { pictures } from './pictures.js'

export interface WrittenReport {
  /** Paths, below the folder as it was given. */
  html: string
  pictures: { name: string; svg: string; png: string }[]
}

/** Stands at the end of each SVG: by it a later report knows which pictures are its own to remove. */
const mark = '<!-- of aot-report -->\n'

/**
 * Each file is there whole or not at all, whatever the moment of a kill. The same results give the same bytes. Pictures
 * that a former report made and this one has not are removed, other files of the folder are left alone.
 */
export async function writeReport(
  folder: string,
  results: readonly ArrowResult[],
  { title }: { title: string },
): Promise<WrittenReport> {
  const page = reportPage(results, { title })
  const drawn = pictures(results)
  const below = join(folder, 'pictures')
  try {
    await makeFolder(below)
  } catch (error) {
    throw ioError('create', below, error)
  }
  const paths = drawn.map(({ name }) => ({ name, svg: join(below, `${name}.svg`), png: join(below, `${name}.png`) }))
  for (const [index, { svg, png }] of drawn.entries()) {
    const path = paths[index] as (typeof paths)[number]
    await replaceFile(path.png, png)
    await replaceFile(path.svg, `${svg.trimEnd()}\n${mark}`)
  }
  await removeOthers(below, new Set(drawn.map(({ name }) => name)))
  const html = join(folder, 'report.html')
  await replaceFile(html, page)
  return { html, pictures: paths }
}

async function removeOthers(folder: string, kept: ReadonlySet<string>): Promise<void> {
  try {
    for (const file of await readdir(folder)) {
      const [, name, kind] = /^(.+)\.(svg|png\.tmp|svg\.tmp)$/.exec(file) ?? []
      if (name === undefined) continue
      if (kind !== 'svg') {
        // A kill came in the midst of it; nobody else names files so.
        await rm(join(folder, file), { force: true })
      } else if (!kept.has(name) && (await readFile(join(folder, file), 'utf8')).endsWith(mark)) {
        // The SVG last: while it is there, what is left of its pair can be told from others' pictures.
        await rm(join(folder, `${name}.png`), { force: true })
        await rm(join(folder, file), { force: true })
      }
    }
  } catch (error) {
    throw ioError('remove former pictures of', folder, error)
  }
}
