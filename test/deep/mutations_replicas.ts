/** Planted mistakes of several replicas: what they exchange, when, and what is kept of it. */
import { inFile, seldom } from './mutation.js'

export const replicas = [
  ...inFile(
    'native/dist/threads.cpp',
    'dist/replicas',
    ['the last replica is not added', 'rank < from.size(); rank++) {', 'rank + 1 < from.size(); rank++) {'],
    ['the first replica alone hears of the sum', 'sum(begin, end, shared.data);', 'sum(begin, end, {shared.data[0]});'],
  ),
  ...inFile(
    'native/dist/replicas.cpp',
    'dist/replicas',
    ['dropout as if the rows began anew', 'share.first_row += mine.begin;', 'share.first_row += 0;'],
    ['a step on what was not exchanged', 'if (!reduced_) replicas_[at]->reduce', 'if (false) replicas_[at]->reduce'],
    ['exchanged for ever', 'reduced_ = false;\n  issued->ticket', 'issued->ticket'],
  ),
  ...inFile('native/dist/replica_state.cpp', 'dist/replicas', [
    'a sum given to every replica',
    'share == 0 ? host : nullptr',
    'host',
  ]),
  ...inFile(
    'native/dist/buckets.cpp',
    'dist/parts',
    ['a bucket waits for its last parameter only', 'parts[piece]++;', 'parts[piece] = 1;'],
    ['the end of the block is in no bucket', '(elements + size - 1) / size', 'elements / size'],
  ),
  ...inFile(
    'native/dist/thread_group.cpp',
    'dist/parts',
    ['the second comer goes on', 'return calls >= meeting;', 'return calls > 0 || meeting > 0;'],
    ['the last word counts', 'if (over_.empty()) over_ = why;', 'over_ = why;'],
  ),
  ...inFile('native/cpu/cpu_backend.cpp', 'dist/replicas', [
    'complete after the first slice',
    'number + pool_.size() < slices ? nullptr : exchange',
    'exchange',
  ]),
  ...inFile('native/cpu/gradient_exchange.cpp', 'dist/replicas', [
    'the lanes are not added up before',
    'gradients_.fold(begin, end);',
    '(void)begin, (void)end;',
  ]),
  ...inFile('native/train/checkpoint.cpp', 'dist/replicas', [
    'each replica begins with the sum',
    'const bool same = shares == backend_->shares();',
    'const bool same = false;',
  ]),
  ...inFile('native/train/engine.cpp', 'dist/replicas', ['a minibatch after the last', 'if (last_)', 'if (false)']),
  ...inFile(
    'ts/train/world.ts',
    'train/world',
    ['each stops by himself', "(await this.world.allGather(wanted ? 'stop' : '')).includes('stop')", 'wanted'],
    ['any config will do', 'if (config !== configHash(run)) {', 'if (config === null) {'],
    ['any token file will do', 'if (difference === null) return', 'return'],
    ['the others keep no part in a save', "await write('')", ''],
  ),
  ...inFile(
    'ts/devices/share.ts',
    'train/world',
    [
      'every process takes the first devices',
      'devices.slice(place * each, (place + 1) * each)',
      'devices.slice(0, each)',
    ],
    ['all processes are on one machine', 'hosts.filter((other) => other === host).length', 'hosts.length'],
  ),
  ...seldom(
    inFile('native/dist/threads.cpp', 'dist/replicas', [
      'the last elements are nobody’s',
      'end = count * (local_ + 1) / ranks;',
      'end = count * (local_ + 1) / ranks - 1;',
    ]),
  ),
  ...seldom(
    inFile(
      'native/dist/replicas.cpp',
      'dist/replicas',
      [
        'a mean over the rows of one replica',
        'share.batch_tokens = static_cast<int64_t>(batch) * window;',
        'share.batch_tokens = static_cast<int64_t>(mine.count()) * window;',
      ],
      ['a loss of the rows of the first alone', 'losses ? losses + at : nullptr, body', 'losses, body'],
    ),
  ),
  ...seldom(
    inFile(
      'native/dist/replica_state.cpp',
      'dist/replicas',
      ['the gradients of the first replica', 'host[at] += share[static_cast<size_t>(at)]', 'host[at] += 0'],
      [
        'an exchanged sum is added up again',
        'if (block != Block::gradients || reduced_)',
        'if (block != Block::gradients)',
      ],
    ),
  ),
  ...seldom(
    inFile('native/dist/buckets.cpp', 'dist/parts', [
      'buckets that come late come first',
      'last[a] < last[b]',
      'last[a] > last[b]',
    ]),
  ),
  ...seldom(
    inFile('native/dist/thread_group.cpp', 'dist/parts', [
      'one who waits himself is named',
      'if (meetings_[other] >= meeting) continue;',
      '',
    ]),
  ),
  ...seldom(
    inFile('native/cpu/gradient_exchange.cpp', 'dist/replicas', [
      'what was left after the pass is not exchanged',
      'turn = left; turn < buckets_.count(); turn++) exchange',
      'turn = left; turn < left; turn++) exchange',
    ]),
  ),
  ...seldom(
    inFile('native/train/checkpoint.cpp', 'dist/replicas', [
      'the last share alone',
      'sum[i] += values[i];',
      'sum[i] = values[i];',
    ]),
  ),
]
