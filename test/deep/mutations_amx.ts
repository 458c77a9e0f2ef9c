/** Planted mistakes in products in tiles of AMX: only a processor that has them can notice. */

import { native } from '../../ts/native.js'
import { inFile, type Mutation } from './mutation.js'

const planted = [
  ...inFile(
    'native/cpu/amx.h',
    'ops/linear',
    [
      'the lower half of a tile is computed from the upper rows',
      '_tile_dpbf16ps(2, 5, 6);',
      '_tile_dpbf16ps(2, 4, 6);',
    ],
    ['the right half of a tile is that of the left', '_tile_loadd(7, b + W, b_row);', '_tile_loadd(7, b, b_row);'],
  ),
  ...inFile('native/cpu/amx.h', 'ops/cross_entropy', [
    'what a tile held before is lost',
    'if (accumulate) {',
    'if (false) {',
  ]),
  ...inFile('native/cpu/gemm.h', 'ops/linear', [
    'the last step of a row takes what lies behind it',
    'if (padded == k) {',
    'if (k % 2 == 0) {',
  ]),
  ...inFile('native/cpu/gemm.h', 'ops/linear', [
    'every second row of a transposed operand is lost',
    '(begin + i) * 2 + 1 < k ? first + ld : nullptr',
    'nullptr',
  ]),
]

export const amx: Mutation[] = native.availableIsas().includes('amx') ? planted : []
