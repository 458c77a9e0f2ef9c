/** The report as people meet it: in a browser, by mouse, by keyboard, on a phone, in the dark. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import anyTest, { type TestFn } from 'ava'
import papaparse from 'papaparse'
import type { Browser, Page } from 'playwright-core'
import { openPage, type ReadCell, readTable, report, validations } from './browser_support.js'
import { startBrowser } from './chromium.js'
import { temporaryFolder, writeGrid } from './made_runs.js'

const test = anyTest as TestFn<{ browser: Browser; folder: string; address: string; stdout: string }>

test.before(async (t) => {
  const root = temporaryFolder({ teardown: (remove) => removals.push(remove as () => void) })
  const folder = join(root, 'grid')
  writeGrid(folder)
  const written = await report([folder, '-o', join(root, 'out'), '--title', 'A grid <b>of</b> four'])
  t.is(written.status, 0, written.stderr)
  const address = pathToFileURL(join(root, 'out/report.html')).href
  t.context = { browser: await startBrowser(), folder, address, stdout: written.stdout }
})

const removals: (() => void)[] = []

test.after.always(async (t) => {
  await t.context.browser?.close()
  for (const remove of removals) remove()
})

/** Of a row's cell, by what --grid set. */
const runFolder = (folder: string, row: Record<string, ReadCell>, direction: string) => {
  const value = (key: string) => Object.entries(row).find(([title]) => titleOf[key]?.includes(title))?.[1].value
  return join(folder, `attn_length=${value('attn_length')},model=${value('model')}`, `seed-0-${direction}`)
}

/** How columns of a grid may be headed. */
const titleOf: Record<string, string[]> = { attn_length: ['attn_length', 'context length'], model: ['model'] }

const lastLoss = (folder: string) => validations(folder).at(-1)?.loss as number

/** What the table of all comparisons must hold of a cell, from its metrics alone. */
function figuresOf(folder: string, row: Record<string, ReadCell>) {
  const [fw, bw] = ['forward', 'backward'].map((direction) => lastLoss(runFolder(folder, row, direction))) as [
    number,
    number,
  ]
  return { FW: fw, BW: bw, 'BW − FW': bw - fw, 'BW/FW − 1': bw / fw - 1, 'over the mean': (bw - fw) / ((bw + fw) / 2) }
}

test('it renders, says nothing on the console and asks nothing of the network', async (t) => {
  const { page, amiss } = await openPage(t, t.context.browser, t.context.address)
  t.is(await page.title(), 'A grid <b>of</b> four')
  t.is(await page.locator('h1').textContent(), 'A grid <b>of</b> four')
  for (const details of await page.locator('details').all())
    await details.evaluate((part) => part.setAttribute('open', ''))
  t.true((await page.locator('figure svg:visible').count()) > 4)
  const sizes = await page
    .locator('figure svg:visible')
    .evaluateAll((all) => all.map((one) => one.getBoundingClientRect()))
  t.true(sizes.every(({ width, height }) => width > 200 && height > 80))
  t.deepEqual(amiss, [])
})

test('every number of the tables is that of metrics.jsonl', async (t) => {
  const { page } = await openPage(t, t.context.browser, t.context.address)
  const rows = await readTable(page, '#summary')
  t.is(rows.length, 4)
  const seen = new Set<string>()
  for (const row of rows) {
    seen.add(runFolder(t.context.folder, row, 'forward'))
    for (const [title, want] of Object.entries(figuresOf(t.context.folder, row))) {
      t.is(row[title]?.value, String(want), title)
    }
    t.is(row.FW?.text, figuresOf(t.context.folder, row).FW.toFixed(4))
  }
  t.is(seen.size, 4)
  const seeds = await readTable(page, '#seeds')
  t.is(seeds.length, 4)
  for (const row of seeds) {
    for (const direction of ['forward', 'backward']) {
      t.is(row[direction]?.value, String(lastLoss(runFolder(t.context.folder, row, direction))))
    }
  }
})

