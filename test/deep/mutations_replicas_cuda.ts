/** The planted mistakes of replicas on GPUs. */
import { inFile, seldom } from './mutation.js'

export const replicasCuda = [
  ...inFile(
    'cuda/peer_communicator.cpp',
    'cuda/exchange',
    ['shares are copied before they are ready', '    wait(stream, other.ready);\n', ''],
    [
      'a sum is taken for done while others still write to it',
      '  for (const Place& place : group_->places) wait(stream, place.done);\n',
      '',
    ],
    ['shares are added in the order of their copies', 'other < rank_ ? other : other - 1', 'i - 1'],
  ),
  ...inFile('cuda/add_shares.cu', 'cuda/exchange', [
    'what is left after whole packs is not added',
    'int64_t i = 4 * packs + first; i < count;',
    'int64_t i = 4 * packs + first; i + 3 < count;',
  ]),
  ...inFile('cuda/exchange.cpp', 'devices/replicas_emulated', [
    'gradients are exchanged before they are made',
    '  cuda::wait(stream_, made_);\n',
    '',
  ]),
  ...inFile('native/dist/nccl.cpp', 'devices/nccl', [
    'an error of another rank is not seen',
    '    if (error != success && error != in_progress) end("ncclAllReduce", error);\n',
    '',
  ]),
  ...seldom(
    inFile(
      'cuda/peer_communicator.cpp',
      'cuda/exchange',
      ['nobody hears that a rank has sent its sum', '  record(own.done, stream);\n', ''],
      ['the share of another segment is added', 'stride, other.data + begin,', 'stride, other.data,'],
      [
        'the last float of a segment is not sent',
        '    if (begin < end) copy(other.data + begin, data + begin, bytes_of(end - begin), stream);',
        '    if (begin < end) copy(other.data + begin, data + begin, bytes_of(end - begin - 1), stream);',
      ],
    ),
  ),
  ...seldom(
    inFile(
      'cuda/exchange.cpp',
      'devices/replicas_emulated',
      ['the step does not wait for the sums', '  cuda::wait(stream, summed_);\n', ''],
      [
        'a bucket is exchanged one too early',
        'progress_.complete(end)) end++;',
        'progress_.complete(end)) end++;\n  if (end < count()) end++;',
      ],
    ),
  ),
  ...seldom(
    inFile(
      'cuda/cuda_backend.cpp',
      'devices/replicas_emulated',
      ['a graph without exchanges is replayed for a pass with them', 'want_losses, reduce,', 'want_losses, false,'],
      ['a replayed pass exchanges nothing', '    if (exchange_) exchange_->issue(piece.exchanged, stream_);\n', ''],
    ),
  ),
  ...seldom(
    inFile(
      'native/dist/nccl.cpp',
      'devices/nccl',
      [
        'ranks of a process join one after the other',
        '    note(nccl.group_start(), "ncclGroupStart", group->devices[0]);\n',
        '',
      ],
      [
        'kernels that wait for a rank that is gone go on',
        '      if (handle) nccl->abort(std::exchange(handle, nullptr));\n',
        '',
      ],
      ['a library that is too old is taken', 'version < oldest', 'version < 0'],
    ),
  ),
  ...seldom(
    inFile('cuda/cuda_backend.cpp', 'devices/replicas_emulated', [
      'a graph is replayed for a batch of another size',
      '                     slice.batch_tokens);',
      '                     0);',
    ]),
  ),
]
