/** Planted mistakes of tokenizers and of what reads text for them. */
import { inFile } from './mutation.js'

export const tokenizer = [
  ...inFile('native/tokenizer/bpe_trainer.cpp', 'tokenizer/trainer', [
    'of pairs that occur as often, the larger is merged first',
    'count < other.count : key > other.key',
    'count < other.count : key < other.key',
  ]),
  ...inFile(
    'native/tokenizer/pretokenize.cpp',
    'tokenizer/pretokenize',
    [
      'white space keeps its last character',
      'if (run_class == CharClass::space && at < bytes && last > start) at = last;',
      '',
    ],
    ['a text is cut inside a contraction', ' && !contraction) return end;', ') return end;'],
  ),
  ...inFile('native/tokenizer/unicode_classes.cpp', 'tokenizer/pretokenize', [
    'U+0085 is no white space',
    'fill(space_ranges, CharClass::space);',
    'fill(space_ranges, CharClass::space);\n  all[0x85] = CharClass::other;',
  ]),
  ...inFile('native/tokenizer/bpe_model.cpp', 'tokenizer/encoder', [
    'a pair that stands several times in a word is merged from the right',
    'rank > other.rank : position > other.position',
    'rank > other.rank : position < other.position',
  ]),
  ...inFile('native/tokenizer/tokenizer_model.cpp', 'tokenizer/encoder', [
    'the error about a foreign id does not say where foreign ids come from',
    ' +\n                                ": the ids come from another tokenizer");',
    ');',
  ]),
  ...inFile('native/tokenizer/tokenizer_file.cpp', 'tokenizer/files', [
    'a number past the range of doubles is no fault of the file',
    'damaged("a number is too large");',
    'throw;',
  ]),
  ...inFile('native/tokenizer/tokenizer_json_save.cpp', 'tokenizer/files', [
    'merges of tokens with white space are written in one string',
    'if (as_pairs) {',
    'if (as_pairs && rank > parts.merges.size()) {',
  ]),
  ...inFile('native/tokenizer/utf8.cpp', 'tokenizer/encoder', [
    'each byte of a cut character is decoded to a mark of its own',
    'if (i >= text.size()) return i;',
    'if (i >= text.size()) return 1;',
  ]),
]

export const text = [
  ...inFile(
    'native/tokenizer/text_cleaner.cpp',
    'tokenize/reader',
    [
      'CR LF is two lines where a read ends between them',
      "after_carriage_return_ && *from == '\\n';",
      "after_carriage_return_ && *from == '\\n' && from > data;",
    ],
    [
      'a byte order mark is dropped after other bytes too',
      'at_start_ = false;\n      invalid_bytes_++;',
      'invalid_bytes_++;',
    ],
    ['U+2029 stays', 'from[1] == 0x80 && (from[2] & 0xFE) == 0xA8;', 'from[1] == 0x80 && from[2] == 0xA8;'],
  ),
  ...inFile('native/tokenizer/text_reader.cpp', 'tokenize/reader', [
    'invalid bytes are counted in the last file alone',
    'report_.invalid_bytes += cleaner_',
    'report_.invalid_bytes = cleaner_',
  ]),
  ...inFile('native/tokenizer/tokenizer_model.cpp', 'tokenize/characters', [
    'special tokens are decoded though they are to be left out',
    '!skip_special || ',
    'true || ',
  ]),
  ...inFile('native/tokenizer/chunk_cutter.cpp', 'tokenize/characters', [
    'a text of characters is cut inside of an added token',
    'while (cut > 0 && inside_added_token(view, cut))',
    'while (false)',
  ]),
  ...inFile('native/tokenizer/char_model.h', 'tokenize/characters', [
    'the unknown token stands for unknown characters below the last known one alone',
    'ids_[code_point] : unknown_;',
    'ids_[code_point] : none;',
  ]),
  ...inFile('native/tokenizer/encode_units.cpp', 'tokenize/encode_files', [
    'a vocabulary of 2^16 is written as int32',
    '<= uint16_ids ? TokenDType::uint16',
    '< uint16_ids ? TokenDType::uint16',
  ]),
]
