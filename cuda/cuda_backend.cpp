#include "cuda_backend.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "backend/error.h"
#include "backend/gpu_backend.h"
#include "backend/rng.h"

namespace aot::cuda {
namespace {

constexpr size_t pass_bytes = 256;  // room for PassArguments before the tokens
constexpr size_t step_bytes = 256;  // room for AdamWStep before StepResult

size_t tokens_bytes(int64_t tokens) { return (static_cast<size_t>(tokens) * sizeof(int32_t) + 255) / 256 * 256; }

// Where each of inputs, targets and order lies in a batch's memory.
size_t part_offset(int part, int64_t tokens) { return pass_bytes + static_cast<size_t>(part) * tokens_bytes(tokens); }

// The rows sorted by their token, rows of one token in rising order: a counting sort.
void sort_rows(const int32_t* inputs, int64_t tokens, std::vector<int32_t>& counts, int32_t* order) {
  const int32_t largest = *std::max_element(inputs, inputs + tokens);
  counts.assign(static_cast<size_t>(largest) + 2, 0);
  for (int64_t row = 0; row < tokens; row++) counts[static_cast<size_t>(inputs[row]) + 1]++;
  for (size_t id = 1; id < counts.size(); id++) counts[id] += counts[id - 1];
  for (int64_t row = 0; row < tokens; row++) {
    order[counts[static_cast<size_t>(inputs[row])]++] = static_cast<int32_t>(row);
  }
}

// AOT_RECURRENCE: for tests and measurements.
Recurrence recurrence() {
  const char* given = std::getenv("AOT_RECURRENCE");
  const std::string name = given ? given : "";
  if (name.empty()) return Recurrence::fitting;
  if (name == "steps") return Recurrence::steps;
  if (name == "persistent") return Recurrence::persistent;
  fail(ErrorCode::device, "AOT_RECURRENCE=" + name + " is unknown: use steps or persistent, or leave it unset");
}

}  // namespace

CudaBackend::CudaBackend(const std::string& device, const ParameterTable& table, BackendOptions options)
    : Backend(table), name_(device), index_(find_device(device)), precision_(options.precision) {
  select_device(index_);
  properties_ = device_properties(index_);
  stream_ = create_stream();
  copy_stream_ = create_stream();
  for (Slot& slot : slots_) {
    slot.uploaded = create_event();
    slot.taken = create_event();
  }
  std::string why_not;
  cublaslt_ = load_cublaslt(device, &why_not);
  if (!cublaslt_ && !why_not.empty()) {
    std::fprintf(stderr, "%s: matrix products by the built-in kernels, slower than cuBLASLt: %s\n", device.c_str(),
                 why_not.c_str());
  }
  const auto count = static_cast<size_t>(table.block_size());
  weights_ = DeviceMemory(count * sizeof(float), "the weights");
  gradients_ = DeviceMemory(count * sizeof(float), "the gradients");
  moment1_ = DeviceMemory(count * sizeof(float), "the optimizer's moments");
  moment2_ = DeviceMemory(count * sizeof(float), "the optimizer's moments");
  if (precision_ == DType::bf16) bf16_weights_ = DeviceMemory(count * 2, "the bf16 copy of the weights");
  step_ = DeviceMemory(step_bytes + sizeof(StepResult), "the optimizer's step");
  for (Issued& issued : issued_) issued.done = create_event();
  for (const DeviceMemory* memory : {&weights_, &gradients_, &moment1_, &moment2_, &step_}) {
    fill(memory->data(), 0, memory->bytes(), stream_);
  }
  context_.stream = stream_;
  context_.workspace = &workspace_;
  context_.cublaslt = cublaslt_.get();
  context_.multiprocessors = properties_.multiprocessors;
  context_.l2_bytes = properties_.l2_bytes;
  context_.logits_bytes = properties_.logits_bytes;
  context_.sums_bytes = properties_.sums_bytes;
  context_.recurrence = recurrence();
  lane_ = std::make_unique<CudaLane>(context_, table, weights_.floats(), bf16_weights_.data(), gradients_.floats(),
                                     precision_);
  synchronize(stream_);
}

CudaBackend::~CudaBackend() {
  try {
    select_device(index_);
    exchange_.reset();
    synchronize(copy_stream_);
    synchronize(stream_);
  } catch (const Error&) {
    // The device is lost: what is left is to give the memory back.
  }
  drop_graphs();
  for (Issued& issued : issued_) destroy_event(issued.done);
  for (Slot& slot : slots_) {
    destroy_event(slot.uploaded);
    destroy_event(slot.taken);
  }
  destroy_stream(copy_stream_);
  destroy_stream(stream_);
}

std::string CudaBackend::description() const {
  return name_ + " (" + properties_.name + ", " + (cublaslt_ ? "cuBLASLt" : "built-in products") + ")";
}

float* CudaBackend::block(Block block, int64_t offset, int64_t count) const {
  if (offset < 0 || count < 0 || offset > table_->block_size() - count) {
    fail(ErrorCode::internal, "a copy outside of a parameter block: report this");
  }
  const DeviceMemory& memory = block == Block::weights     ? weights_
                               : block == Block::gradients ? gradients_
                               : block == Block::moment1   ? moment1_
                                                           : moment2_;
  return memory.floats() + offset;
}

void CudaBackend::read(Block from, int64_t offset, int64_t count, float* host) {
  select_device(index_);
  if (exchange_) exchange_->join(stream_);
  lane_->read_floats(block(from, offset, count), count, host);
}

void CudaBackend::write(Block to, int64_t offset, int64_t count, const float* host) {
  select_device(index_);
  if (exchange_) exchange_->join(stream_);
  lane_->write_floats(host, count, block(to, offset, count));
}

void CudaBackend::weights_changed() {
  if (precision_ == DType::fp32 || table_->block_size() == 0) return;  // single ops may have no parameters
  select_device(index_);
  round_weights(context_, table_->block_size(), weights_.floats(), bf16_weights_.data());
}

void CudaBackend::drop_graphs() {
  for (auto& [key, captured] : graphs_) {
    for (const Piece& piece : captured.pieces) destroy_graph(piece.graph);
  }
  graphs_.clear();
}

void CudaBackend::reserve(size_t workspace) {
  if (workspace <= arena_.bytes()) return;
  select_device(index_);
  synchronize(stream_);
  drop_graphs();
  arena_ = {};
  arena_ = DeviceMemory(workspace, "the activations of this batch");
}

void CudaBackend::reserve_batch(int64_t tokens) {
  if (tokens <= batch_tokens_) return;
  synchronize(copy_stream_);
  synchronize(stream_);
  drop_graphs();
  const size_t bytes = part_offset(3, tokens);
  batch_ = DeviceMemory(bytes, "a batch");
  losses_ = DeviceMemory(static_cast<size_t>(tokens) * sizeof(float), "the losses of a batch");
  for (Slot& slot : slots_) {
    slot.host = PinnedMemory(bytes);
    slot.device = DeviceMemory(bytes, "a batch");
  }
  batch_tokens_ = tokens;
}

void CudaBackend::upload(const Pass& pass, int64_t tokens, const int32_t* inputs, const int32_t* targets) {
  Slot& slot = slots_[turn_ ^= 1];
  wait_for(slot.taken);  // its last batch
  char* host = slot.host.as<char>();
  const PassArguments arguments{pass.minibatch, pass.loss_scale, pass.first_row};
  std::memcpy(host, &arguments, sizeof(arguments));
  const auto part = [&](int number) { return reinterpret_cast<int32_t*>(host + part_offset(number, batch_tokens_)); };
  if (inputs) {
    std::copy_n(inputs, tokens, part(0));
    sort_rows(inputs, tokens, counts_, part(2));
  }
  if (targets) std::copy_n(targets, tokens, part(1));
  copy(slot.device.data(), host, slot.host.bytes(), copy_stream_);
  record(slot.uploaded, copy_stream_);
  cuda::wait(stream_, slot.uploaded);
  // To the place that captured graphs know.
  copy(batch_.data(), slot.device.data(), batch_.bytes(), stream_);
  record(slot.taken, stream_);
}

void CudaBackend::issue(const GraphKey* key, const std::function<void()>& body) {
  const auto run_as_it_comes = [&] {
    body();
    if (workspace_.settle(stream_)) drop_graphs();
  };
  if (!key) return run_as_it_comes();
  if (!graphs_[*key].warm) {
    run_as_it_comes();
    graphs_[*key].warm = true;
    return;
  }
  Captured& captured = graphs_[*key];
  if (captured.pieces.empty()) return capture(captured, body);
  for (const Piece& piece : captured.pieces) {
    if (piece.graph) launch(piece.graph, stream_);
    if (exchange_) exchange_->issue(piece.exchanged, stream_);
  }
}

void CudaBackend::capture(Captured& captured, const std::function<void()>& body) {
  capturing_ = &captured;
  begin_capture(stream_);
  try {
    body();
    end_piece(0);
  } catch (...) {
    abandon_capture(stream_);
    for (const Piece& piece : captured.pieces) destroy_graph(piece.graph);
    captured.pieces.clear();
    capturing_ = nullptr;
    throw;
  }
  capturing_ = nullptr;
}

void CudaBackend::end_piece(int exchanged) {
  const Graph graph = end_capture(stream_);
  capturing_->pieces.push_back({graph, exchanged});
  if (graph) launch(graph, stream_);
}

void CudaBackend::gradients_final(ParameterId first, ParameterId last) {
  const int end = exchange_->final(first, last);
  if (end == exchange_->turn()) return;
  if (capturing_) end_piece(end);
  exchange_->issue(end, stream_);
  if (capturing_) begin_capture(stream_);
}

Ticket CudaBackend::run(const Pass& pass, int batch, int window, const int32_t* inputs, const int32_t* targets,
                        float* losses, const std::function<void(Lane&, const Slice&)>& body) {
  select_device(index_);
  const int64_t tokens = static_cast<int64_t>(batch) * window;
  reserve_batch(tokens);
  if (exchange_) exchange_->join(stream_);
  const bool reduce = pass.reduce && exchange_;
  if (reduce) exchange_->begin();
  upload(pass, tokens, inputs, targets);
  const auto part = [&](int number) {
    return reinterpret_cast<int32_t*>(static_cast<char*>(batch_.data()) + part_offset(number, batch_tokens_));
  };
  Slice slice;
  slice.batch = batch;
  slice.window = window;
  slice.batch_tokens = pass.batch_tokens > 0 ? pass.batch_tokens : tokens;
  slice.inputs = inputs ? part(0) : nullptr;
  slice.targets = targets ? part(1) : nullptr;
  slice.losses = losses && pass.want_losses ? losses_.floats() : nullptr;
  if (pass.graph) poison(arena_.data(), arena_.bytes(), stream_);
  const auto* arguments = static_cast<const PassArguments*>(batch_.data());
  const bool want_losses = slice.losses != nullptr;
  const GraphKey key(pass.graph ? pass.graph : "", batch, window, pass.seed, pass.training, want_losses, reduce,
                     slice.batch_tokens);
  std::function<void(ParameterId, ParameterId)> gradients_are_final;
  if (reduce) gradients_are_final = [this](ParameterId first, ParameterId last) { gradients_final(first, last); };
  issue(pass.graph ? &key : nullptr, [&] {
    lane_->begin(pass, arguments, part(2), arena_.data(), arena_.bytes(), gradients_are_final);
    body(*lane_, slice);
  });
  if (reduce && exchange_->turn() != exchange_->count()) {
    fail(ErrorCode::internal, "a pass that leaves gradients open: report this");
  }
  return want_losses ? promise(losses, losses_.data(), static_cast<size_t>(tokens) * sizeof(float)) : 0;
}

Ticket CudaBackend::promise(void* host, const void* device, size_t bytes) {
  const Ticket ticket = ++tickets_;
  Issued& issued = issued_[ticket % issued_.size()];
  keep_promise(issued);
  if (issued.pinned.bytes() < bytes) issued.pinned = PinnedMemory(bytes);
  copy(issued.pinned.as<char>(), device, bytes, stream_);
  record(issued.done, stream_);
  issued.ticket = ticket;
  issued.host = host;
  issued.bytes = bytes;
  return ticket;
}

void CudaBackend::keep_promise(Issued& issued) {
  if (!issued.host) return;
  void* host = std::exchange(issued.host, nullptr);
  wait_for(issued.done);
  std::memcpy(host, issued.pinned.as<char>(), issued.bytes);
}

void CudaBackend::wait_for(Event event) {
  if (exchange_) {
    exchange_->wait(event);
  } else {
    synchronize(event);
  }
}

void CudaBackend::wait(Ticket ticket) {
  select_device(index_);
  Issued& issued = issued_[ticket % issued_.size()];
  if (issued.ticket == ticket) keep_promise(issued);  // otherwise it had to make room for a later one
}

void CudaBackend::zero_gradients() {
  select_device(index_);
  if (exchange_) exchange_->join(stream_);
  fill(gradients_.data(), 0, gradients_.bytes(), stream_);
}

Ticket CudaBackend::optimizer_step(const AdamW& adamw, double* norm) {
  select_device(index_);
  if (exchange_) exchange_->join(stream_);
  const AdamWStep step = make_adamw_step(adamw);
  static_assert(sizeof(AdamWStep) <= step_bytes);
  // Up in the pinned memory that the promise below brings the result down in.
  Issued& issued = issued_[(tickets_ + 1) % issued_.size()];
  keep_promise(issued);
  if (issued.pinned.bytes() < step_bytes) issued.pinned = PinnedMemory(step_bytes);
  std::memcpy(issued.pinned.as<char>(), &step, sizeof(step));
  copy(step_.data(), issued.pinned.as<char>(), sizeof(step), stream_);
  auto* result = reinterpret_cast<StepResult*>(static_cast<char*>(step_.data()) + step_bytes);
  const GraphKey key{"optimizer step", 0, 0, 0, false, false, false, 0};
  issue(&key, [&] {
    cuda::optimizer_step(context_, table_->block_size(), static_cast<const AdamWStep*>(step_.data()), weights_.floats(),
                         gradients_.floats(), moment1_.floats(), moment2_.floats(), bf16_weights_.data(), result);
  });
  return promise(norm, &result->norm, sizeof(double));
}

void CudaBackend::resume() {
  select_device(index_);
  fill(static_cast<char*>(step_.data()) + step_bytes, 0, sizeof(StepResult), stream_);
}

// The products are asked for with the same words everywhere, but another library may answer with another algorithm.
std::string CudaBackend::numerics() const {
  return properties_.name + ", sm_" + std::to_string(properties_.major) + std::to_string(properties_.minor) + ", " +
         std::to_string(properties_.multiprocessors) + " multiprocessors, " +
         (cublaslt_ ? "cuBLASLt" : "built-in products") + ", " + (precision_ == DType::bf16 ? "bf16" : "fp32");
}

void CudaBackend::join(Communicator& communicator, const Buckets& buckets) {
  select_device(index_);
  synchronize(stream_);
  drop_graphs();
  exchange_ = std::make_unique<Exchange>(communicator, buckets, gradients_.floats());
}

void CudaBackend::reduce_gradients() {
  select_device(index_);
  exchange_->begin();
  exchange_->issue(exchange_->count(), stream_);
}

void* Workspace::take(size_t bytes, Stream stream) {
  const size_t at = used_;
  used_ += (bytes + 255) / 256 * 256;
  if (used_ > memory_.bytes()) {
    // What was taken before in this op must stay where it is until the op has run.
    synchronize(stream);
    retired_.push_back(std::move(memory_));
    memory_ = DeviceMemory(used_, "the workspace of an operation");
  }
  return static_cast<char*>(memory_.data()) + at;
}

bool Workspace::settle(Stream stream) {
  if (retired_.empty()) return false;
  synchronize(stream);
  retired_.clear();
  return true;
}

DropoutArguments make_dropout(uint64_t seed, Dropout dropout, const PassArguments* pass) {
  DropoutArguments arguments;
  for (uint32_t round = 0; round < 10; round++) {
    arguments.key[2 * round] = static_cast<uint32_t>(seed) + round * 0x9E3779B9u;
    arguments.key[2 * round + 1] = static_cast<uint32_t>(seed >> 32) + round * 0xBB67AE85u;
  }
  arguments.site = dropout.site;
  arguments.threshold = dropout_threshold(dropout.rate);
  arguments.scale = static_cast<float>(1 / (1 - static_cast<double>(dropout.rate)));
  arguments.pass = pass;
  return arguments;
}

}  // namespace aot::cuda

namespace aot {

std::unique_ptr<Backend> make_gpu_backend(const std::string& device, const ParameterTable& table,
                                          BackendOptions options) {
  return std::make_unique<cuda::CudaBackend>(device, table, options);
}

}  // namespace aot
