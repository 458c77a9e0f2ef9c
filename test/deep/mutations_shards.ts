/** Planted mistakes of token files in shards, and of merging them. */
import { inFile } from './mutation.js'

export const shards = [
  ...inFile('native/data/shard_check.cpp', 'data/token_shards', [
    'the header of a shard is not compared',
    'control, [](const char*, size_t) {}) != shard.header)',
    'control, [](const char*, size_t) {}) == "")',
  ]),
  ...inFile('native/data/shard_check.cpp', 'data/token_shards', [
    'a shard that has its size is taken for right',
    '|| !stamps.hold(i, *stamp)) unknown',
    ') unknown',
  ]),
  ...inFile('native/data/shard_stamps.cpp', 'data/token_shards', [
    'a stamp counts for whatever shard has the name',
    '(*row)[1] != shard.data',
    'false',
  ]),
  ...inFile('native/data/shard_list.cpp', 'data/token_shards', [
    'a % in the name of a shard is taken for a pattern',
    "byte == '%' ? 2 : 1",
    '1',
  ]),
  ...inFile('native/data/token_store.cpp', 'data/token_shards', [
    'every read of a shard begins at its first token',
    'read(offset - starts_[index], now, out)',
    'read(0, now, out)',
  ]),
  ...inFile(
    'native/data/shard_merge.cpp',
    'data/merge',
    [
      'a merge goes on with what was written of other shards',
      'if (note && note->source == list_.digest())',
      'if (note)',
    ],
    [
      'what was written before is not read again',
      'done_ = sound(InputFile(file_.temporary()), shards);',
      'done_ = shards;',
    ],
    ['what is done is thrown away when a merge breaks off', 'if (done_ > 0) {', 'if (done_ > count()) {'],
  ),
]
