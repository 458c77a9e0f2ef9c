/** Several processes, or machines, with a share of the units each; verify and merge see whether all are there. */
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { native } from '../../ts/native.js'
import { entriesIn, outputOf, startTokenize, writeCorpus } from './corpora.js'
import { aotTokenize, readTokens, temporaryFolder, train, writeFiles } from './support.js'

const encodeArgs = (out: string, ...more: string[]) => [
  ...['encode', 'c', '--tokenizer', 'tok', '--out', out, '--unit-size', '4K', '--threads', '2', '--quiet'],
  ...more,
]

async function prepared(t: ExecutionContext) {
  const folder = temporaryFolder(t)
  const { tokenizer } = await train(writeCorpus(folder, 'c', 60), 400)
  await tokenizer.save(join(folder, 'tok'))
  const run = (...args: string[]) => aotTokenize(folder, args)
  t.is(run(...encodeArgs('whole')).status, 0)
  return { folder, run, whole: outputOf(join(folder, 'whole'), 'c') }
}

test('three shares at once end as one process', async (t) => {
  const { folder, run, whole } = await prepared(t)
  const children = [1, 2, 3].map((index) => startTokenize(folder, encodeArgs('shared', '--shard', `${index}/3`)))
  const ends = await Promise.all(children.map(({ ended }) => ended))
  t.deepEqual(
    ends.map(({ status }) => status),
    [0, 0, 0],
    JSON.stringify(ends),
  )
  t.deepEqual(outputOf(join(folder, 'shared'), 'c'), whole)
  const verified = run('verify', 'shared/c.h5', '--inputs', '--quiet')
  t.is(verified.status, 0, verified.stderr)
  t.regex(verified.stdout, /\nverified {4}all is right, and of the text as it is now\n$/)
})

test('what is missing is listed, with the share that does it; the last one, or verify, completes', async (t) => {
  const { folder, run, whole } = await prepared(t)
  const units = Object.keys(whole).length / 2 - 1
  const first = run(...encodeArgs('shared', '--shard', '1/3'))
  t.is(first.status, 0, first.stderr)
  const missing = Array.from({ length: units }, (_, unit) => unit).filter((unit) => unit % 3 !== 0)
  const named = missing.slice(0, 10).map((unit) => String(unit).padStart(5, '0'))
  const line = `${missing.length} of ${units} units missing: ${[...named, ...(missing.length > 10 ? ['...'] : [])].join(', ')}; done by --shard 2/3, 3/3`
  t.regex(first.stdout, new RegExp(`\\nmissing {5}${line}\\n`))
  t.false(existsSync(join(folder, 'shared/c.h5')))
  const mend = `aot-tokenize encode ${folder}/c --tokenizer ${folder}/tok --out ${folder}/shared/c.h5 --dtype uint16 --unit-size 4K`
  const verified = run('verify', 'shared/c.h5', '--quiet')
  t.is(verified.status, 2)
  t.true(verified.stdout.includes(`wrong       ${line}\n`), verified.stdout)
  t.true(verified.stdout.includes(`wrong       to mend it: ${mend}\n`), verified.stdout)
  t.is(verified.stderr, 'aot-tokenize: shared/c.h5 is not whole: what is wrong is said above\n')
  const merged = run('merge', 'shared/c.h5', '--quiet')
  t.deepEqual(merged, { status: 2, stdout: '', stderr: `aot-tokenize: shared/c.h5 is not whole: ${line}; ${mend}\n` })
  t.is(run(...encodeArgs('shared', '--shard', '3/3')).status, 0)
  t.is(run(...encodeArgs('shared', '--shard', '2/3')).status, 0)
  t.deepEqual(outputOf(join(folder, 'shared'), 'c'), whole)
  // The shares need not be of one division; a share that is run again verifies its own.
  t.regex(run(...encodeArgs('shared', '--shard', '2/3')).stdout, /\ncomplete {4}it was all there/)
  rmSync(join(folder, 'shared/c.h5'))
  t.regex(run('verify', 'shared/c.h5', '--quiet').stdout, /\nwritten {5}shared\/c\.h5: all units are there\n/)
  t.deepEqual(outputOf(join(folder, 'shared'), 'c'), whole)
})

test('shares exclude a whole run, each other, and those of another division', async (t) => {
  const { folder, run } = await prepared(t)
  t.is(run(...encodeArgs('shared', '--shard', '1/4')).status, 0)
  const shards = join(folder, 'shared/c.shards')
  const held = [
    new native.FileLock(join(shards, 'lock'), { busy: '', shared: true }),
    new native.FileLock(join(shards, 'lock.1-of-4'), { busy: '' }),
  ]
  const line = (args: string[]) => run(...encodeArgs('shared', ...args)).stderr
  const wait = 'wait for it to end, or name another place with --out\n'
  t.is(line([]), `aot-tokenize: shared/c.h5 is being worked on by process ${process.pid}: ${wait}`)
  t.regex(
    line(['--shard', '1/4']),
    /^aot-tokenize: --shard 1\/4 of shared\/c\.h5 is being worked on by process \d+: wait/,
  )
  t.regex(
    line(['--shard', '1/2']),
    /^aot-tokenize: shared\/c\.h5 is being worked on in 4 shares, by process \d+ among others: use --shard i\/4, or wait\n$/,
  )
  t.is(line(['--shard', '2/4']), '')
  for (const lock of held) lock.release()
  t.is(line(['--shard', '1/2']), '')
  t.is(line(['--shard', '2/2']), '')
  t.true(existsSync(join(folder, 'shared/c.h5')))
  t.regex(line(['--shard', '1/2', '--force']), /^aot-tokenize: --force and --shard do not go together/)
  t.regex(run('c', '--shard', '1/2').stderr, /^aot-tokenize: --shard is for encoding: make the tokenizer first/)
  t.regex(line(['--shard', '3/2']), /^aot-tokenize: --shard must be a share such as 1\/8/)
})

