/** Planted mistakes of GRU and LSTM. */
import { inFile } from './mutation.js'

export const recurrent = [
  ...inFile(
    'native/cpu/gru.cpp',
    'ops/gru',
    [
      'r and z change places',
      'const Vec r = sigmoid(load(gate + i, lanes) + sum(i));',
      'const Vec r = sigmoid(load(gate + width + i, lanes) + sum(i));',
    ],
    [
      'z weighs the candidate',
      'fma(z, load(h + i, lanes) - n, n)',
      'fma(z, n - load(h + i, lanes), load(h + i, lanes))',
    ],
    [
      'the gradient of r lacks the candidate',
      ' * load(candidate + row * width + i, lanes) * r * (one - r)',
      ' * r * (one - r)',
    ],
    ['the gradient does not flow along z', 'store(dh + i, d * z, lanes);', 'store(dh + i, Vec{}, lanes);'],
    ['the gradient stops a token early', 'if (t > 0) carry_back(', 'if (t > 1) carry_back('],
    ['the state given is forgotten', 'if (from_zero) __builtin_memset(state', 'if (true) __builtin_memset(state'],
  ),
  ...inFile(
    'native/cpu/lstm.cpp',
    'ops/lstm',
    [
      'the output gate sees the cell before',
      'shown = o * hyperbolic_tangent(next);',
      'shown = o * hyperbolic_tangent(load(c + i, lanes));',
    ],
    [
      'the cell of the next sequence is the one before',
      'const float* before = t > 0 ? cell',
      'const float* before = row > 0 ? cell',
    ],
    [
      'the gradient of the cell is not carried',
      'store(dc + i, dcell * forget, lanes);',
      'store(dc + i, Vec{}, lanes);',
    ],
  ),
  ...inFile('native/cpu/recurrent.h', 'ops/gru', [
    'the hidden share of every token is that of the first',
    'multiply_to<T, false>(left, packed_',
    'if (previous == nullptr) multiply_to<T, false>(left, packed_',
  ]),
  ...inFile(
    'native/cpu/gates.h',
    'ops/lstm',
    ['tanh is even', 'select(greater(x, Vec{}), far, -far)', 'far'],
    ['tanh near 0 lacks its cubic term', 'fma(p * z, x, x)', 'x'],
  ),
  ...inFile(
    'native/models/rnn.cpp',
    'engine/engine',
    ['dropout after the last layer too', 'i + 1 < n_layers ? dropout : 0', 'dropout'],
    [
      'no dropout between the layers in the backward pass',
      'lane.dropout_forward(slice, stream, layer.output_dropout, stream);',
      ';',
    ],
    [
      'the bias of the hidden share has no gradient',
      'layer.weight_hh,\n                                layer.bias_hh);',
      'layer.weight_hh,\n                                no_parameter);',
    ],
  ),
  ...inFile('native/models/rnn.cpp', 'engine/generate', [
    'generation forgets what came before',
    'forward(lane, slice, activations, first_position == 0, states);',
    'forward(lane, slice, activations, true, states);',
  ]),
  ...inFile('native/cpu/cpu_backend.cpp', 'engine/engine', [
    'a slice leaves out its last sequence',
    'std::min(most, batch - slice.first)',
    'std::max(1, std::min(most, batch - slice.first) - 1)',
  ]),
]