test('the losses that a chart is drawn of are those of metrics.jsonl', async (t) => {
  const { page } = await openPage(t, t.context.browser, t.context.address)
  const [row] = await readTable(page, '#summary')
  const values = await page
    .locator('#r1 figure [data-value]')
    .evaluateAll((all) => all.map((one) => one.getAttribute('data-value')))
  for (const direction of ['forward', 'backward']) {
    const losses = validations(runFolder(t.context.folder, row as Record<string, ReadCell>, direction))
    t.is(losses.length, 4)
    for (const { loss } of losses) t.true(values.includes(String(loss)), `${direction} ${loss}`)
  }
})

test('what the buttons copy is the table', async (t) => {
  const { page } = await openPage(t, t.context.browser, t.context.address)
  const rows = await readTable(page, '#summary')
  const copied = async (id: string) => {
    await page.locator(`button[data-copy="${id}"]`).click()
    await page.locator(`button[data-copy="${id}"]:text("Copied")`).waitFor()
    return page.evaluate(() => navigator.clipboard.readText())
  }
  const lines = (await copied('summary-markdown')).trimEnd().split('\n')
  const cells = lines.map((line) => line.replace(/^\| | \|$/g, '').split(' | '))
  const unescaped = (text: string | undefined) => text?.replaceAll(/\\(.)/g, '$1')
  t.deepEqual(cells[0]?.map(unescaped), Object.keys(rows[0] ?? {}))
  t.deepEqual(
    cells.slice(2).map((line) => line.map(unescaped)),
    rows.map((row) => Object.values(row).map(({ text }) => text)),
  )
  const csv = papaparse.parse<Record<string, string>>(await copied('summary-csv'), {
    header: true,
    skipEmptyLines: true,
  })
  t.deepEqual(csv.errors, [])
  t.deepEqual(
    csv.data.map(({ fw, bw, difference, ratio, relative }) => ({ fw, bw, difference, ratio, relative })),
    rows.map((row) => {
      const [fw, bw, difference, ratio, relative] = Object.values(figuresOf(t.context.folder, row)).map(String)
      return { fw, bw, difference, ratio, relative } as never
    }),
  )
})

/** Contrast of two colours as WCAG has it. */
function contrast(one: string, other: string): number {
  const luminance = (colour: string) => {
    const [r, g, b] = (colour.match(/[\d.]+/g) as string[]).slice(0, 3).map((part) => {
      const value = Number(part) / 255
      return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
    }) as [number, number, number]
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number]
  return (light + 0.05) / (dark + 0.05)
}

function colours(page: Page) {
  return page.evaluate(() => {
    const colour = (part: Element, name: string) => getComputedStyle(part).getPropertyValue(name)
    const marks = [...document.querySelectorAll('figure svg :is(path, circle, line, rect)')]
    return {
      paper: colour(document.body, 'background-color'),
      texts: [...document.querySelectorAll('p, th, td, button, summary, h1, h2, h3')]
        .filter((part) => part.getClientRects().length > 0)
        .map((part) => colour(part, 'color')),
      letters: [...document.querySelectorAll('figure svg text')].map((part) => colour(part, 'fill')),
      marks: [...new Set(marks.flatMap((mark) => [colour(mark, 'stroke'), colour(mark, 'fill')]))].sort(),
    }
  })
}

test('in the dark the charts have other colours too, and texts can be read', async (t) => {
  const { page } = await openPage(t, t.context.browser, t.context.address, { colorScheme: 'light' })
  const light = await colours(page)
  await page.emulateMedia({ colorScheme: 'dark' })
  const dark = await colours(page)
  t.true(contrast(light.paper, 'rgb(0, 0, 0)') > 15 && contrast(dark.paper, 'rgb(255, 255, 255)') > 10)
  const changed = dark.marks.filter((colour) => !light.marks.includes(colour))
  t.true(changed.length >= 3, `${light.marks} ${dark.marks}`)
  for (const { paper, texts, letters } of [light, dark]) {
    const paler = (colours: string[], least: number) =>
      [...new Set(colours)].filter((colour) => contrast(colour, paper) < least)
    t.deepEqual(paler(texts, 4.5), [])
    // In charts the paper's own values are faint, on purpose.
    t.deepEqual(paler(letters, 3), [])
  }
})

