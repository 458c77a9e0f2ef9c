/** aot-report --serve in a browser, while the runs grow. */
import { once } from 'node:events'
import { appendFileSync, cpSync, mkdirSync, readFileSync } from 'node:fs'
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

const [some, more] = [
  [10, 20],
  [10, 20, 30],
]

/** Two seeds of a pair, which have made two validations, and elsewhere as they will be after the third. */
function growing(t: ExecutionContext) {
  const root = temporaryFolder(t)
  const [folder, later] = [join(root, 'growing'), join(root, 'later')]
  writePair(folder, { seeds: [0, 1], steps: some as number[] })
  writePair(later, { seeds: [0, 1], steps: more as number[] })
  return { root, folder, later }
}

/** Appends to a file of the run what a later state of it has more, from one part of that to another. */
function grow(folder: string, later: string, run: string, [from, to]: [number, number] = [0, 1]): void {
  for (const name of ['valid_windows.jsonl', 'metrics.jsonl']) {
    const [now, then] = [folder, later].map((root) => readFileSync(join(root, run, name))) as [Buffer, Buffer]
    const before = from === 0 ? now.length : Math.floor(now.length - from)
    const end = to === 1 ? then.length : now.length + to
    appendFileSync(join(folder, run, name), then.subarray(before, end))
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
