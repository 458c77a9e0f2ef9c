/** Content-Security-Policy: the browser runs and loads what is part of the page itself, and nothing else. */
import { createHash } from 'node:crypto'

const nothingElse = ["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]

/** Of an HTML page: the scripts that stand in it, by their hashes, and requests to where it came from. */
export function policyOf(page: string): string {
  const hashes = [...page.matchAll(/<script>(.*?)<\/script>/gs)].map(
    ([, text]) =>
      `'sha256-${createHash('sha256')
        .update(text as string)
        .digest('base64')}'`,
  )
  return [
    "default-src 'none'",
    `script-src ${hashes.length > 0 ? hashes.join(' ') : "'none'"}`,
    // Charts have styles of their own on their marks. A style can load nothing here.
    "style-src 'unsafe-inline'",
    'img-src data:',
    "connect-src 'self'",
    ...nothingElse,
  ].join('; ')
}

/** Of a picture or figures: nothing runs in them. */
export const inertPolicy = ["default-src 'none'", "style-src 'unsafe-inline'", 'sandbox', ...nothingElse].join('; ')
