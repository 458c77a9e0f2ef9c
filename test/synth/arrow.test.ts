/** What aot-arrow says of languages whose answer is known. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import type { ArrowResult } from '../../ts/arrow/types.js'
import { start } from '../arrow/arrow_command.js'
import { temporaryFolder } from '../train/runs.js'
import { smallPair } from './small_pairs.js'

async function compare(folder: string, language: 'primes' | 'reversible', seeds: number): Promise<ArrowResult> {
  writeFileSync(join(folder, `${language}.json`), JSON.stringify(smallPair(language)))
  const { status, stdout, stderr } = await start(folder, `${language}.json`, '--seeds', `${seeds}`, '--json').ended
  if (status !== 0) throw new Error(stderr)
  return [JSON.parse(stdout)].flat()[0] as ArrowResult
}

test.serial('primes: the product is harder to factor than to compute', async (t) => {
  const result = await compare(temporaryFolder(t), 'primes', 5)
  t.true(result.finished && result.established, result.verdict)
  t.regex(result.verdict, /^backward is harder/)
  t.is(result.seeds.length, 5)
  for (const { difference } of result.seeds) t.true(difference > 0)
  t.is(result.known?.floor, Math.log(13_366) / 14)
  t.true(result.fw > (result.known?.floor as number))
})

test.serial('the control has no arrow', async (t) => {
  const result = await compare(temporaryFolder(t), 'reversible', 3)
  t.true(result.finished && !result.established, result.verdict)
  t.true(Math.abs(result.difference) < 0.003)
  // Both have learnt the chain all but completely.
  for (const loss of [result.fw, result.bw]) t.true(loss - (result.known?.floor as number) < 0.03, `${loss}`)
})
