/** Planted mistakes of several replicas: what they exchange, when, and what is kept of it. */
import { inFile } from './mutation.js'

export const replicas = [
  ...inFile(
    'native/dist/threads.cpp',
    'dist/replicas',
    ['the last replica is not added', 'rank < from.size(); rank++) {', 'rank + 1 < from.size(); rank++) {'],
    ['the first replica alone hears of the sum', 'sum(begin, end, shared.data);', 'sum(begin, end, {shared.data[0]});'],
    [
      'the last elements are nobody’s',
      'end = count * (local_ + 1) / ranks;',
      'end = count * (local_ + 1) / ranks - 1;',
    ],
  ),
  ...inFile(
    'native/dist/replicas.cpp',
    'dist/replicas',
    ['dropout as if the rows began anew', 'share.first_row += mine.begin;', 'share.first_row += 0;'],
    [
      'a mean over the rows of one replica',
      'share.batch_tokens = static_cast<int64_t>(batch) * window;',
      'share.batch_tokens = static_cast<int64_t>(mine.count()) * window;',
    ],
    ['a step on what was not exchanged', 'if (!reduced_) replicas_[at]->reduce', 'if (false) replicas_[at]->reduce'],
    ['exchanged for ever', 'reduced_ = false;\n  issued->ticket', 'issued->ticket'],
    ['a loss of the rows of the first alone', 'losses ? losses + at : nullptr, body', 'losses, body'],
  ),
  ...inFile(
    'native/dist/replica_state.cpp',
    'dist/replicas',
    ['a sum given to every replica', 'share == 0 ? host : nullptr', 'host'],
    ['the gradients of the first replica', 'host[at] += share[static_cast<size_t>(at)]', 'host[at] += 0'],
    [
      'an exchanged sum is added up again',
      'if (block != Block::gradients || reduced_)',
      'if (block != Block::gradients)',
    ],
  ),
  ...inFile('native/dist/buckets.cpp', 'dist/replicas', [
    'a bucket waits for its last parameter only',
    'parts[piece]++;',
    'parts[piece] = 1;',
  ]),
  ...inFile('native/cpu/cpu_backend.cpp', 'dist/replicas', [
    'complete after the first slice',
    'number + pool_.size() < slices ? nullptr : exchange',
    'exchange',
  ]),
  ...inFile(
    'native/cpu/gradient_exchange.cpp',
    'dist/replicas',
    ['the lanes are not added up before', 'gradients_.fold(begin, end);', '(void)begin, (void)end;'],
    [
      'what was left after the pass is not exchanged',
      'turn = left; turn < buckets_.count(); turn++) exchange',
      'turn = left; turn < left; turn++) exchange',
    ],
  ),
  ...inFile(
    'native/train/checkpoint.cpp',
    'dist/replicas',
    ['each replica begins with the sum', 'const bool same = shares == backend_->shares();', 'const bool same = false;'],
    ['the last share alone', 'sum[i] += values[i];', 'sum[i] = values[i];'],
  ),
  ...inFile('native/train/engine.cpp', 'dist/replicas', ['a minibatch after the last', 'if (last_)', 'if (false)']),
]
