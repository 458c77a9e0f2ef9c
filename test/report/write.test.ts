import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { reportPage } from '../../ts/report/page.js'
import { pictures } from '../../ts/report/pictures.js'
import { writeReport } from '../../ts/report/write.js'
import { temporaryFolder } from './made_runs.js'
import { result } from './results.js'
import { reports } from './write_reports.js'

const title = 'A title'

/** All files below, by their paths. */
function filesOf(folder: string): Map<string, Buffer> {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  return new Map(
    paths.flatMap((path) =>
      statSync(join(folder, path)).isFile() ? [[path, readFileSync(join(folder, path))] as const] : [],
    ),
  )
}

test('the page and each picture, the same bytes again', async (t) => {
  const folder = join(temporaryFolder(t), 'new/report')
  const results = reports.one
  const written = await writeReport(folder, results, { title })
  const drawn = pictures(results)
  t.is(written.html, join(folder, 'report.html'))
  t.is(readFileSync(written.html, 'utf8'), reportPage(results, { title }))
  t.deepEqual(
    written.pictures.map(({ name }) => name),
    drawn.map(({ name }) => name),
  )
  t.is(written.pictures[0]?.name, 'arrow')
  for (const [index, { svg, png }] of written.pictures.entries()) {
    t.true(readFileSync(svg, 'utf8').startsWith((drawn[index]?.svg as string).trimEnd()))
    t.deepEqual(readFileSync(png), Buffer.from(drawn[index]?.png as Uint8Array))
  }
  const files = filesOf(folder)
  t.is(files.size, 1 + 2 * drawn.length)
  t.deepEqual(await writeReport(folder, results, { title }), written)
  t.deepEqual(filesOf(folder), files)
})

test("pictures of a former report go, others' stay", async (t) => {
  const folder = temporaryFolder(t)
  const first = await writeReport(folder, reports.two, { title })
  const own = ['mine.svg', 'mine.png', 'arrow-of-mine.png', 'notes.txt'].map((name) => join(folder, 'pictures', name))
  for (const path of own) writeFileSync(path, '<svg/>')
  writeFileSync(join(folder, 'pictures/loss.svg.tmp'), 'half')
  const second = await writeReport(folder, reports.one, { title })
  const kept = new Set([...second.pictures.flatMap(({ svg, png }) => [svg, png]), ...own])
  const gone = first.pictures.filter(({ svg }) => !kept.has(svg))
  t.true(gone.length > 0)
  t.deepEqual(
    readdirSync(join(folder, 'pictures')).sort(),
    [...kept].map((path) => path.slice(folder.length + 10)).sort(),
  )
})

test('a folder that cannot be is one line', async (t) => {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'file'), '')
  await t.throwsAsync(writeReport(join(folder, 'file/report'), [result()], { title }), {
    code: 'AOT_IO',
    message: `cannot create ${folder}/file/report/pictures: not a directory`,
  })
  mkdirSync(join(folder, 'there/report.html'), { recursive: true })
  await t.throwsAsync(writeReport(join(folder, 'there'), [result()], { title }), {
    code: 'AOT_IO',
    message: /^cannot rename .*report\.html\.tmp to .*report\.html: /,
  })
})

test('killed in the midst, each file is that of the one report or of the other', async (t) => {
  const folder = temporaryFolder(t)
  const states: Map<string, Buffer>[] = []
  for (const title of ['one', 'two'] as const) {
    await writeReport(join(folder, title), reports[title], { title })
    states.push(filesOf(join(folder, title)))
  }
  const target = join(folder, 'target')
  const child = join(import.meta.dirname, 'write_child.js')
  const isWriting = () => existsSync(target) && [...filesOf(target).keys()].some((path) => path.endsWith('.tmp'))
  for (const writes of [1, 3, 6, 9]) {
    const writer = spawn(process.execPath, [child, target], { stdio: 'inherit' })
    const ended = once(writer, 'close')
    // Seen in the midst of a file that many times.
    for (let seen = 0; seen < writes; ) {
      if (isWriting()) seen++
      await new Promise((done) => setTimeout(done, 3))
    }
    writer.kill('SIGKILL')
    await ended
    for (const [path, content] of filesOf(target)) {
      t.true(path.endsWith('.tmp') || states.some((state) => state.get(path)?.equals(content)), path)
    }
  }
  await writeReport(target, reports.one, { title: 'one' })
  t.deepEqual(filesOf(target), states[0] as Map<string, Buffer>)
})
