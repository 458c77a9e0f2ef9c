// defines: aot::cuda::CudaBackend
#pragma once
#include <array>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "cublaslt.h"
#include "cuda_lane.h"
#include "exchange.h"
#include "kernels.h"
#include "runtime.h"

namespace aot::cuda {

// One lane, which takes the whole batch as one slice, issued to one stream. Host batches come through pinned memory on
// a stream of their own, in two slots by turns, so that a batch is on its way while the one before is worked on. A pass
// that has a name (Pass::graph) is run once as it comes, captured the second time, and replayed from then on. One that
// exchanges gradients (Pass::reduce) is captured in pieces: the exchanges between them are issued each time.
class CudaBackend final : public Backend {
 public:
  CudaBackend(const std::string& device, const ParameterTable& table, BackendOptions options);
  ~CudaBackend() override;
  CudaBackend(const CudaBackend&) = delete;
  CudaBackend& operator=(const CudaBackend&) = delete;

  std::string description() const override;
  DType precision() const override { return precision_; }
  void read(Block block, int64_t offset, int64_t count, float* host) override;
  void write(Block block, int64_t offset, int64_t count, const float* host) override;
  void weights_changed() override;
  int slice_batch(int batch) const override { return batch; }
  void reserve(size_t workspace) override;
  bool works_ahead() const override { return true; }
  void wait(Ticket ticket) override;
  Ticket run(const Pass& pass, int batch, int window, const int32_t* inputs, const int32_t* targets, float* losses,
             const std::function<void(Lane&, const Slice&)>& body) override;
  void zero_gradients() override;
  void fold_gradients() override {}  // there is but one lane
  Ticket optimizer_step(const AdamW& adamw, double* norm) override;
  void resume() override;
  std::string numerics() const override;
  void join(Communicator& communicator, const Buckets& buckets) override;
  void reduce_gradients() override;
  size_t peak_memory() const override { return DeviceMemory::peak(); }

 private:
  // A batch on its way: PassArguments, then inputs, targets and the rows sorted by input id, each [tokens].
  struct Slot {
    PinnedMemory host;
    DeviceMemory device;
    Event uploaded = nullptr, taken = nullptr;
  };
  // Work that was issued, and what the host is to get of it, which lies in pinned memory until it is waited for.
  struct Issued {
    PinnedMemory pinned;
    Event done = nullptr;
    Ticket ticket = 0;
    void* host = nullptr;  // null: nothing, or it has it
    size_t bytes = 0;
  };
  struct Piece {
    Graph graph = nullptr;
    int exchanged = 0;  // the turn up to which buckets are exchanged after it
  };
  struct Captured {
    std::vector<Piece> pieces;
    bool warm = false;  // run once, so that all memory it needs is there
  };
  using GraphKey = std::tuple<std::string, int, int, uint64_t, bool, bool, bool, int64_t>;

  float* block(Block block, int64_t offset, int64_t count) const;
  void reserve_batch(int64_t tokens);
  void upload(const Pass& pass, int64_t tokens, const int32_t* inputs, const int32_t* targets);
  // Issues body as it comes, captured or replayed. key: what its launches depend on.
  void issue(const GraphKey* key, const std::function<void()>& body);
  // Ends a piece of what is captured, and begins the next.
  void capture(Captured& captured, const std::function<void()>& body);
  void end_piece(int exchanged);
  void gradients_final(ParameterId first, ParameterId last);
  void drop_graphs();
  // On the host.
  void wait_for(Event event);
  // Copies `bytes` of device memory to `host` when the work issued so far is done and waited for.
  Ticket promise(void* host, const void* device, size_t bytes);
  void keep_promise(Issued& issued);

  const std::string name_;
  const int index_;
  const DType precision_;
  DeviceProperties properties_;
  Stream stream_ = nullptr, copy_stream_ = nullptr;
  std::unique_ptr<CublasLt> cublaslt_;
  DeviceMemory weights_, gradients_, moment1_, moment2_, bf16_weights_;
  DeviceMemory arena_, batch_, losses_, step_;  // step_: AdamWStep, then StepResult
  std::array<Issued, 8> issued_;                // ticket t in number t % 8
  Ticket tickets_ = 0;
  Slot slots_[2];
  int turn_ = 0;
  int64_t batch_tokens_ = 0;  // that the batch's memory holds
  std::vector<int32_t> counts_;
  Workspace workspace_;
  std::map<GraphKey, Captured> graphs_;
  Captured* capturing_ = nullptr;
  std::unique_ptr<Exchange> exchange_;  // null: no replica of a group
  Context context_;
  std::unique_ptr<CudaLane> lane_;
};

}  // namespace aot::cuda
