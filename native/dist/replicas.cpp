#include "dist/replicas.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <exception>
#include <mutex>
#include <set>
#include <utility>

#include "backend/error.h"
#include "backend/gpu_backend.h"
#include "dist/threads.h"

namespace aot {
namespace {

// Elements of a bucket. On a CPU a bucket should still be in a core's cache when it is added up; between GPUs it must
// be large enough for the links' full speed.
int64_t fitting_bucket(const std::string& device) {
  return device == "cpu" || device == "reference" ? int64_t{1} << 20 : int64_t{1} << 22;
}

bool on_gpu(const std::string& device) { return device.starts_with("cuda") || device == "emulated"; }

// Processes of this host, this one among them, that may use the same processors.
int sharers(const World& world) {
  const Member& me = world.members()[static_cast<size_t>(world.rank())];
  return static_cast<int>(std::count_if(world.members().begin(), world.members().end(), [&](const Member& other) {
    return other.host == me.host && other.processors == me.processors;
  }));
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

}  // namespace

Replicas::Replicas(const std::vector<std::string>& devices, const ParameterTable& table,
                   const std::vector<ParameterId>& order, BackendOptions backend, const ReplicaOptions& options,
                   std::shared_ptr<World> world)
    : Backend(table), world_(std::move(world)), threads_(static_cast<int>(devices.size())) {
  const int count = static_cast<int>(devices.size());
  if (backend.threads == 0) {
    backend.threads = std::max(1, available_cores() / (count * sharers(*world_)));
  }
  backend.replicas = count;
  for (const std::string& device : devices) replicas_.push_back(make_backend(device, table, backend));
  const int64_t size = options.bucket_elements > 0 ? options.bucket_elements : fitting_bucket(devices[0]);
  buckets_ = std::make_unique<Buckets>(table, order, size);

  std::vector<int32_t> counts(static_cast<size_t>(world_->size()), count);
  if (world_->size() > 1) {
    world_->set_devices(joined(devices));
    channel_ = world_->open_channel();
    std::vector<size_t> ends;
    for (size_t process = 1; process <= counts.size(); process++) ends.push_back(process * sizeof(int32_t));
    channel_->all_gather(counts.data(), ends);
  }
  firsts_.push_back(0);
  for (int32_t others : counts) firsts_.push_back(firsts_.back() + others);
  first_ = firsts_[static_cast<size_t>(world_->rank())];
  total_ = firsts_.back();
  check_numerics(devices, size);
  communicators_ = on_gpu(devices[0]) ? make_gpu_communicators(devices, *world_, options.stall_seconds)
                                      : make_thread_communicators(devices, *world_, options.stall_seconds);
  foreign_shares_.resize(static_cast<size_t>(total_));
  for (size_t i = 0; i < replicas_.size(); i++) replicas_[i]->join(*communicators_[i], *buckets_);
}

// Replicas that round otherwise would drift apart without anybody noticing.
void Replicas::check_numerics(const std::vector<std::string>& devices, int64_t bucket_elements) {
  for (size_t i = 1; i < replicas_.size(); i++) {
    if (replicas_[i]->numerics() == replicas_[0]->numerics()) continue;
    fail(ErrorCode::device,
         "--device: " + devices[0] + " (" + replicas_[0]->numerics() + ") and " + devices[i] + " (" +
             replicas_[i]->numerics() +
             ") do not compute alike, so that replicas on them would drift apart: give devices of one kind");
  }
  if (!channel_) return;
  const size_t width = 256;
  std::vector<char> all(width * static_cast<size_t>(world_->size()));
  const auto of = [&](int process) { return all.data() + width * static_cast<size_t>(process); };
  const std::string mine = numerics() + ", buckets of " + std::to_string(bucket_elements) + ", " +
                           std::to_string(table_->block_size()) + " elements";
  std::strncpy(of(world_->rank()), mine.c_str(), width - 1);
  std::vector<size_t> ends;
  for (int process = 1; process <= world_->size(); process++) ends.push_back(width * static_cast<size_t>(process));
  channel_->all_gather(all.data(), ends);
  for (int process = 1; process < world_->size(); process++) {
    if (std::strcmp(of(process), of(0)) == 0) continue;
    fail(ErrorCode::device, "the processes of this job do not compute alike: process 0 on " +
                                world_->members()[0].host + " (" + of(0) + ") and process " + std::to_string(process) +
                                " on " + world_->members()[static_cast<size_t>(process)].host + " (" + of(process) +
                                "): use machines and devices of one kind, and one build");
  }
}

std::string Replicas::description() const {
  std::string text = std::to_string(total_) + " replicas";
  if (world_->size() > 1) {
    std::set<std::string> hosts;
    for (const Member& member : world_->members()) hosts.insert(member.host);
    text += " in " + std::to_string(world_->size()) + " processes on " + std::to_string(hosts.size()) +
            (hosts.size() == 1 ? " machine" : " machines");
  }
  text += std::string(", sums by ") + communicators_[0]->kind() + ": ";
  std::vector<std::pair<std::string, int>> kinds;
  for (const auto& replica : replicas_) {
    if (!kinds.empty() && kinds.back().first == replica->description()) {
      kinds.back().second++;
    } else {
      kinds.emplace_back(replica->description(), 1);
    }
  }
  for (size_t i = 0; i < kinds.size(); i++) {
    text +=
        (i == 0 ? "" : ", ") + (kinds[i].second == 1 ? "" : std::to_string(kinds[i].second) + " x ") + kinds[i].first;
  }
  return text;
}

void Replicas::each(const std::function<void(int)>& body) {
  std::mutex mutex;
  std::exception_ptr first;
  const auto failed = [&](const std::string& why) {
    {
      const std::lock_guard lock(mutex);
      if (first) return;
      first = std::current_exception();
    }
    for (const auto& communicator : communicators_) communicator->abort(why);
  };
  threads_.run([&](int replica) {
    try {
      body(replica);
    } catch (const std::exception& error) {
      failed(error.what());
    }
  });
  if (first) std::rethrow_exception(first);
}

Replicas::Rows Replicas::rows(int batch, int replica) const {
  const auto at = [&](int64_t place) { return static_cast<int>(batch * place / total_); };
  return {at(replica), at(replica + 1)};
}

int Replicas::owner(int replica) const {
  int process = 0;
  while (firsts_[static_cast<size_t>(process) + 1] <= replica) process++;
  return process;
}

int Replicas::slice_batch(int batch) const {
  int most = 0;
  for (size_t i = 0; i < replicas_.size(); i++) {
    const int share = rows(batch, first_ + static_cast<int>(i)).count();
    if (share > 0) most = std::max(most, replicas_[i]->slice_batch(share));
  }
  return std::max(most, 1);
}

void Replicas::reserve(size_t workspace) {
  for (const auto& replica : replicas_) replica->reserve(workspace);
}

int Replicas::lanes() const {
  int lanes = 0;
  for (const auto& replica : replicas_) lanes += replica->lanes();
  return lanes;
}

Ticket Replicas::run(const Pass& pass, int batch, int window, const int32_t* inputs, const int32_t* targets,
                     float* losses, const std::function<void(Lane&, const Slice&)>& body) {
  auto issued = std::make_shared<Issued>();
  issued->tickets.resize(replicas_.size());
  issued->losses = losses;
  issued->batch = batch;
  issued->window = window;
  each([&](int i) {
    Backend& replica = *replicas_[static_cast<size_t>(i)];
    const Rows mine = rows(batch, first_ + i);
    if (mine.count() == 0) {
      if (pass.reduce) replica.reduce_gradients();
      return;
    }
    Pass share = pass;
    share.first_row += mine.begin;
    share.batch_tokens = static_cast<int64_t>(batch) * window;
    const int64_t at = static_cast<int64_t>(mine.begin) * window;
    issued->tickets[static_cast<size_t>(i)] =
        replica.run(share, mine.count(), window, inputs + at, targets ? targets + at : nullptr,
                    losses ? losses + at : nullptr, body);
  });
  if (pass.reduce) reduced_ = true;
  issued->ticket = ++tickets_;
  issued_.push_back(issued);
  return issued->ticket;
}

void Replicas::wait(Ticket ticket) {
  while (!issued_.empty() && issued_.front()->ticket <= ticket) {
    const std::shared_ptr<Issued> issued = issued_.front();
    issued_.pop_front();
    for (size_t i = 0; i < replicas_.size(); i++) replicas_[i]->wait(issued->tickets[i]);
    if (issued->losses && channel_) gather_losses(*issued);
    if (!issued->norm) continue;
    for (double norm : issued->norms) {
      if (std::bit_cast<uint64_t>(norm) == std::bit_cast<uint64_t>(issued->norms[0])) continue;
      if (std::isnan(norm) && std::isnan(issued->norms[0])) continue;
      fail(ErrorCode::internal, "the replicas found different gradient norms, " + std::to_string(issued->norms[0]) +
                                    " and " + std::to_string(norm) + ": report this");
    }
    *issued->norm = issued->norms[0];
  }
}

// Every process has the losses of its own rows.
void Replicas::gather_losses(const Issued& issued) {
  std::vector<size_t> ends;
  for (int process = 0; process < world_->size(); process++) {
    const int last = firsts_[static_cast<size_t>(process) + 1] - 1;
    const auto rows_before = static_cast<size_t>(rows(issued.batch, last).end);
    ends.push_back(rows_before * static_cast<size_t>(issued.window) * sizeof(float));
  }
  channel_->all_gather(issued.losses, ends);
}

void Replicas::zero_gradients() {
  for (const auto& replica : replicas_) replica->zero_gradients();
  reduced_ = false;
}

void Replicas::fold_gradients() {
  for (const auto& replica : replicas_) replica->fold_gradients();
}

void Replicas::reduce_gradients() {
  if (reduced_) return;
  each([&](int i) { replicas_[static_cast<size_t>(i)]->reduce_gradients(); });
  reduced_ = true;
}

Ticket Replicas::optimizer_step(const AdamW& adamw, double* norm) {
  auto issued = std::make_shared<Issued>();
  issued->tickets.resize(replicas_.size());
  issued->norms.resize(replicas_.size());
  issued->norm = norm;
  each([&](int i) {
    const auto at = static_cast<size_t>(i);
    if (!reduced_) replicas_[at]->reduce_gradients();
    issued->tickets[at] = replicas_[at]->optimizer_step(adamw, &issued->norms[at]);
  });
  reduced_ = false;
  issued->ticket = ++tickets_;
  issued_.push_back(issued);
  return issued->ticket;
}

void Replicas::resume() {
  for (const auto& replica : replicas_) replica->resume();
}

void Replicas::join(Communicator&, const Buckets&) {
  fail(ErrorCode::internal, "a group of replicas cannot join another: report this");
}

}  // namespace aot
