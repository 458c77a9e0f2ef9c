/** Planted mistakes of the processes of one job: their collectives, how it is noticed that one is gone, its end. */
import { inFile, seldom } from './mutation.js'

export const world = [
  ...inFile('native/dist/mpi_channel.cpp', 'dist/world', [
    'the sum begins with what the rank itself has',
    'std::copy_n(segments, own_length, data + own);',
    '',
  ]),
  ...inFile('native/dist/mpi_world.cpp', 'dist/world', [
    'channels take the messages of each other',
    'mpi_, channels_++,',
    'mpi_, 0 * channels_++,',
  ]),
  ...inFile('native/dist/monitor.cpp', 'dist/world', [
    'a closed connection is no death',
    'if (!process.left) give_up(name(rank) + " died");',
    '',
  ]),
  ...seldom(
    inFile(
      'native/dist/mpi_channel.cpp',
      'dist/world',
      ['each keeps its share of a large broadcast', 'if (!small) gather(piece, ends);', ''],
      [
        'what does not go at once is not gathered',
        'for (size_t done = 0; done < longest; done += most) {',
        'for (size_t done = 0; done < std::min(longest, most); done += most) {',
      ],
    ),
  ),
  ...seldom(
    inFile(
      'native/dist/monitor.cpp',
      'dist/world',
      ['who does not come is not noticed', 'if (process.entered[channel] == most || process.left) {', 'if (true) {'],
      ['a failure may have several lines', "c == '\\n' || c == '\\r'", "c == '\\0'"],
    ),
  ),
  ...seldom(
    inFile('native/addon/world_addon.cpp', 'dist/world', [
      'who ends too early does not say so',
      'world->fail("it has ended before its work was done");',
      'world->rank();',
    ]),
  ),
  ...seldom(
    inFile('native/dist/mpi.cpp', 'dist/world', [
      'processes that MPI does not know of run for themselves',
      'if (launch.size > 0 && mpi->size_ != launch.size) {',
      'if (launch.size < 0) {',
    ]),
  ),
  ...seldom(
    inFile(
      'native/dist/monitor.cpp',
      'dist/world',
      ['who was stopped takes the others for silent', 'process.heard = now;', ''],
      ['the others are not told why', 'tell(MessageKind::over, line);', ''],
    ),
  ),
]
