// defines: aot::Replicas, aot::ReplicaOptions
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/thread_pool.h"
#include "dist/buckets.h"
#include "dist/communicator.h"
#include "dist/world.h"

namespace aot {

struct ReplicaOptions {
  double stall_seconds = 600;   // how long a replica waits for another
  int64_t bucket_elements = 0;  // 0: what suits the device
};

// One model on several devices, of this process and of the others of the world: each holds a replica, takes its run of
// the rows of every batch, and steps alike on the sum of all gradients. To the engine it is one backend; passes without
// targets, which are no training, are for the first replica of the process alone: alone().
//
// Replica g of G, counted over the processes in their order, has rows [g*B/G, (g+1)*B/G) of a batch of B, maybe none.
// With several processes, run() with targets, the waits for it, optimizer_step() and whatever concerns gradients are
// collective: all processes make the same calls in the same order.
class Replicas final : public Backend {
 public:
  // order: Model::gradient_order(). The world outlives this. AOT_DEVICE for a device that is not there, for devices
  // that do not compute alike, and as the communicators say.
  Replicas(const std::vector<std::string>& devices, const ParameterTable& table, const std::vector<ParameterId>& order,
           BackendOptions backend, const ReplicaOptions& options, std::shared_ptr<World> world);

  std::string description() const override;
  DType precision() const override { return replicas_[0]->precision(); }
  std::string numerics() const override { return replicas_[0]->numerics(); }
  // Gradients: the sum of all replicas' shares.
  void read(Block block, int64_t offset, int64_t count, float* host) override;
  // Gradients: the share of the first replica of the world; those of the others become zero.
  void write(Block block, int64_t offset, int64_t count, const float* host) override;
  void weights_changed() override;
  int slice_batch(int batch) const override;
  void reserve(size_t workspace) override;
  bool works_ahead() const override { return replicas_[0]->works_ahead(); }
  void wait(Ticket ticket) override;
  Ticket run(const Pass& pass, int batch, int window, const int32_t* inputs, const int32_t* targets, float* losses,
             const std::function<void(Lane&, const Slice&)>& body) override;
  void zero_gradients() override;
  void fold_gradients() override;
  Ticket optimizer_step(const AdamW& adamw, double* norm) override;
  void resume() override;
  void join(Communicator&, const Buckets&) override;  // AOT_INTERNAL: it is a group itself
  void reduce_gradients() override;
  Backend& alone() override { return *replicas_[0]; }
  int shares() const override { return reduced_ ? 1 : total_; }
  void read_share(int share, int64_t offset, int64_t count, float* host) override;
  void write_share(int share, int64_t offset, int64_t count, const float* host) override;
  void spread() override;
  void check_alike() override;
  int lanes() const override;
  size_t peak_memory() const override { return replicas_[0]->peak_memory(); }

 private:
  struct Rows {
    int begin, end;
    int count() const { return end - begin; }
  };
  // What the host is to get when it waits.
  struct Issued {
    Ticket ticket = 0;
    std::vector<Ticket> tickets;  // by replica
    float* losses = nullptr;      // of a pass
    int batch = 0, window = 0;
    double* norm = nullptr;     // of an optimizer step
    std::vector<double> norms;  // by replica
  };

  // body(i) for each replica of this process at the same time; the first that fails ends the others' waits.
  void each(const std::function<void(int replica)>& body);
  Rows rows(int batch, int replica) const;  // replica: of the world
  int owner(int replica) const;             // the process that has it
  void check_numerics(const std::vector<std::string>& devices, int64_t bucket_elements);
  void gather_losses(const Issued& issued);

  const std::shared_ptr<World> world_;
  std::unique_ptr<Channel> channel_;  // of what the host exchanges; null in a world of one
  std::vector<int> firsts_;           // by process, and one past the last: its first replica
  int first_ = 0, total_ = 0;
  std::vector<std::unique_ptr<Communicator>> communicators_;
  std::unique_ptr<Buckets> buckets_;
  std::vector<std::unique_ptr<Backend>> replicas_;
  mutable ThreadPool threads_;
  std::deque<std::shared_ptr<Issued>> issued_;
  Ticket tickets_ = 0;
  bool reduced_ = false;  // every replica's gradients hold the sum of all
  // Shares of replicas of other processes, by number, that write_share() left here until spread().
  std::vector<std::vector<float>> foreign_shares_;
};

}  // namespace aot
