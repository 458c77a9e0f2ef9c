// defines: aot::cuda::Exchange
#pragma once
#include "dist/buckets.h"
#include "dist/communicator.h"
#include "runtime.h"

namespace aot::cuda {

// The sums of a replica's gradients over its group, on a stream of their own, beside the backward pass that is still
// making the gradients of earlier layers. Buckets go strictly in their turn.
class Exchange {
 public:
  // gradients: the block, on the device that is selected.
  Exchange(Communicator& communicator, const Buckets& buckets, float* gradients);
  // Waits until no device uses the gradients any more.
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  int count() const { return buckets_.count(); }
  // Before the gradients of a batch are made.
  void begin();
  // No more will be added to the gradients of these parameters by what is issued from now on. Returns the turn up to
  // which buckets are complete.
  int final(ParameterId first, ParameterId last);
  // How many were exchanged.
  int turn() const { return turn_; }
  // Exchanges the buckets before turn `end` when the stream has done what was issued to it so far.
  void issue(int end, Stream stream);
  // What is issued to the stream from now on finds the sums.
  void join(Stream stream);
  // On the host; AOT_DEVICE when the group is over.
  void wait(Event event) const;

 private:
  Communicator& communicator_;
  const Buckets& buckets_;
  float* const gradients_;
  BucketProgress progress_;
  Stream stream_;
  Event made_, summed_;
  int turn_ = 0;
  bool joined_ = true;
};

}  // namespace aot::cuda
