/** Planted mistakes of work units: where they are cut, how they are read, counted and noted. */
import { inFile } from './mutation.js'

export const units = [
  ...inFile(
    'native/tokenizer/unit_cut.cpp',
    'tokenize/units',
    ['a line end is cut in two', " || text[at - 1] == '\\r'", ''],
    ['a contraction is cut in two', " || (text[at - 1] == '\\'' && y == CharClass::letter)", ''],
    [
      'an added token is cut in two',
      'return !cutter_.inside_added_token(',
      'return true || !cutter_.inside_added_token(',
    ],
    ['the cut before serves for any place', 'cuts[i - 1] >= requests[i].at', 'cuts[i - 1] > 0'],
  ),
  ...inFile(
    'native/tokenizer/text_reader.cpp',
    'tokenize/units',
    ['every stretch may begin with a byte order mark', 'TextCleaner(stretch().begin == 0)', 'TextCleaner(true)'],
    ['a file may change while it is read', 'if (file_->state() != state_)', 'if (file_->size() < 0)'],
    [
      'a file may be another than was planned',
      'if (state_.size != stretch().file_size)',
      'if (state_.size < stretch().begin)',
    ],
  ),
  ...inFile(
    'native/tokenizer/count_file.cpp',
    'tokenize/units',
    ['damaged counts are taken', 'if (bytes.take(digest_digits) != digest)', 'if (bytes.take(digest_digits).empty())'],
    ['counts of another text are taken', 'if (summary.plan != plan)', 'if (plan.empty())'],
  ),
  ...inFile('native/tokenizer/count_units.cpp', 'tokenize/units', [
    'what was written out before is forgotten',
    'occurrences_ += counts_.occurrences();',
    'occurrences_ = counts_.occurrences();',
  ]),
]
