/** Training in units of counts: restarts end with the tokenizer of an unbroken run; the whole command goes on too. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { after, endAt, outputOf, randomOf, startTokenize, writeCorpus } from './corpora.js'
import { aotTokenize, temporaryFolder } from './support.js'

const trainArgs = (out: string, ...more: string[]) => [
  ...['train', 'c', '--vocab-size', '600', '--out', out, '--unit-size', '4K', '--threads', '2', '--quiet'],
  ...more,
]

function filesOf(folder: string): Record<string, string> {
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'latin1')]))
}

function countedIn(folder: string): number {
  return existsSync(folder) ? readdirSync(folder).filter((name) => /^\d{5}\.counts$/.test(name)).length : 0
}

function prepared(t: ExecutionContext, kilobytes = 200) {
  const folder = temporaryFolder(t)
  writeCorpus(folder, 'c', kilobytes)
  const run = (...args: string[]) => aotTokenize(folder, args)
  return { folder, run, counts: join(folder, 'broken.counts') }
}

test.serial('killed while it counts, it ends as one that was not', async (t) => {
  const { folder, run, counts } = prepared(t, 2000)
  const begun = performance.now()
  t.is(run(...trainArgs('whole')).status, 0)
  const milliseconds = performance.now() - begun
  t.false(existsSync(join(folder, 'whole.counts')))
  const random = randomOf(5)
  let killed = 0
  let inWork = 0
  for (let round = 0; round < 40 && (killed < 6 || inWork < 3); round++) {
    const more = countedIn(counts) + random(4)
    const moment = round % 3 === 0 ? after(random(Math.ceil(milliseconds))) : () => countedIn(counts) > more
    if (await endAt(startTokenize(folder, trainArgs('broken')), 'SIGKILL', moment)) killed++
    if (countedIn(counts) > 0) inWork++
    // One that was quicker than the kill is begun anew.
    if (existsSync(join(folder, 'broken'))) rmSync(join(folder, 'broken'), { recursive: true })
  }
  t.log(`${killed} kills, ${inWork} of them with some units counted`)
  t.true(killed >= 4, `${killed} kills`)
  t.true(inWork >= 3, `${inWork} kills with some units counted`)
  const ran = run(...trainArgs('broken'))
  t.is(ran.status, 0, ran.stderr)
  t.deepEqual(filesOf(join(folder, 'broken')), filesOf(join(folder, 'whole')))
  t.deepEqual(readdirSync(folder).sort(), ['broken', 'c', 'whole'])
  // And as one that counts in memory: but for the report the same.
  t.is(run('train', 'c', '--vocab-size', '600', '--out', 'memory', '--quiet').status, 0)
  t.deepEqual(filesOf(join(folder, 'memory')), filesOf(join(folder, 'whole')))
})

test.serial('^C keeps what is counted; damage is counted again; other text is refused', async (t) => {
  const { folder, run, counts } = prepared(t, 2000)
  t.is(run(...trainArgs('whole')).status, 0)
  const child = startTokenize(folder, trainArgs('broken'))
  t.true(await endAt(child, 'SIGINT', () => countedIn(counts) > 3))
  const { status, stderr } = await child.ended
  t.is(status, 130)
  const left = countedIn(counts)
  t.regex(
    stderr,
    new RegExp(`^aot-tokenize: stopped; ${left} of \\d+ units are counted: run the same command again to continue\\n$`),
  )
  const begun = 'aot-tokenize: the counts in broken.counts were begun on other text or with other options, and '
  const cure = ': delete broken.counts, or start anew with --force\n'
  const refused = (what: string, args: string[]) =>
    t.deepEqual(run(...args), { status: 2, stdout: '', stderr: `${begun}${what}${cure}` })
  refused(
    'it is of words, not of characters',
    trainArgs('broken', '--char').filter((arg) => !/^(--vocab-size|600)$/.test(arg)),
  )
  refused(
    'the unit size is 8192 bytes and was 4096 (--unit-size 4K)',
    trainArgs('broken').map((arg) => (arg === '4K' ? '8K' : arg)),
  )
  writeFileSync(join(folder, 'c/e.txt'), '')
  refused('the file e.txt is new', trainArgs('broken'))
  rmSync(join(folder, 'c/e.txt'))
  truncateSync(join(counts, '00000.counts'), 50)
  writeFileSync(join(counts, '00001.counts'), readFileSync(join(counts, '00002.counts')))
  writeFileSync(join(counts, '00003.counts.tmp'), 'unfinished')
  const ran = run(...trainArgs('broken'))
  t.is(ran.status, 0, ran.stderr)
  t.deepEqual(filesOf(join(folder, 'broken')), filesOf(join(folder, 'whole')))
  t.false(existsSync(counts))
})

test.serial('counts of text that was touched since are not trusted', async (t) => {
  const { folder, run, counts } = prepared(t, 2000)
  t.true(await endAt(startTokenize(folder, trainArgs('broken')), 'SIGKILL', () => countedIn(counts) > 0))
  utimesSync(join(folder, 'c/a.txt'), 5, 5)
  const touched = run(...trainArgs('broken'))
  t.is(touched.status, 2)
  t.regex(touched.stderr, /, and files have been changed since: delete broken\.counts, or start anew with --force\n$/)
  t.is(run(...trainArgs('broken', '--force')).status, 0)
  t.is(run(...trainArgs('whole')).status, 0)
  t.deepEqual(filesOf(join(folder, 'broken')), filesOf(join(folder, 'whole')))
})

test.serial('the whole command goes on: a tokenizer that it has made is used again, another is not', async (t) => {
  const { folder, run } = prepared(t, 400)
  const args = ['c', '--vocab-size', '600', '--unit-size', '4K', '--threads', '2', '--quiet']
  const whole = temporaryFolder(t)
  t.is(aotTokenize(whole, [join(folder, 'c'), ...args.slice(1), '--out', 'c_h5']).status, 0)
  const shards = join(folder, 'c_h5/c.shards')
  const made = join(folder, 'tokenizers/c_tokenizer')
  const moments = [
    () => countedIn(`${made}.counts`) > 2,
    () => existsSync(made),
    () => existsSync(join(shards, '00005.json')),
  ]
  for (const moment of moments) t.true(await endAt(startTokenize(folder, args), 'SIGKILL', moment))
  // As a kill between the saving of the tokenizer and the end of its counts leaves them.
  mkdirSync(`${made}.counts`, { recursive: true })
  for (const name of ['00000.counts', 'lock']) writeFileSync(join(`${made}.counts`, name), '')
  const ran = run(...args)
  t.false(existsSync(`${made}.counts`))
  t.is(ran.status, 0, ran.stderr)
  t.regex(ran.stdout, /^tokenizer {3}tokenizers\/c_tokenizer \(600 tokens; made by an earlier run on this text\)\n/)
  const without = (files: Record<string, string>) => {
    const { 'c.shards/manifest.json': manifest, ...others } = files
    // The places of tokenizer and corpus differ.
    return { ...others, plan: (JSON.parse(manifest as string) as { plan: string }).plan }
  }
  t.deepEqual(without(outputOf(join(folder, 'c_h5'), 'c')), without(outputOf(join(whole, 'c_h5'), 'c')))
  t.deepEqual(filesOf(made), filesOf(join(whole, 'tokenizers/c_tokenizer')))

  const taken = `aot-tokenize: ${made} is there already: use it with --tokenizer tokenizers/c_tokenizer, or move it away, or overwrite it with --force\n`
  const refused = (other: string[]) => t.deepEqual(run(...other), { status: 2, stdout: '', stderr: taken })
  refused(args.map((arg) => (arg === '600' ? '601' : arg)))
  // Its files are others, the text is another, or nobody knows what it is of.
  const json = readFileSync(join(made, 'tokenizer.json'))
  writeFileSync(join(made, 'tokenizer.json'), Buffer.concat([json, Buffer.from('\n')]))
  refused(args)
  writeFileSync(join(made, 'tokenizer.json'), json)
  utimesSync(join(folder, 'c/a.txt'), 5, 5)
  refused(args)
  writeFileSync(join(made, 'trained_on.json'), '{')
  refused(args)
  rmSync(join(made, 'trained_on.json'))
  refused(args)
})

test('characters are collected in units too', (t) => {
  const { folder, run } = prepared(t, 100)
  t.is(run('train', 'c', '--char', '--unk', '--out', 'units', '--unit-size', '2K', '--quiet').status, 0)
  t.is(run('train', 'c', '--char', '--unk', '--out', 'memory', '--quiet').status, 0)
  t.deepEqual(filesOf(join(folder, 'units')), filesOf(join(folder, 'memory')))
})
