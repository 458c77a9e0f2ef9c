// defines: aot::cpu::CpuBackend, aot::cpu::slice_batch, aot::make_cpu_backend
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/thread_pool.h"
#include "cpu/cpu_lane.h"
#include "cpu/gradient_exchange.h"
#include "cpu/isa.h"
#include "cpu/memory.h"

namespace aot::cpu {

// Sequences in the largest slice of a batch: as many slices for each thread as must be, and these as even as can be.
int slice_batch(int batch, int threads, int slice_sequences);

// A weight in the panels of its two products; null for parameters that are not matmul weights.
struct PackedWeight {
  void *forward = nullptr, *backward = nullptr;
};

// Every thread is a lane; slice s goes to lane s % threads, so with fewer sequences than threads the rest idle. Each
// lane sums its own gradients; optimizer_step() adds the lanes up in their order. Results depend on the number of
// threads (in the last bits) and on nothing else of the machine's timing.
class CpuBackend final : public Backend {
 public:
  CpuBackend(const ParameterTable& table, BackendOptions options);

  std::string description() const override;
  DType precision() const override { return precision_; }
  void read(Block block, int64_t offset, int64_t count, float* host) override;
  void write(Block block, int64_t offset, int64_t count, const float* host) override;
  void weights_changed() override;
  int slice_batch(int batch) const override;
  void reserve(size_t workspace) override;
  Ticket run(const Pass& pass, int batch, int window, const int32_t* inputs, const int32_t* targets, float* losses,
             const std::function<void(Lane&, const Slice&)>& body) override;
  void zero_gradients() override;
  void fold_gradients() override;
  Ticket optimizer_step(const AdamW& adamw, double* norm) override;
  void resume() override { failed_ = false; }
  std::string numerics() const override;
  void join(Communicator& communicator, const Buckets& buckets) override;
  void reduce_gradients() override;
  int lanes() const override { return pool_.size(); }

  // For the lanes.
  const Kernels& kernels() const { return isa_.kernels; }
  const float* weights() const { return weights_.floats(); }
  const PackedWeight& packed(ParameterId id) const;

 private:
  // Rows of a weight that are packed as one piece of work.
  struct PackJob {
    ParameterId id;
    int64_t begin, end;
  };

  void plan_packing();
  void check_range(int64_t offset, int64_t count) const;
  std::vector<float*> gradient_shares() const;
  // Of elements [begin, end): the shares' sum into the first, the others to zero.
  void fold(int64_t begin, int64_t end) const;

  DType precision_;
  int slice_sequences_;
  Isa isa_;
  ThreadPool pool_;
  MemoryBlock weights_, moment1_, moment2_, packed_block_;
  std::vector<PackedWeight> packed_;  // by ParameterId
  std::vector<PackJob> pack_jobs_;
  std::vector<std::unique_ptr<CpuLane>> lanes_;
  size_t workspace_ = 0;
  bool failed_ = false;                         // a norm was not finite
  std::unique_ptr<GradientExchange> exchange_;  // of a replica
};

}  // namespace aot::cpu

namespace aot {

std::unique_ptr<Backend> make_cpu_backend(const ParameterTable& table, BackendOptions options);

}  // namespace aot
