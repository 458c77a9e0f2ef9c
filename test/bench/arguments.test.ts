import test from 'ava'
import { parseBenchArguments } from '../../ts/cli/bench_arguments.js'

const parse = (...words: string[]) => parseBenchArguments(words)

test('what is asked for', async (t) => {
  t.deepEqual(
    await parse(
      'ops',
      '--op',
      'attention',
      '--op=gru',
      '--shapes',
      'paper',
      '-d',
      'cuda',
      '--precision',
      'bf16',
      '--peers',
    ),
    {
      kind: 'bench',
      arguments: {
        work: 'ops',
        words: [],
        device: 'cuda:0',
        precisions: ['bf16'],
        threads: null,
        shapes: 'paper',
        models: [],
        ops: ['attention', 'gru'],
        seconds: null,
        steps: 7,
        tokenizer: null,
        vocabSize: 50257,
        megabytes: 100,
        peerMegabytes: 20,
        peers: true,
        json: null,
        csv: null,
      },
    },
  )
  const train = await parse('train', 'mini', 'c.json', '--steps', '3', '--threads=1', '--json', 'a.json', '--csv=b.csv')
  t.like(train, {
    arguments: {
      work: 'train',
      words: ['mini', 'c.json'],
      steps: 3,
      threads: 1,
      json: 'a.json',
      csv: 'b.csv',
      precisions: [],
    },
  })
  t.like(await parse('tokenize', 'texts', '--vocab-size', '5000', '--seconds', '0.5'), {
    arguments: { work: 'tokenize', words: ['texts'], vocabSize: 5000, seconds: 0.5 },
  })
  t.deepEqual(await parse('--compare', 'a.json', 'b.json'), { kind: 'compare', before: 'a.json', after: 'b.json' })
})

const wrong: [string, RegExp][] = [
  ['', /^what shall be measured\? aot-bench ops, train or tokenize/],
  ['opps', /^"opps" is nothing that it measures: aot-bench ops, train or tokenize/],
  ['ops mini', /^"mini" is one too many: an op is named by --op, a model by --model$/],
  ['tokenize a b', /^"b" is one too many: aot-bench tokenize takes one folder$/],
  ['ops --precision fp16', /^--precision must be fp32, bf16 or fp32,bf16, not "fp16"$/],
  ['ops --precision fp32,', /^--precision must be/],
  ['ops --shapes huge', /^--shapes must be tiny, small, paper, not "huge"$/],
  ['ops --shapes constructor', /^--shapes must be/],
  ['train --steps 0', /^--steps must be a whole number from 1 to 100000, not "0"$/],
  ['train --threads 1.5', /^--threads must be a whole number/],
  ['ops --seconds nan', /^--seconds must be a number above 0, up to 3600, not "nan"$/],
  ['ops --seconds 0', /^--seconds must be/],
  ['tokenize --vocab-size 5', /^--vocab-size must be a whole number from 257/],
  ['--compare a.json', /^--compare takes two files: aot-bench --compare A\.json B\.json$/],
  ['--compare a b c', /^--compare takes two files/],
  ['ops --peer', /^unknown option --peer; did you mean --peers\?$/],
  ['ops --json', /^--json needs a value$/],
  ['ops --json a --json b', /^--json is given 2 times; give it once$/],
]
for (const [line, message] of wrong) {
  test(`refused: aot-bench ${line}`, async (t) => {
    await t.throwsAsync(parse(...line.split(' ').filter(Boolean)), { code: 'AOT_CONFIG', message })
  })
}

test('a device that is none, and several of them', async (t) => {
  await t.throwsAsync(parse('ops', '-d', 'gpu'), { code: 'AOT_DEVICE', message: /"gpu" is no device/ })
  await t.throwsAsync(parse('ops', '-d', 'cpu,cpu'), { code: 'AOT_DEVICE' })
})

test('--help tells of everything', async (t) => {
  const help = await parse('--help')
  t.is(help.kind, 'print')
  for (const part of ['ops|train|tokenize', '--peers', '--compare', '--json', '--shapes', 'tiny, small, paper']) {
    t.true((help as { text: string }).text.includes(part), part)
  }
})
