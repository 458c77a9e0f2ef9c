/** aot-report --serve in a browser, while the runs grow. */
import { appendFileSync, cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import anyTest, { type ExecutionContext, type TestFn } from 'ava'
import type { Browser, Page } from 'playwright-core'
import { openPage, readTable, serve, validations } from './browser_support.js'
import { startBrowser } from './chromium.js'
import { temporaryFolder, writePair } from './made_runs.js'

const test = anyTest as TestFn<{ browser: Browser }>

test.before(async (t) => {
  t.context = { browser: await startBrowser() }
})

test.after.always((t) => t.context.browser?.close())

/** Two seeds of a pair, which have made two validations, and elsewhere as they will be after the third. */
function growing(t: ExecutionContext) {
  const root = temporaryFolder(t)
  const [folder, later] = [join(root, 'growing'), join(root, 'later')]
  writePair(folder, { seeds: [0, 1], steps: [10, 20] })
  writePair(later, { seeds: [0, 1], steps: [10, 20, 30] })
  return { root, folder, later }
}

/** What a file of the run has of a step. */
function linesAt(run: string, name: string, step: number): string {
  const lines = readFileSync(join(run, name), 'utf8').split('\n').slice(0, -1)
  return lines
    .filter((line) => JSON.parse(line).step === step)
    .map((line) => `${line}\n`)
    .join('')
}

/** The run makes its third validation. */
function grow(folder: string, later: string, run: string): void {
  for (const name of ['valid_windows.jsonl', 'metrics.jsonl']) {
    appendFileSync(join(folder, run, name), linesAt(join(later, run), name, 30))
  }
}

const runs = ['seed-0-forward', 'seed-0-backward', 'seed-1-forward', 'seed-1-backward']

/** The mean over seeds, as the figures on the page give it. */
async function shownLoss(page: Page): Promise<number> {
  const [row] = await readTable(page, '#summary')
  return Number(row?.FW?.value)
}

const forwardLoss = (folder: string, step: number) => {
  const losses = [0, 1].map((seed) => {
    const all = validations(join(folder, `seed-${seed}-forward`))
    return all.find((one) => one.step === step)?.loss as number
  })
  return ((losses[0] as number) + (losses[1] as number)) / 2
}

async function until(t: ExecutionContext, what: string, isSo: () => Promise<boolean> | boolean, seconds = 20) {
  const end = Date.now() + 1000 * seconds
  while (!(await isSo())) {
    if (Date.now() > end) {
      t.fail(`not within ${seconds} s: ${what}`)
      return
    }
    await new Promise((done) => setTimeout(done, 50))
  }
}

test('the page follows the runs, and stays where the reader is', async (t) => {
  const { folder, later } = growing(t)
  const { address, child, ended } = await serve(t, [folder])
  const { page, amiss } = await openPage(t, t.context.browser, address)
  await page.locator('#status:text("live")').waitFor()
  t.is(await shownLoss(page), forwardLoss(folder, 20))
  // Opened, with the place in sight and a button in focus.
  const details = page.locator('figure details').first()
  await details.locator('summary').click()
  await page.locator('#summary-csv-button').scrollIntoViewIfNeeded()
  await page.locator('#summary-csv-button').focus()
  const top = await page.evaluate(() => scrollY)
  t.true(top > 100)
  for (const run of runs.slice(0, 3)) grow(folder, later, run)
  // A line that is half written changes nothing until it is whole.
  const last = join(folder, runs[3] as string)
  const windows = linesAt(join(later, runs[3] as string), 'valid_windows.jsonl', 30)
  const metrics = linesAt(join(later, runs[3] as string), 'metrics.jsonl', 30)
  appendFileSync(join(last, 'valid_windows.jsonl'), windows.slice(0, 100))
  appendFileSync(join(last, 'metrics.jsonl'), metrics.slice(0, -20))
  await new Promise((done) => setTimeout(done, 2500))
  t.is(await shownLoss(page), forwardLoss(folder, 20))
  appendFileSync(join(last, 'valid_windows.jsonl'), windows.slice(100))
  appendFileSync(join(last, 'metrics.jsonl'), metrics.slice(-20))
  await until(t, 'the third validation', async () => (await shownLoss(page)) === forwardLoss(folder, 30))
  t.true(await details.evaluate((part: HTMLDetailsElement) => part.open))
  t.is(await page.evaluate(() => document.activeElement?.id), 'summary-csv-button')
  t.true(Math.abs((await page.evaluate(() => scrollY)) - top) <= 2)
  t.deepEqual(
    amiss.filter((line) => line !== `request: ${address}events`),
    [],
  )
  child.kill('SIGINT')
  t.is(await ended, 130)
  await page.locator('#status:text("connection lost")').waitFor()
})

test('it begins before the first validation, takes up runs that come later, and goes on past damage', async (t) => {
  const { root, folder, later } = growing(t)
  const project = join(root, 'project')
  mkdirSync(project)
  const { address, stderr } = await serve(t, [project])
  const { page } = await openPage(t, t.context.browser, address)
  await page.locator('main:has-text("No comparison has a validation yet")').waitFor()
  cpSync(folder, join(project, 'one'), { recursive: true })
  await until(t, 'the first comparison', async () => (await shownLoss(page)) === forwardLoss(folder, 20))
  writePair(join(project, 'two'), { settings: { 'optim_params.lr': 0.02 } })
  await until(t, 'the second comparison', async () => (await readTable(page, '#summary')).length === 2)
  // What cannot be compared is told in the terminal; the page stays as it was.
  cpSync(later, join(project, 'again'), { recursive: true })
  await until(t, 'the trouble', () => stderr().includes('are both backward with seed 0, and otherwise the same'))
  t.is((await readTable(page, '#summary')).length, 2)
  rmSync(join(project, 'one'), { recursive: true })
  await until(t, 'the longer runs', async () => (await shownLoss(page)) === forwardLoss(later, 30))
  t.is(stderr().split('\n').length, 4, stderr())
})
