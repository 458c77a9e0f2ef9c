import { readFileSync } from 'node:fs'

/** The package's version: package.json lies three folders above dist/ts/cli. */
export function packageVersion(): string {
  return JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')).version
}
