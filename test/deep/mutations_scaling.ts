/** Planted mistakes of the model of several devices. */
import { inFile, seldom } from './mutation.js'

export const scaling = [
  ...inFile(
    'ts/bench/scaling.ts',
    'bench/scaling',
    ['each device sends all to all others', '((2 * (devices - 1)) / devices)', '(2 * (devices - 1))'],
    ['a bucket goes before its gradients are final', 'ends[turn] as number)', '0)'],
    ['a bucket does not wait for the one before', 'Math.max(arrived, ends[turn] as number)', '(ends[turn] as number)'],
    ['a bucket waits for the first of its gradients', 'turn = Math.max(turn, span.turn)', 'turn ||= span.turn'],
    [
      'the embedding of a recurrent model lies first',
      "model === 'gpt' ? [first, ...layers, last] : [...layers, first, last]",
      '[first, ...layers, last]',
    ],
    ['the backward pass of the whole batch hides the exchange', '(seconds * share) / passes', 'seconds / passes'],
    ['the optimizer is shared too', 'compute + exposed + optimizer', 'compute + exposed + optimizer / devices'],
    ['a shared batch counts for each device', "(mode === 'strong' ? 1 : devices)", 'devices'],
  ),
  ...inFile(
    'ts/bench/device_steps.ts',
    'bench/scaling',
    ['the step of a peer is taken for ours', "bench === 'train' && by === ourselves", "bench === 'train'"],
    ['ops of another model of the file count', '&& name.startsWith(', '&& ('],
  ),
  ...inFile('ts/bench/shapes.ts', 'bench/scaling', [
    'the last norm of a model is forgotten',
    '2 * n_layers + 1 : 1',
    '2 * n_layers : 1',
  ]),
  ...inFile('ts/bench/scaling_table.ts', 'bench/scaling', [
    'bounds are called measured',
    'first.date === null',
    'first.date !== null',
  ]),
  ...inFile('ts/cli/bench_arguments.ts', 'bench/arguments', [
    'microseconds are taken for milliseconds',
    "amount('latency', latency, 0) / 1e6",
    "amount('latency', latency, 0) / 1e3",
  ]),
  ...seldom(
    inFile(
      'ts/bench/scaling.ts',
      'bench/scaling',
      ['the latency is that of one step of the ring', '+ 2 * (devices - 1) * latency', '+ latency'],
      ['nothing hides', 'Math.max(0, arrived - passed)', 'arrived'],
      ['buckets go as they lie in memory', 'return buckets.sort((a, b) => a.turn - b.turn)', 'return buckets'],
      ['the padding of the vocabulary is not exchanged', 'round(vocab_size, 128) * width', 'vocab_size * width'],
      ['a device may have half a sequence', 'Math.ceil(batch / devices) : batch', 'batch / devices : batch'],
      ['a thread may have half a sequence', 'Math.ceil(sequences / lanes)', 'sequences / lanes'],
      ['all passes of a thread hide the exchange', '(seconds * share) / passes', 'seconds * share'],
      ['minibatches are not counted', 'const compute = aggregate * share', 'const compute = share'],
      ['less than a half is at most a half', 'efficiency < 0.5', 'efficiency < 0.8'],
    ),
  ),
  ...seldom(
    inFile(
      'ts/bench/device_steps.ts',
      'bench/scaling',
      ['all norms are those of layers', 'parts.head += seconds / norms', 'parts.layers += seconds / norms'],
      ['of several runs the longest counts', 'seconds(step) < seconds(before)', 'seconds(step) > seconds(before)'],
      ['FLOPs and bytes take their time after each other', 'Math.max(flops / peak.flops,', '(flops / peak.flops +'],
      ['a GPU takes one sequence after the other', 'lanes: 1, slice: batch', 'lanes: 1, slice: 1'],
    ),
  ),
  ...seldom(
    inFile('ts/bench/shapes.ts', 'bench/scaling', ['a recurrent layer has one weight', '(twice ? 2 : 1)', '1']),
  ),
]
