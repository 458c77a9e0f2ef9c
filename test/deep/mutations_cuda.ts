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
]
