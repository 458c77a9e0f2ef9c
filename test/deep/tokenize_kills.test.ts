/** Tokenizing, killed (SIGKILL) hundreds of times at seeded moments, alone and in shares; and a disk that is really full. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import {
  after,
  type Child,
  endAt,
  entriesIn,
  outputOf,
  randomOf,
  startTokenize,
  writeCorpus,
} from '../tokenize/corpora.js'
import { aotTokenize, temporaryFolder } from '../tokenize/support.js'

const options = ['--unit-size', '4K', '--threads', '2', '--quiet']
const wholeArgs = (corpus: string, out: string) => [corpus, '--vocab-size', '500', '--out', out, ...options]

/** Output and tokenizer of an unbroken run, in a folder of its own. */
function unbroken(t: ExecutionContext, corpus: string) {
  const folder = temporaryFolder(t)
  const ran = aotTokenize(folder, wholeArgs(corpus, 'out'))
  t.is(ran.status, 0, ran.stderr)
  return { folder, result: comparable(folder) }
}

/** All bytes of the results; of the plan all but where the tokenizer is. */
function comparable(folder: string): Record<string, string> {
  const { 'c.shards/manifest.json': manifest = '', ...files } = outputOf(join(folder, 'out'), 'c')
  const made = join(folder, 'tokenizers/c_tokenizer')
  for (const name of readdirSync(made)) files[name] = execFileSync('cat', [join(made, name)], { encoding: 'latin1' })
  return { ...files, plan: (JSON.parse(manifest) as { plan: string }).plan }
}

test.serial('200 kills of the whole command, each output as if there had been none', async (t) => {
  t.timeout(40 * 60_000)
  const corpora = temporaryFolder(t)
  writeCorpus(corpora, 'c', 150)
  const corpus = join(corpora, 'c')
  const { result } = unbroken(t, corpus)
  const random = randomOf(2026)
  let kills = 0
  let outputs = 0
  const moments: Record<string, number> = {}
  while (kills < 200) {
    const folder = temporaryFolder(t)
    const shards = join(folder, 'out/c.shards')
    const counts = join(folder, 'tokenizers/c_tokenizer.counts')
    for (let round = 0; round < 12; round++) {
      const entries = entriesIn(shards) + random(5)
      const counted = join(counts, `0000${random(9)}.counts`)
      const kinds: [string, () => boolean][] = [
        ['clock', after(150 + random(500))],
        ['counting', () => existsSync(counted)],
        ['a tokenizer half saved', () => existsSync(join(folder, 'tokenizers/c_tokenizer.tmp'))],
        ['the plan', () => existsSync(join(shards, 'manifest.json.tmp'))],
        [
          'a shard half written',
          () => existsSync(shards) && readdirSync(shards).some((name) => name.endsWith('.h5.tmp')),
        ],
        [
          'an entry half written',
          () => existsSync(shards) && readdirSync(shards).some((name) => name.endsWith('.json.tmp')),
        ],
        ['entries', () => entriesIn(shards) > entries],
        ['the virtual file half written', () => existsSync(join(folder, 'out/c.h5.tmp'))],
      ]
      const [kind, moment] = kinds[random(kinds.length)] as [string, () => boolean]
      if (!(await endAt(startTokenize(folder, wholeArgs(corpus, 'out')), 'SIGKILL', moment))) break
      kills++
      moments[kind] = (moments[kind] ?? 0) + 1
    }
    const ran = aotTokenize(folder, wholeArgs(corpus, 'out'))
    t.is(ran.status, 0, ran.stderr)
    t.deepEqual(comparable(folder), result)
    t.deepEqual(readdirSync(join(folder, 'out')).sort(), ['c.h5', 'c.shards'])
    t.deepEqual(readdirSync(join(folder, 'tokenizers')), ['c_tokenizer'])
    outputs++
    rmSync(folder, { recursive: true })
  }
  t.log(`${kills} kills, ${outputs} outputs: ${JSON.stringify(moments)}`)
  t.true(Object.keys(moments).length >= 6, JSON.stringify(moments))
})

test.serial('shares that are killed and started again end as one process', async (t) => {
  t.timeout(20 * 60_000)
  const corpora = temporaryFolder(t)
  writeCorpus(corpora, 'c', 150)
  const { folder: other, result } = unbroken(t, join(corpora, 'c'))
  const tokenizer = join(other, 'tokenizers/c_tokenizer')
  const random = randomOf(7)
  let kills = 0
  for (let output = 0; output < 5; output++) {
    const folder = temporaryFolder(t)
    const args = (index: number) => [
      'encode',
      join(corpora, 'c'),
      '--tokenizer',
      tokenizer,
      '--out',
      'out',
      ...options,
      '--shard',
      `${index}/3`,
    ]
    const share = async (index: number) => {
      for (let round = 0; round < 6; round++) {
        const child: Child = startTokenize(folder, args(index))
        if (await endAt(child, 'SIGKILL', after(150 + random(400)))) kills++
        else if ((await child.ended).status === 0) return
      }
      const { status, stderr } = await startTokenize(folder, args(index)).ended
      t.is(status, 0, stderr)
    }
    await Promise.all([1, 2, 3].map(share))
    const verified = aotTokenize(folder, ['verify', 'out/c.h5', '--inputs', '--quiet'])
    t.is(verified.status, 0, verified.stdout + verified.stderr)
    const { 'c.shards/manifest.json': _, ...files } = outputOf(join(folder, 'out'), 'c')
    for (const [name, bytes] of Object.entries(files)) t.is(bytes, result[name] as string, name)
  }
  t.log(`${kills} kills`)
  t.true(kills >= 20, `${kills} kills`)
})

test.serial('a disk that is full: one line, what is finished stays, and with more room it goes on', (t) => {
  const folder = temporaryFolder(t)
  writeCorpus(folder, 'c', 400)
  t.is(aotTokenize(folder, ['train', 'c', '--vocab-size', '500', '--out', 'tok', '--quiet']).status, 0)
  const small = join(folder, 'small')
  mkdirSync(small)
  const args = (out: string) => ['encode', 'c', '--tokenizer', 'tok', '--out', out, ...options]
  t.is(aotTokenize(folder, args('whole')).status, 0)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=300k', 'tmpfs', small], { stdio: 'ignore' })
  } catch {
    t.log('no tmpfs may be mounted here: the fast tests limit the size of files instead')
    t.pass()
    return
  }
  try {
    const full = aotTokenize(folder, args('small'))
    t.is(full.status, 2)
    t.regex(
      full.stderr,
      /No space left on device.*; \d+ of \d+ units are finished: run the same command again to continue\n$/,
    )
    const finished = entriesIn(join(small, 'c.shards'))
    t.true(finished > 5, `${finished} units`)
    execFileSync('mount', ['-o', 'remount,size=8m', small])
    const ran = aotTokenize(folder, args('small'))
    t.is(ran.status, 0, ran.stderr)
    t.regex(ran.stdout, new RegExp(`\\nkept {8}${finished} units of an earlier run, verified\\n`))
    t.deepEqual(outputOf(small, 'c'), outputOf(join(folder, 'whole'), 'c'))
  } finally {
    execFileSync('umount', [small])
  }
})
