/** A real browser without a window. */
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'

/** The same places as in bin/setup. */
const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

function browserPath(): string {
  const { CHROME_PATH: given, PATH: folders = '' } = process.env
  const paths = names.flatMap((name) => folders.split(delimiter).map((folder) => join(folder, name)))
  const path = given ? given : paths.find((path) => existsSync(path))
  if (path === undefined) throw new Error('no Chromium or Chrome was found: run bin/setup --tests, or set CHROME_PATH')
  return path
}

export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: browserPath(),
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}
