/** Planted mistakes in the encoder of pieces, the counts of words and the trainer. */
import { native } from '../../ts/native.js'
import { inFile, type Mutation } from './mutation.js'

const { encodePieces, train } = native.tokenizerParts
/** Only a processor that has the instructions can notice these. */
const lanes =
  encodePieces(train([], [], [], 257), [], 'avx2') === null
    ? []
    : [
        ...inFile(
          'native/tokenizer/trie_lanes.h',
          'tokenizer/trie',
          ['a token goes on past the end of its piece', 'lanes = Vectors::less(lanes, from, end);', ''],
          [
            'the limit stays that of the token before',
            'limit = Vectors::select(checks, Vectors::all(none), limit);',
            '',
          ],
        ),
        ...inFile(
          'native/tokenizer/plain_text_blocks.h',
          'tokenizer/plain_text',
          ['a lead at the end of a block asks for nothing', 'three >> 62 | four >> 61;', 'three >> 62;'],
          ['surrogates are characters', '(large_before & 1)) & ~below_a0', '(large_before & 1)) & 0'],
          [
            'U+2029 is a character like others',
            '(I::equal(third, 0xA8) | I::equal(third, 0xA9))',
            'I::equal(third, 0xA8)',
          ],
          [
            'what was begun before the block is taken',
            'plain_end_scalar(from - begun, end)',
            'plain_end_scalar(from, end)',
          ],
        ),
      ]

export const encoder: Mutation[] = [
  ...lanes,
  ...inFile(
    'native/tokenizer/trie_tables.h',
    'tokenizer/trie',
    ['of equal tokens the right merge came first', 'limit = right + 1;', 'limit = right;'],
    [
      'only the first place of a merge is looked at',
      'slot = (slot + 1) & mask) {',
      'slot = mask + 1) { if (slot > mask) return false;',
    ],
  ),
  ...inFile('native/tokenizer/bpe_encoder.cpp', 'tokenizer/encoder', [
    'the length of a piece is not remembered with it',
    'key.words[3] |= uint64_t{bytes} << 56;',
    '',
  ]),
  ...inFile('native/tokenizer/word_counts.cpp', 'tokenizer/word_counts', [
    'the words that wait at the end of a merge are lost',
    'while (first < last) add_first();',
    '',
  ]),
  ...inFile('native/tokenizer/bpe_trainer.cpp', 'tokenizer/trainer', [
    'the last of a portion is looked at too early',
    'look_at_neighbours(merged_.size() - 1);',
    'look_at_neighbours(merged_.size());',
  ]),
]
