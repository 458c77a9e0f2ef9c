#include "cpu/cpu_backend.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "backend/adamw_step.h"
#include "backend/error.h"
#include "backend/memory.h"

namespace aot::cpu {
namespace {

constexpr int64_t pack_rows = 1024;            // a multiple of 64, as pack_weight asks
constexpr int64_t gradient_block = 64 * 1024;  // elements; fixed, so that the norm is the same for any thread count

int thread_count(int wanted) {
  if (wanted < 0 || wanted > 1024) fail(ErrorCode::config, "threads must be from 0 (all cores) to 1024");
  return wanted > 0 ? wanted : available_cores();
}

// Bytes of weights, moments, a gradient for each lane, and the packed weights (two panels each). Memory is taken up
// page by page, so that an allocation which is too large would not fail but have the process killed later.
double memory_needed(const ParameterTable& table, DType precision, int lanes) {
  double packed = 0;
  for (const Parameter& parameter : table) {
    if (parameter.matmul_weight)
      packed += 2.0 * static_cast<double>(parameter.size() * static_cast<int64_t>(size_of(precision)));
  }
  return packed + sizeof(float) * static_cast<double>(table.block_size()) * (3.0 + lanes);
}

}  // namespace

CpuBackend::CpuBackend(const ParameterTable& table, BackendOptions options)
    : Backend(table),
      precision_(options.precision),
      slice_sequences_(options.slice_sequences),
      isa_(choose_isa(options.precision)),
      pool_(thread_count(options.threads)) {
  const size_t bytes = static_cast<size_t>(table.block_size()) * sizeof(float);
  require_memory(options.replicas * memory_needed(table, options.precision, pool_.size()),
                 "a model of " + std::to_string(table.element_count()) + " parameters on " +
                     std::to_string(pool_.size()) + " threads");
  weights_ = MemoryBlock(bytes, "the weights");
  moment1_ = MemoryBlock(bytes, "the optimizer's moments");
  moment2_ = MemoryBlock(bytes, "the optimizer's moments");
  for (int i = 0; i < pool_.size(); i++) lanes_.push_back(std::make_unique<CpuLane>(*this));
  plan_packing();
}

std::string CpuBackend::description() const {
  return std::string("cpu (") + isa_.name + ", " + std::to_string(pool_.size()) +
         (pool_.size() == 1 ? " thread)" : " threads)");
}

void CpuBackend::check_range(int64_t offset, int64_t count) const {
  if (offset < 0 || count < 0 || offset > table_->block_size() - count) {
    fail(ErrorCode::internal, "a range outside of the parameter blocks: report this");
  }
}

std::vector<float*> CpuBackend::gradient_shares() const {
  std::vector<float*> shares;
  for (const auto& lane : lanes_) {
    if (lane->gradients()) shares.push_back(lane->gradients());
  }
  return shares;
}

void CpuBackend::read(Block block, int64_t offset, int64_t count, float* host) {
  check_range(offset, count);
  if (block == Block::gradients) {
    // The sum goes to the host alone: the shares stay as they are, so that reading changes no later sum.
    std::fill_n(host, count, 0.f);
    const std::vector<float*> shares = gradient_shares();
    for (size_t share = 0; share < shares.size(); share++) {
      const float* from = shares[share] + offset;
      if (share == 0) {
        std::copy_n(from, count, host);
      } else {
        for (int64_t i = 0; i < count; i++) host[i] += from[i];
      }
    }
    return;
  }
  const MemoryBlock& from = block == Block::weights ? weights_ : block == Block::moment1 ? moment1_ : moment2_;
  std::copy_n(from.floats() + offset, count, host);
}

void CpuBackend::write(Block block, int64_t offset, int64_t count, const float* host) {
  check_range(offset, count);
  if (block == Block::gradients) {
    lanes_[0]->make_gradients();
    for (float* share : gradient_shares()) std::fill_n(share + offset, count, 0.f);
    std::copy_n(host, count, lanes_[0]->gradients() + offset);
    return;
  }
  const MemoryBlock& to = block == Block::weights ? weights_ : block == Block::moment1 ? moment1_ : moment2_;
  std::copy_n(host, count, to.floats() + offset);
}

void CpuBackend::plan_packing() {
  const auto aligned = [](int64_t bytes) { return static_cast<size_t>((bytes + 255) / 256 * 256); };
  size_t bytes = 0;
  for (const Parameter& parameter : *table_) {
    if (!parameter.matmul_weight) continue;
    bytes += aligned(kernels().packed_bytes(parameter.cols, parameter.rows)) +
             aligned(kernels().packed_bytes(parameter.rows, parameter.cols));
  }
  packed_block_ = MemoryBlock(bytes, "the packed weights");
  packed_.resize(static_cast<size_t>(table_->count()));
  char* at = static_cast<char*>(packed_block_.data());
  for (ParameterId id = 0; id < table_->count(); id++) {
    const Parameter& parameter = (*table_)[id];
    if (!parameter.matmul_weight) continue;
    PackedWeight& packed = packed_[static_cast<size_t>(id)];
    packed.forward = at;
    at += aligned(kernels().packed_bytes(parameter.cols, parameter.rows));
    packed.backward = at;
    at += aligned(kernels().packed_bytes(parameter.rows, parameter.cols));
    for (int64_t begin = 0; begin < parameter.rows; begin += pack_rows) {
      pack_jobs_.push_back({id, begin, std::min(begin + pack_rows, parameter.rows)});
    }
  }
}

const PackedWeight& CpuBackend::packed(ParameterId id) const {
  const PackedWeight& packed = packed_[static_cast<size_t>(id)];
  if (!packed.forward) fail(ErrorCode::internal, (*table_)[id].name + " is no matmul weight: report this");
  return packed;
}

void CpuBackend::weights_changed() {
  std::atomic<size_t> next{0};
  pool_.run([&](int) {
    for (size_t i; (i = next++) < pack_jobs_.size();) {
      const PackJob& job = pack_jobs_[i];
      const Parameter& parameter = (*table_)[job.id];
      const PackedWeight& to = packed_[static_cast<size_t>(job.id)];
      kernels().pack_weight(weights() + parameter.offset, parameter.rows, parameter.cols, job.begin, job.end,
                            to.forward, to.backward);
    }
  });
}

int slice_batch(int batch, int threads, int slice_sequences) {
  const auto shares = [](int whole, int part) { return (whole + part - 1) / part; };
  const int lane_batch = shares(batch, threads);
  return shares(lane_batch, shares(lane_batch, slice_sequences));
}

int CpuBackend::slice_batch(int batch) const { return cpu::slice_batch(batch, pool_.size(), slice_sequences_); }

void CpuBackend::reserve(size_t workspace) {
  if (workspace <= workspace_) return;
  require_memory(static_cast<double>(workspace), "the activations of this batch");
  workspace_ = workspace;
}

Ticket CpuBackend::run(const Pass& pass, int batch, int window, const int32_t* inputs, const int32_t* targets,
                       float* losses, const std::function<void(Lane&, const Slice&)>& body) {
  const int most = slice_batch(batch), slices = (batch + most - 1) / most;
  GradientExchange* exchange = pass.reduce ? exchange_.get() : nullptr;
  if (exchange) {
    // The thread of the exchange reads the lanes' shares: none may come into being in the pass.
    for (int worker = 0; worker < std::min(slices, pool_.size()); worker++)
      lanes_[static_cast<size_t>(worker)]->make_gradients();
    exchange->start(std::min(slices, pool_.size()));
  }
  const auto work = [&](int worker) {
    if (worker >= slices) return;
    CpuLane& lane = *lanes_[static_cast<size_t>(worker)];
    lane.start(pass, workspace_);
    for (int number = worker; number < slices; number += pool_.size()) {
      Slice slice;
      slice.first = number * most;
      slice.batch = std::min(most, batch - slice.first);
      const int64_t at = static_cast<int64_t>(slice.first) * window;
      slice.window = window;
      slice.batch_tokens = pass.batch_tokens > 0 ? pass.batch_tokens : static_cast<int64_t>(batch) * window;
      slice.inputs = inputs ? inputs + at : nullptr;
      slice.targets = targets ? targets + at : nullptr;
      slice.losses = losses ? losses + at : nullptr;
      lane.arena().reset();
      lane.report_to(number + pool_.size() < slices ? nullptr : exchange);
      body(lane, slice);
    }
  };
  try {
    pool_.run(work);
  } catch (...) {
    if (exchange) exchange->give_up();
    throw;
  }
  if (exchange) exchange->finish();
  return 0;
}

void CpuBackend::zero_gradients() {
  const std::vector<float*> shares = gradient_shares();
  pool_.split(table_->block_size(), [&](int64_t begin, int64_t end, int) {
    for (float* share : shares) std::fill(share + begin, share + end, 0.f);
  });
}

void CpuBackend::fold_gradients() {
  lanes_[0]->make_gradients();
  pool_.split(table_->block_size(), [&](int64_t begin, int64_t end, int) { fold(begin, end); });
}

void CpuBackend::fold(int64_t begin, int64_t end) const {
  const std::vector<float*> shares = gradient_shares();
  for (size_t share = 1; share < shares.size(); share++) {
    for (int64_t i = begin; i < end; i++) shares[0][i] += shares[share][i];
    std::fill(shares[share] + begin, shares[share] + end, 0.f);
  }
}

Ticket CpuBackend::optimizer_step(const AdamW& adamw, double* found) {
  lanes_[0]->make_gradients();
  const std::vector<float*> shares = gradient_shares();
  const int count = static_cast<int>(shares.size());
  const int64_t size = table_->block_size(), blocks = (size + gradient_block - 1) / gradient_block;
  std::vector<double> squares(static_cast<size_t>(blocks));
  pool_.split(blocks, [&](int64_t begin, int64_t end, int) {
    for (int64_t block = begin; block < end; block++) {
      squares[static_cast<size_t>(block)] = kernels().sum_gradients(shares.data(), count, block * gradient_block,
                                                                    std::min(size, (block + 1) * gradient_block));
    }
  });
  double total = 0;
  for (double block : squares) total += block;
  const double norm = std::sqrt(total);
  failed_ |= !std::isfinite(norm);
  *found = failed_ && std::isfinite(norm) ? std::numeric_limits<double>::quiet_NaN() : norm;
  if (failed_) {
    zero_gradients();
    return 0;
  }
  const AdamWStep step = make_adamw_step(adamw);
  const float coefficient = static_cast<float>(clip_coefficient(adamw.clip, norm));
  pool_.split(blocks, [&](int64_t begin, int64_t end, int) {
    kernels().adamw(step, coefficient, weights_.floats(), moment1_.floats(), moment2_.floats(), shares.data(), count,
                    begin * gradient_block, std::min(size, end * gradient_block));
  });
  weights_changed();
  return 0;
}

std::string CpuBackend::numerics() const { return std::string("cpu, ") + isa_.name; }

void CpuBackend::join(Communicator& communicator, const Buckets& buckets) {
  const auto fold_all = [this](int64_t first, int64_t end) {
    if (gradient_shares().size() < 2) return;
    pool_.split(end - first, [&](int64_t from, int64_t to, int) { fold(first + from, first + to); });
  };
  exchange_ = std::make_unique<GradientExchange>(
      communicator, buckets,
      GradientExchange::Gradients{[this](int64_t begin, int64_t end) { fold(begin, end); }, fold_all,
                                  [this] { return lanes_[0]->gradients(); }});
}

void CpuBackend::reduce_gradients() {
  lanes_[0]->make_gradients();
  exchange_->exchange_all();
}

}  // namespace aot::cpu

namespace aot {

std::unique_ptr<Backend> make_cpu_backend(const ParameterTable& table, BackendOptions options) {
  return std::make_unique<cpu::CpuBackend>(table, options);
}

}  // namespace aot