test('verify says what is wrong, and mends nothing but the file over the shards', async (t) => {
  const { folder, run, whole } = await prepared(t)
  const shards = join(folder, 'whole/c.shards')
  const right = run('verify', 'whole/c.h5', '--quiet')
  t.is(right.status, 0)
  const units = entriesIn(shards)
  t.regex(
    right.stdout,
    new RegExp(
      `^tokens {6}whole/c\\.h5 \\([\\d,]+ tokens\\)\\nunits {7}${units}, of 6\\d\\.\\d kB of text\\nids {9}up to 399, of 400 tokens\\nverified {4}all is right\\n$`,
    ),
  )
  const path = join(shards, '00002.h5')
  const original = readFileSync(path)
  const damaged = Buffer.from(original)
  damaged[original.length - 5] = (damaged[original.length - 5] as number) ^ 1
  writeFileSync(path, damaged)
  const wrong = run('verify', 'whole/c.h5', '--quiet')
  t.is(wrong.status, 2)
  t.regex(
    wrong.stdout,
    /\nwrong {7}c\.shards\/00002\.h5: damaged.*\nwrong {7}to mend it: aot-tokenize encode .*--unit-size 4K\n$/,
  )
  t.true(readFileSync(path).equals(damaged))
  writeFileSync(path, original)
  const text = join(folder, 'c/d.txt')
  const before = readFileSync(text)
  writeFileSync(text, Buffer.concat([before.subarray(0, -1), Buffer.from('b')]))
  t.is(run('verify', 'whole/c.h5', '--quiet').status, 0)
  const inputs = run('verify', 'whole/c.h5', '--inputs', '--quiet')
  t.is(inputs.status, 2)
  t.regex(
    inputs.stdout,
    new RegExp(
      `\\nwrong {7}the text of unit 000${units - 1} \\(.*c/d\\.txt\\) is another by now: the tokens are of what it was\\n`,
    ),
  )
  writeFileSync(join(shards, 'manifest.json'), '{')
  t.regex(
    run('verify', 'whole/c.h5').stderr,
    /^aot-tokenize: .*manifest\.json is damaged \(it is no whole JSON\): start anew/,
  )
  t.deepEqual(
    { ...outputOf(join(folder, 'whole'), 'c'), 'c.shards/manifest.json': '' },
    { ...whole, 'c.shards/manifest.json': '' },
  )
  // Without a plan: what can be known.
  rmSync(shards, { recursive: true })
  t.is(run('verify', 'whole/c.h5').status, 2)
  t.is(run('verify', 'nothing.h5').status, 2)
  t.regex(run('verify', 'c/a.txt').stderr, /^aot-tokenize: name a token file \(\.h5\), not c\/a\.txt\n$/)
})

test('merge makes the one file, and leaves others alone', async (t) => {
  const { folder, run } = await prepared(t)
  t.is(run('encode', 'c', '--tokenizer', 'tok', '--out', 'one.h5', '--quiet').status, 0)
  const merged = run('merge', 'whole/c.h5', '--quiet')
  t.is(merged.status, 0, merged.stderr)
  const out = join(folder, 'whole/merged/c.h5')
  t.true(readFileSync(out).equals(readFileSync(join(folder, 'one.h5'))))
  const tokens = readTokens(out).length.toLocaleString('en-US')
  t.true(
    merged.stdout.startsWith(
      `merged      whole/merged/c.h5 (${tokens} tokens, ${(statSync(out).size / 1000).toFixed(1)} kB)\n`,
    ),
    merged.stdout,
  )
  t.regex(run('merge', 'whole/c.h5', '--quiet').stdout, /\ncomplete {4}it was all there, and is verified/)
  writeFiles(folder, { 'mine.h5': 'precious' })
  const refused = run('merge', 'whole/c.h5', '--out', 'mine.h5')
  t.deepEqual([refused.status, readFileSync(join(folder, 'mine.h5'), 'utf8')], [2, 'precious'])
  t.is(run('merge', 'whole/c.h5', '--out', 'mine.h5', '--force', '--quiet').status, 0)
  t.true(readFileSync(join(folder, 'mine.h5')).equals(readFileSync(out)))
  t.regex(run('merge', 'one.h5').stderr, /one\.h5 is one file already: there is nothing to merge\n$/)
})
