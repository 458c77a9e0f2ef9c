/** What the tests in a browser share: pages that keep a record of what goes wrong in them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { startCommand } from '../cli/start.js'

export interface Opened {
  page: Page
  /** Errors and warnings of the console, scripts that failed, and all requests but that for the page itself. */
  amiss: string[]
}

export async function openPage(
  t: ExecutionContext,
  browser: Browser,
  address: string,
  options: BrowserContextOptions = {},
): Promise<Opened> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options })
  t.teardown(() => context.close())
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  const page = await context.newPage()
  const amiss: string[] = []
  page.on('console', (message) => {
    if (message.type() !== 'log') amiss.push(`${message.type()}: ${message.text()}`)
  })
  page.on('pageerror', (error) => amiss.push(`error: ${error.message}`))
  page.on('request', (request) => {
    if (request.url() !== address) amiss.push(`request: ${request.url()}`)
  })
  await page.goto(address)
  return { page, amiss }
}

/** Runs aot-report to its end. */
export const report = (words: readonly string[], folder = process.cwd()) =>
  startCommand('aot-report', folder, words).ended

/** Starts aot-report --serve; `address` is what it prints. */
export async function serve(t: ExecutionContext, words: readonly string[]) {
  const { child, out, ended } = startCommand('aot-report', process.cwd(), [...words, '--serve', '--port', '0'])
  t.teardown(() => child.kill('SIGKILL'))
  const address = await new Promise<string>((done, failed) => {
    child.stdout.once('data', (line) => done(String(line).trim()))
    void ended.then(() => failed(new Error(out.stderr)))
  })
  return { address, child, ended: ended.then(({ status }) => status), stderr: () => out.stderr }
}

/** The lines of metrics.jsonl that have a validation: what the report must agree with. */
export function validations(runFolder: string): { step: number; loss: number }[] {
  const lines = readFileSync(join(runFolder, 'metrics.jsonl'), 'utf8').trimEnd().split('\n')
  return lines
    .map((line) => JSON.parse(line))
    .filter((line) => 'loss/valid' in line)
    .map((line) => ({ step: line.step, loss: line['loss/valid'] }))
}

export interface ReadCell {
  text: string
  /** As data-value has it; null without. */
  value: string | null
}

/** Rows of a table of the page, each by the titles of its columns. */
export function readTable(page: Page, selector: string): Promise<Record<string, ReadCell>[]> {
  return page.locator(selector).evaluate((part) => {
    const titles = [...part.querySelectorAll('thead th')].map((cell) => cell.textContent ?? '')
    return [...part.querySelectorAll('tbody tr')].map((row) =>
      Object.fromEntries(
        [...row.children].map((cell, column) => [
          titles[column] ?? '',
          { text: cell.textContent ?? '', value: cell.getAttribute('data-value') },
        ]),
      ),
    )
  })
}
