// defines: LayerSize, Place, HiddenOutput, sigmoid, and what a pass of a recurrent layer is
//
// A pass, forwards or backwards through the window of a GRU or an LSTM (gru.cu, lstm.cu), is a structure P that kernels
// take as an argument. It holds the equations; in which order units, sequences and tokens are gone through is the
// matter of recurrent_steps.cuh and recurrent_persistent.cuh, which both take every pass. A step is one token of one
// sequence for one hidden unit:
//
//   P::Element                    act
//   P::backwards                  from the last token to the first
//   P::depth, P::sums             a step's product sums over depth * width and gives a unit `sums` sums: of the hidden
//                                 state with a row of weight_hh for each gate; of all gates' gradients with a column
//   passed [n, depth * width]     the left side of the product: row `token` of it is the left side for `token`, or
//                                 backwards for the token before
//   from_state()                  the first step has a product as well
//   start(sequence, unit)         prepares the first step; returns what is carried into it
//   P::Inputs, load(place)        what a step needs from memory that no step of this pass has written
//   step(place, inputs, share, carried)    share: the unit's sums; carried: the fp32 state, from step to step
//   carried(sequence, unit)       the place of `carried` in device memory
#pragma once
#include "common.cuh"

namespace aot::cuda::recurrent {

struct Place {
  int sequence, token, unit;
};

struct LayerSize {
  int batch, window, width;
  __device__ __forceinline__ int64_t row(const Place& at) const {
    return static_cast<int64_t>(at.sequence) * window + at.token;
  }
};

// Where the hidden state goes for the layers above.
struct HiddenOutput {
  void* data;
  bool bf16_out;
  explicit HiddenOutput(Tensor out) : data(out.data), bf16_out(out.dtype == DType::bf16) {}
  __device__ __forceinline__ void store(int64_t at, float h) const {
    if (bf16_out) {
      static_cast<bf16*>(data)[at] = to_bf16(h);
    } else {
      static_cast<float*>(data)[at] = h;
    }
  }
};

__device__ __forceinline__ float sigmoid(float x) { return 1 / (1 + expf(-x)); }

}  // namespace aot::cuda::recurrent
