/** A page or a picture as a browser takes it. */
import { parseHTML } from 'linkedom'

export interface ReadElement {
  textContent: string
  getAttribute(name: string): string | null
  querySelector(selector: string): ReadElement | null
  querySelectorAll(selector: string): Iterable<ReadElement>
}

export function readHtml(page: string): ReadElement {
  return parseHTML(page).document as unknown as ReadElement
}

/** The exact figures of a table by the titles of its columns: `data-value`, or the text where there is none. */
export function readTable(document: ReadElement, id: string): Record<string, string>[] {
  const table = document.querySelector(`#${id} table`)
  if (table === null) throw new Error(`no table in #${id}`)
  const titles = [...table.querySelectorAll('thead th')].map(({ textContent }) => textContent)
  return [...table.querySelectorAll('tbody tr')].map((row) => {
    const cells = [...row.querySelectorAll('th, td')]
    return Object.fromEntries(
      cells.map((cell, index) => [titles[index] as string, cell.getAttribute('data-value') ?? cell.textContent]),
    )
  })
}