test('on a phone nothing but tables scrolls sideways', async (t) => {
  const { page } = await openPage(t, t.context.browser, t.context.address, { viewport: { width: 320, height: 640 } })
  const width = () => page.evaluate(() => document.documentElement.scrollWidth)
  t.is(await width(), 320)
  for (const details of await page.locator('details').all())
    await details.evaluate((part) => part.setAttribute('open', ''))
  t.is(await width(), 320)
  const charts = await page
    .locator('figure svg:visible')
    .evaluateAll((all) => all.map((one) => one.getBoundingClientRect()))
  t.true(charts.length > 4 && charts.every(({ left, right }) => left >= 0 && right <= 320))
})

test('by keyboard all is reached: past the heading, tables, buttons, details', async (t) => {
  const { page } = await openPage(t, t.context.browser, t.context.address)
  const focused = () => page.evaluate(() => document.activeElement?.id || document.activeElement?.className || '')
  await page.keyboard.press('Tab')
  t.is(await focused(), 'skip')
  t.true(await page.locator('.skip').evaluate((link) => link.getBoundingClientRect().left >= 0))
  await page.keyboard.press('Enter')
  t.is(await focused(), 'main')
  const wanted = await page
    .locator('main :is(button, summary, [tabindex="0"]):visible')
    .evaluateAll((all) => all.map((one) => one.id))
  t.true(wanted.includes('summary') && wanted.includes('summary-csv-button') && wanted.includes('r4-summary'))
  const reached: string[] = []
  for (let i = 0; i < wanted.length; i++) {
    await page.keyboard.press('Tab')
    reached.push(await focused())
  }
  t.deepEqual(reached, wanted)
  await page.locator('#r1-summary').focus()
  await page.keyboard.press('Enter')
  t.true(await page.locator('#r1').evaluate((part: HTMLDetailsElement) => part.open))
  await page.locator('#summary-csv-button').focus()
  await page.keyboard.press('Space')
  await page.locator('#summary-csv-button:text("Copied")').waitFor()
  t.is(await focused(), 'summary-csv-button')
})

test('pictures, buttons and tables have names, headings are in order', async (t) => {
  const { page } = await openPage(t, t.context.browser, t.context.address)
  const found = await page.evaluate(() => {
    const all = (selector: string) => [...document.querySelectorAll(selector)]
    const ids = all('[id]').map(({ id }) => id)
    const namesAre = (part: Element) => (part.getAttribute('aria-label') ?? part.textContent ?? '').trim() !== ''
    const references = all('[aria-labelledby], [aria-describedby]').flatMap((part) =>
      ['aria-labelledby', 'aria-describedby'].flatMap((name) => part.getAttribute(name)?.split(' ') ?? []),
    )
    return {
      language: document.documentElement.lang,
      main: all('main').length,
      levels: all('h1, h2, h3, h4, h5, h6').map(({ tagName }) => Number(tagName[1])),
      nameless: all('figure > div > svg, [role=img], [role=region], button, summary, textarea, a')
        .filter((part) => !namesAre(part) && part.tagName !== 'TEXTAREA')
        .map(({ outerHTML }) => outerHTML.slice(0, 80)),
      unlabelled: all('textarea:not([aria-label])').length,
      unnamedPictures: all('figure svg').filter((svg) => !svg.closest('[role=img][aria-label]')).length,
      headers: all('th:not([scope])').length,
      repeated: ids.filter((id, index) => ids.indexOf(id) < index),
      nowhere: references.filter((id) => !ids.includes(id)),
    }
  })
  const { levels, ...rest } = found
  t.deepEqual(rest, {
    language: 'en',
    main: 1,
    nameless: [],
    unlabelled: 0,
    unnamedPictures: 0,
    headers: 0,
    repeated: [],
    nowhere: [],
  })
  t.is(levels.filter((level) => level === 1).length, 1)
  t.deepEqual(
    levels.filter((level, index) => level > (levels[index - 1] ?? 0) + 1),
    [],
    levels.join(' '),
  )
})
