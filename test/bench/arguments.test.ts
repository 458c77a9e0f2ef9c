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
  t.deepEqual(await parse('scaling', 'a.json', '--link', 'ib-hdr', '--latency', '2.5', '--model', 'mini'), {
    kind: 'scaling',
    arguments: {
      from: 'a.json',
      shapes: 'paper',
      models: ['mini'],
      precisions: [],
      threads: null,
      link: { name: 'ib-hdr', bandwidth: 24e9, latency: 2.5e-6 },
      devices: 64,
      aggregate: 1,
      bucket: null,
    },
  })
  t.like(await parse('scaling', '--peak', '989,3350', '--bandwidth=5', '--aggregate', '7', '--bucket', '1024'), {
    arguments: {
      from: { flops: 989e12, bytes: 3350e9 },
      link: { name: 'a link', bandwidth: 5e9, latency: 0 },
      aggregate: 7,
      bucket: 1024,
    },
  })
  t.deepEqual(await parse('--compare', 'a.json', 'b.json'), { kind: 'compare', before: 'a.json', after: 'b.json' })
})

const wrong: [string, RegExp][] = [
  ['', /^what shall be measured\? aot-bench ops, train, tokenize or scaling/],
  ['opps', /^"opps" is nothing that it measures: aot-bench ops, train, tokenize or scaling/],
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
  ['scaling --link nvlink4', /^aot-bench scaling takes one file that train --json wrote, or --peak and none$/],
  ['scaling a.json b.json --link nvlink4', /^aot-bench scaling takes one file/],
  ['scaling a.json --peak 1,1 --link nvlink4', /^aot-bench scaling takes one file/],
  ['scaling a.json', /^what joins the devices\? --link NAME, or --bandwidth GB\/s and --latency µs$/],
  ['scaling a.json --link string', /^--link must be nvlink4, nvlink5, .*, ethernet-100g, not "string"$/],
  ['scaling a.json --link constructor', /^--link must be/],
  ['scaling a.json --bandwidth 0', /^--bandwidth must be a number from 0\.000001 to 1000000000, not "0"$/],
  ['scaling a.json --link pcie4 --latency -1', /^--latency must be a number from 0 /],
  ['scaling --peak 989 --link pcie4', /^--peak must be TFLOP\/s,GB\/s, such as 989,3350, not "989"$/],
  ['scaling --peak 989,x --link pcie4', /^--peak must be a number/],
  ['scaling a.json --link pcie4 --devices 0', /^--devices must be a whole number from 1 to 1024/],
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
