/** Content-Security-Policy: the browser runs and loads what is part of the page itself, and nothing else. */
import { createHash } from 'node:crypto'

/** Of an HTML page: the scripts and styles that stand in it, by their hashes, and requests to where it came from. */
export function policyOf(page: string): string {
  const hashes = (tag: string) => {
    const contents = [...page.matchAll(new RegExp(`<${tag}\\b[^>]*>(.*?)</${tag}>`, 'gs'))].map(([, text]) => text)
    const sums = [...new Set(contents)].map((text) =>
      createHash('sha256')
        .update(text as string)
        .digest('base64'),
    )
    return sums.length > 0 ? sums.map((sum) => `'sha256-${sum}'`).join(' ') : "'none'"
  }
  return [
    "default-src 'none'",
    `script-src ${hashes('script')}`,
    `style-src ${hashes('style')}`,
    "img-src 'self' data:",
    'font-src data:',
    "connect-src 'self'",
    ...nothingElse,
  ].join('; ')
}

const nothingElse = ["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]

/** Of a picture or figures: nothing runs in them. */
export const inertPolicy = ["default-src 'none'", "style-src 'unsafe-inline'", 'sandbox', ...nothingElse].join('; ')
