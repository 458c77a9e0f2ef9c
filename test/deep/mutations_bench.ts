/** Planted mistakes of aot-bench. */
import { inFile } from './mutation.js'

export const bench = [
  ...inFile(
    'ts/bench/figures.ts',
    'bench/ops',
    ['the floor is that of what binds less', 'Math.max(flops / product', 'Math.min(flops / product'],
    ['MFU is of one sequence', '(shape.batch * shape.attn_length) / seconds', 'shape.attn_length / seconds'],
  ),
  ...inFile('ts/bench/table.ts', 'bench/table', [
    'the times of texts of different lengths are compared',
    'their && our ? our / their : row.time',
    'row.time',
  ]),
  ...inFile(
    'ts/bench/shapes.ts',
    'bench/shapes',
    ['attention counts the tokens that are masked', '((attn_length + 1) / 2)', 'attn_length'],
    ['the backward pass is as much as the forward pass', 'return 3 * (n_layers', 'return 2 * (n_layers'],
  ),
  ...inFile(
    'ts/bench/compare.ts',
    'bench/compare',
    [
      'a change is one whatever the noise',
      'const apart = before.high < after.low || after.high < before.low',
      'const apart = true',
    ],
    ['slower is called faster', "ratio > 1 ? 'slower' : 'faster'", "ratio > 1 ? 'faster' : 'slower'"],
  ),
  ...inFile('ts/bench/file.ts', 'bench/file', [
    'the runs before are forgotten',
    'runs: [...runsBefore(path, text), run]',
    'runs: [run]',
  ]),
  ...inFile('ts/cli/bench_command.ts', 'bench/command', [
    'a file of something else is found after the measurement',
    'if (json !== null) await checkJson(json)',
    '',
  ]),
  ...inFile('native/train/profile.cpp', 'bench/shapes', [
    'an op that is called again is counted once',
    'share.flops += op.flops(call.shape);',
    'share.flops = op.flops(call.shape);',
  ]),
  ...inFile('native/backend/op_table.cpp', 'ops/device', [
    'attention is counted as if it saw what comes after',
    '(window * (window + 1) / 2)',
    '(window * window)',
  ]),
]
