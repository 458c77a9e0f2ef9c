/** The planted mistakes of the kernels, as the emulated device runs them. */
import { inFile } from './mutation.js'

export const cuda = [
  ...inFile(
    'cuda/gemm_bf16.cu',
    'ops/linear',
    [
      'tiles are read before the copies of other threads have come',
      "    __syncthreads();  // the step's tiles are there for all, and the ones before them are free\n",
      '',
    ],
    ['a tile is read one copy too early', 'cp_async_wait<stages - 2>();', 'cp_async_wait<stages - 1>();'],
    ['half a piece is copied from the next row', 'max(count - 4, 0) * 2', '8'],
  ),
  ...inFile('cuda/gemm_fp32.cu', 'ops/linear', [
    'fp32 tiles are overwritten while others read them',
    '    __syncthreads();\n  }\n',
    '  }\n',
  ]),
  ...inFile('cuda/linear.cu', 'ops/linear', [
    'the second share of a split product is left out',
    'for (int split = 1; split < splits; split++)',
    'for (int split = 2; split < splits; split++)',
  ]),
  ...inFile('cuda/gemm.cuh', 'ops/linear', [
    "GELU's derivative is not written",
    '      store4(static_cast<E*>(f.aux) + at, other, count, whole);\n',
    '',
  ]),
  ...inFile(
    'cuda/cross_entropy.cu',
    'ops/cross_entropy',
    [
      "the target's gradient is a difference of near equals",
      'column + i == target ? -sum.others : exp_fast(v[i] - sum.largest)',
      'exp_fast(v[i] - sum.largest) - (column + i == target ? total : 0)',
    ],
    ['the sums of a row are joined before all warps have theirs', '  __syncthreads();\n', ''],
  ),
  ...inFile('cuda/cublaslt.cpp', 'devices/cublaslt', [
    'the library keeps the first bias it was given',
    'if (bias) plan->set(desc_bias_pointer, bias);',
    '',
  ]),
  ...inFile(
    'cuda/layernorm.cu',
    'ops/layernorm',
    [
      'the sums of a row are read before all warps have theirs',
      '    __syncthreads();\n    sum = weighted = 0;',
      '    sum = weighted = 0;',
    ],
    ['two rows share the place of their sums', 'turn ^= 1)', 'turn ^= 0)'],
  ),
  ...inFile(
    'cuda/embedding.cu',
    'ops/embedding',
    [
      "a token's gradient is added once for each of its rows",
      '  if (first > 0 && inputs[order[first - 1]] == id) return;\n',
      '',
    ],
    ['the sums of a token are added before all are there', '  __syncthreads();\n', ''],
  ),
  ...inFile('cuda/adamw.cu', 'devices/emulated', [
    'a step after one that failed is taken',
    '  if (blockIdx.x == 0 && threadIdx.x == 0) result->stopped = result->failed;\n',
    '',
  ]),
  ...inFile(
    'cuda/attention_forward.cu',
    'ops/attention',
    [
      'attention reads keys before the copies of other threads have come',
      '__syncthreads();  // this tile is here for all',
      '// this tile is here for all',
    ],
    [
      'keys are loaded over those in use',
      'const int other = (buffer ^ 1) * S::tile;',
      'const int other = buffer * S::tile;',
    ],
    ['a sum is not scaled when the largest score changes', 'sums.sum[t][half] *= correction;', ''],
  ),
  ...inFile('cuda/attention_tiles.cuh', 'ops/attention', [
    'the mask of the transposed scores is that of the scores',
    'words[transposed ? n * 2 + half : half * 2 + n]',
    'words[half * 2 + n]',
  ]),
  ...inFile('cuda/attention_backward.cu', 'ops/attention', [
    'delta suffers from the rounding of the output',
    'delta[t][half] + sum',
    'delta[t][half]',
  ]),
  ...inFile('cuda/attention_fp32.cu', 'ops/attention', [
    'a tile is overwritten while others read it',
    'add_product<S>(out, square, values, at);\n    __syncthreads();',
    'add_product<S>(out, square, values, at);\n',
  ]),
  ...inFile('cuda/attention_decode.cu', 'ops/attention', [
    'the newest key is read from the cache, where it is not yet',
    'key == a.position ? new_key : keys + key * stride',
    'keys + key * stride',
  ]),
  ...inFile(
    'cuda/recurrent_persistent.cuh',
    'ops/recurrent_paths',
    ['a step does not wait for the other blocks', 'if (first == 0) wait_for(counter, arrivals);', ''],
    ['the barriers go on from what memory held', '  fill(counters, 0, bytes, context.stream);\n', ''],
    ['all tiles arrive at one barrier', 'counters + blockIdx.y * counter_stride', 'counters'],
    ['sums are taken before all warps have theirs', "          __syncthreads();  // all warps' sums are there\n", ''],
    [
      'sums are overwritten before they are taken',
      'if (first > 0 || tile > 0) __syncthreads();  // the sums before have been taken',
      '',
    ],
    ['the product is made with weights that are on their way', '  cp_async_wait<0>();\n', ''],
    ['backwards a step reads what its own token left', 'token + P::backwards', 'token'],
    [
      'every pass takes the state of the first',
      'carried[at * units + tile * 8 + unit]',
      'carried[(group * 32 + row) * units + tile * 8 + unit]',
    ],
  ),
  ...inFile('cuda/recurrent_steps.cuh', 'ops/gru', [
    'backwards a step reads what its own token left',
    '(P::backwards ? token + 1 : token)',
    'token',
  ]),
  ...inFile('cuda/recurrent_plan.cpp', 'cuda/recurrent_plan', [
    'more blocks than fit are to wait for each other',
    ' || blocks > multiprocessors * resident(static_cast<int>(i), shared_bytes)',
    '',
  ]),
  ...inFile(
    'cuda/gru.cu',
    'ops/gru',
    ['the reset gate is left out', 'fmaf(r, h_n, x.n)', 'h_n + x.n'],
    ['what goes past the gates is lost', 'carried = d * x.z;', 'carried = 0;'],
  ),
  ...inFile(
    'cuda/lstm.cu',
    'ops/lstm',
    [
      'forget and cell gate change places',
      'const float values[4] = {in, forget, g, o};',
      'const float values[4] = {in, g, forget, o};',
    ],
    ['the state keeps the hidden state it had', '      *hidden(at.sequence, at.unit) = h;\n', ''],
    [
      'the first token sees a cell before it',
      'at.token > 0 ? cell[place - size.width] : 0',
      'cell[max(place - size.width, int64_t{0})]',
    ],
  ),
]
