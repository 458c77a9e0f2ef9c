import { join } from 'node:path'
import test from 'ava'
import { Tokenizer as HuggingFaceTokenizer } from 'tokenizers'
import { native } from '../../ts/native.js'
import { newControl } from '../../ts/tokenize/job.js'
import { encode, temporaryFolder, train, writeFiles } from '../tokenize/support.js'

const atoms = [
  ...[
    'a',
    'hello',
    ' the',
    "'s",
    "'re",
    "'ll",
    "'",
    ' ',
    '  ',
    '\n',
    '\n\n',
    '\t',
    '\u00a0',
    '\u3000',
    '\u0085',
    '日本',
    'é',
  ],
  ...[
    '12',
    '３',
    '½',
    '!',
    '...',
    '?!',
    '\u{1f600}',
    '\u200d',
    '\u0301',
    '\u0000',
    '<|endoftext|>',
    '<|endof',
    'text|>',
  ],
  ...['<|', '|>', 'xyz'.repeat(40), ' '.repeat(50), '\n'.repeat(30)],
]

/** A small generator of our own, so that a failure can be repeated. */
function generator(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed * 48271) % 2147483647
    return seed % below
  }
}

test("random texts, cut anywhere, have Hugging Face's ids", async (t) => {
  const folder = temporaryFolder(t)
  const saved = join(folder, 'tokenizer')
  const out = join(folder, 'out.h5')
  for (let round = 1; round <= 12; round++) {
    const random = generator(round * 7919)
    const texts = Array.from({ length: 60 }, () => {
      const kinds = 2 + random(atoms.length - 2)
      const offset = random(atoms.length)
      return Array.from({ length: random(120) }, () => atoms[(offset + random(kinds)) % atoms.length]).join('')
    })
    const files = writeFiles(folder, Object.fromEntries(texts.map((text, index) => [`${index}.txt`, text])))
    const reading = { threads: 2, chunkBytes: 1 + random(50) }
    const { tokenizer } =
      round % 3 === 0
        ? await native.trainCharFiles(files, { unknown: false, ...reading }, newControl())
        : await train(files, 257 + random(300), reading)
    await tokenizer.save(saved)
    const huggingFace = HuggingFaceTokenizer.fromFile(join(saved, 'tokenizer.json'))
    const encodings = await huggingFace.encodeBatch(texts)
    const expected = encodings.flatMap((encoding) => encoding.getIds())
    for (let run = 0; run < 12; run++) {
      const options = { threads: 1 + random(4), chunkBytes: 1 + random(run < 6 ? 20 : 300) }
      const { ids } = await encode(tokenizer, files, out, options)
      t.deepEqual(Array.from(ids), expected, `round ${round}, ${JSON.stringify(options)}`)
    }
  }
})
