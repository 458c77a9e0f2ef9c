import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { native } from '../../ts/native.js'
import { lookAtInputs } from '../../ts/tokenize/inputs.js'
import {
  changeOfInputs,
  changeOfOptions,
  type Manifest,
  makeManifest,
  manifestPath,
  readManifest,
  type Work,
  writeManifest,
} from '../../ts/tokenize/manifest.js'
import { temporaryFolder, writeFiles } from './support.js'

const tokenizer = { path: '/tok', digest: 'a'.repeat(32), vocab_size: 300 }
const work: Work = { kind: 'tokens', dtype: 'uint16', tokenizer }

async function example(t: ExecutionContext) {
  const folder = temporaryFolder(t)
  writeFiles(folder, { 'c/a.txt': 'some text', 'c/line\nfeed.txt': 'more', 'c/e.txt': '' })
  const inputs = await lookAtInputs(join(folder, 'c'))
  const manifest = makeManifest({ inputs, unitBytes: 4, cuts: [4, 9], work })
  await writeManifest(folder, manifest)
  return { folder, inputs, manifest, path: manifestPath(folder) }
}

test('what is written is read again', async (t) => {
  const { folder, manifest } = await example(t)
  t.deepEqual(readManifest(folder), manifest)
})

test('any damage is noticed: of each bit, of each length', async (t) => {
  const { folder, path, manifest } = await example(t)
  const whole = readFileSync(path)
  const cure = 'start anew with --force, or name another --out'
  for (let at = 0; at < whole.length - 1; at++) {
    const damaged = Buffer.from(whole)
    damaged[at] = (damaged[at] as number) ^ (1 << (at % 7))
    writeFileSync(path, damaged)
    let read: Manifest
    try {
      read = readManifest(folder)
    } catch (error) {
      const { code, message } = error as { code: string; message: string }
      t.is(code, 'AOT_DATA')
      t.true(message.startsWith(path) && message.endsWith(cure), message)
      continue
    }
    // White space between the parts of JSON is nothing.
    t.deepEqual(read, manifest, `bit of byte ${at}`)
    t.regex(String.fromCharCode(whole[at] as number), /\s/)
  }
  for (let length = 0; length < whole.length - 1; length += 7) {
    writeFileSync(path, whole.subarray(0, length))
    t.throws(() => readManifest(folder), {
      code: 'AOT_DATA',
      message: `${path} is damaged (it is no whole JSON): ${cure}`,
    })
  }
})

test('a manifest of a newer version, of another program, or with other content', async (t) => {
  const { folder, path, manifest } = await example(t)
  const signed = (content: object) => {
    const { digest: _, ...rest } = content as { digest?: string }
    writeFileSync(path, JSON.stringify({ ...rest, digest: native.digestOf(JSON.stringify(rest)) }))
  }
  const cure = 'start anew with --force, or name another --out'
  signed({ ...manifest, version: 2, more: 1 })
  t.throws(() => readManifest(folder), {
    code: 'AOT_DATA',
    message: `${path} was written by a newer aot-tokenize (version 2 of the format): update this one, or ${cure}`,
  })
  const foreign = `${path} is no manifest of aot-tokenize`
  for (const content of ['{}', '[]', 'null', '7', '"x"', '{"version":"1"}', '{"name":"web app"}']) {
    writeFileSync(path, content)
    t.throws(() => readManifest(folder), { code: 'AOT_DATA', message: `${foreign}: ${cure}` }, content)
  }
  for (const [change, where] of [
    [{ cuts: ['4'] }, 'cuts.0'],
    [{ plan: 'x' }, 'plan'],
    [{ work: { kind: 'other' } }, 'work.kind'],
    [{ corpus: { ...manifest.corpus, files: [] } }, 'corpus.files'],
    [{ unit_bytes: -1 }, 'unit_bytes'],
    [{ more: 1 }, ''],
  ] as [object, string][]) {
    signed({ ...manifest, ...change })
    const error = t.throws(() => readManifest(folder), { code: 'AOT_DATA' }, where)
    t.true(error?.message.startsWith(`${foreign} (${where}: `), error?.message)
  }
  signed(manifest)
  t.deepEqual(readManifest(folder), manifest)
})

test('the plan is of what the results depend on, and of nothing else', async (t) => {
  const { inputs, manifest } = await example(t)
  const plan = { inputs, unitBytes: 4, cuts: [4, 9], work }
  const idOf = (change: object) => makeManifest({ ...plan, ...change }).plan
  t.is(idOf({}), manifest.plan)
  t.is(idOf({ inputs: { ...inputs, stem: '/elsewhere', folder: '/elsewhere' } }), manifest.plan)
  t.is(idOf({ work: { ...work, tokenizer: { ...tokenizer, path: '/elsewhere' } } }), manifest.plan)
  const [first, ...others] = inputs.files as [(typeof inputs.files)[number]]
  const files = (change: object) => ({ inputs: { ...inputs, files: [{ ...first, ...change }, ...others] } })
  const ids = [
    {},
    { unitBytes: 5 },
    { cuts: [4] },
    { work: { ...work, dtype: 'int32' } },
    { work: { ...work, tokenizer: { ...tokenizer, digest: 'b'.repeat(32) } } },
    { work: { kind: 'words' } },
    { work: { kind: 'characters' } },
    files({ name: 'b.txt' }),
    files({ size: 10 }),
    files({ mtime: '1' }),
  ].map(idOf)
  t.is(new Set(ids).size, ids.length)
})

test('what has changed is said', async (t) => {
  const { inputs, manifest } = await example(t)
  const [a, e, line] = inputs.files as [
    (typeof inputs.files)[number],
    (typeof inputs.files)[number],
    (typeof inputs.files)[number],
  ]
  const change = (files: typeof inputs.files) => changeOfInputs(manifest, { ...inputs, files })
  t.is(change([a, e, line]), null)
  t.is(change([{ ...a, mtime: '1' }, e, line]), 'times')
  t.deepEqual(change([a, e]), { what: 'the file "line\\nfeed.txt" is no longer there' })
  t.deepEqual(change([a, { ...a, name: 'b.txt' }, e, line]), { what: 'the file b.txt is new' })
  t.deepEqual(change([{ ...a, size: 10 }, e, line]), { what: 'the file a.txt has 10 bytes and had 9' })
  t.deepEqual(change([e, a, line]), { what: 'the order of the files is another' })
  t.is(changeOfOptions(manifest, 4, work), null)
  t.is(changeOfOptions(manifest, 4, { ...work, tokenizer: { ...tokenizer, path: '/moved' } }), null)
  t.regex(changeOfOptions(manifest, 8, work) ?? '', /^the unit size is 8 bytes and was 4 /)
  t.is(changeOfOptions(manifest, 4, { kind: 'words' }), 'it is of tokens, not of words')
  t.is(changeOfOptions(manifest, 4, { ...work, dtype: 'int32' }), 'the dtype is int32 and was uint16')
})
