// runtime.h over the host: streams that run when they are waited for, memory that knows its bounds.
#include "runtime.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "backend/error.h"
#include "backend/memory.h"
#include "emulate/scheduler.h"
#include "emulate/stream.h"

namespace aot::cuda {

using Work = std::function<void()>;

namespace {

// Runs the work of streams: one thread at a time, whichever waits, for whatever streams it needs.
std::recursive_mutex running;
// Holds for everything below that threads share; never kept while work runs.
std::mutex queues_mutex;

struct Queue {
  std::deque<Work> work;
  std::exception_ptr failed;  // what ended the work before it was all done, until somebody has heard of it
  bool capturing = false;
  std::vector<Work> captured;
};
struct Moment {
  std::shared_ptr<Queue> queue;  // where it was recorded last
  uint64_t recorded = 0, reached = 0;
  std::chrono::steady_clock::time_point time;
};
std::vector<Queue*> queues;  // of all streams, the oldest first
uint32_t random_bits = 1;

}  // namespace

// Work that is still queued knows what it needs when the handles are gone.
struct StreamHandle {
  std::shared_ptr<Queue> queue = std::make_shared<Queue>();
};
struct EventHandle {
  std::shared_ptr<Moment> moment = std::make_shared<Moment>();
};
struct GraphHandle {
  std::vector<Work> work;
};

namespace {

// Every allocation by its first address: size, and whether it is host memory.
struct Allocation {
  size_t bytes;
  bool pinned;
};
std::mutex memory_mutex;
std::map<const char*, Allocation> allocations;
std::atomic<int64_t> device_bytes{0};

void* allocate(size_t bytes, bool pinned) {
  const size_t rounded = (bytes + 255) / 256 * 256;
  void* memory = std::aligned_alloc(256, rounded ? rounded : 256);
  if (!memory) throw std::bad_alloc();
  std::memset(memory, 0xff, bytes);
  const std::lock_guard lock(memory_mutex);
  allocations[static_cast<const char*>(memory)] = {bytes, pinned};
  if (!pinned) device_bytes += static_cast<int64_t>(bytes);
  return memory;
}

void release(void* memory) {
  if (!memory) return;
  const std::lock_guard lock(memory_mutex);
  const auto found = allocations.find(static_cast<const char*>(memory));
  if (!found->second.pinned) device_bytes -= static_cast<int64_t>(found->second.bytes);
  allocations.erase(found);
  std::free(memory);
}

// What a GPU would copy wrongly, late or not at all.
void check_range(const void* address, size_t bytes) {
  const auto* at = static_cast<const char*>(address);
  const std::lock_guard lock(memory_mutex);
  auto after = allocations.upper_bound(at);
  if (after != allocations.begin()) {
    const auto& [first, allocation] = *std::prev(after);
    if (at >= first && at + bytes <= first + allocation.bytes) return;
  }
  fail(ErrorCode::internal, "the emulated device: a copy of " + std::to_string(bytes) +
                                " bytes that do not lie within one piece of device or pinned memory");
}

// False: there is none.
bool run_next(Queue& queue) {
  Work work;
  {
    const std::lock_guard lock(queues_mutex);
    if (queue.work.empty()) return false;
    work = std::move(queue.work.front());
    queue.work.pop_front();
  }
  try {
    work();
  } catch (...) {
    const std::lock_guard lock(queues_mutex);
    queue.work.clear();
    queue.failed = std::current_exception();
  }
  return true;
}

// Streams may run at any time, held back by their waits alone. Order 0 leaves all but what is waited for behind; 1 has
// the others run as far ahead as they can, the youngest first; a seed picks some.
void run_ahead() {
  const int order = emulate::settings().order;
  if (order == 0) return;
  std::vector<Queue*> others;
  {
    const std::lock_guard lock(queues_mutex);
    others = queues;
  }
  for (auto other = others.rbegin(); other != others.rend(); other++) {
    random_bits = random_bits * 1664525u + 1013904223u + static_cast<uint32_t>(order);
    if (order > 1 && random_bits >> 31 != 0) continue;
    while (run_next(**other)) {
    }
  }
}

void report_failure(Queue& queue) {
  std::exception_ptr failed;
  {
    const std::lock_guard lock(queues_mutex);
    failed = std::exchange(queue.failed, nullptr);
  }
  if (failed) std::rethrow_exception(failed);
}

void run_until(Moment& moment, uint64_t number) {
  const std::lock_guard run(running);
  std::shared_ptr<Queue> queue;
  {
    const std::lock_guard lock(queues_mutex);
    queue = moment.queue;
  }
  while (moment.reached < number) {
    if (run_next(*queue)) continue;
    report_failure(*queue);
    fail(ErrorCode::internal, "the emulated device: a wait for an event that never comes: a deadlock");
  }
}

void refuse_while_capturing(Stream stream, const char* what) {
  if (stream->queue->capturing) {
    fail(ErrorCode::internal, std::string("the emulated device: ") + what + " while capturing");
  }
}

}  // namespace

int find_device(const std::string& device) {
  if (device == "emulated") return 0;
  fail(ErrorCode::device, "device " + device + ": this is the emulated device's engine: use emulated");
}
void select_device(int) {}
void enable_peer_access(int) {}
DeviceProperties device_properties(int) {
  DeviceProperties properties;
  properties.name = "CUDA kernels on the host";
  properties.major = 9;
  properties.multiprocessors = emulate::settings().multiprocessors;
  properties.l2_bytes = 1 << 20;
  properties.total_memory = free_memory() + device_bytes;
  // So that a test needs no large sizes to see several parts.
  properties.logits_bytes = 1 << 20;
  properties.sums_bytes = 64 << 10;
  return properties;
}
int64_t free_memory() {
  const int64_t limit = emulate::settings().memory_limit;
  if (limit == 0) return available_memory();
  const std::lock_guard lock(memory_mutex);
  return limit > device_bytes ? limit - device_bytes : 0;
}

int resident_blocks(const void*, int threads, size_t shared_bytes) {
  return emulate::resident_blocks(threads, shared_bytes);
}

Stream create_stream() {
  const Stream stream = new StreamHandle;
  const std::lock_guard lock(queues_mutex);
  queues.push_back(stream->queue.get());
  return stream;
}
void destroy_stream(Stream stream) {
  {
    const std::lock_guard run(running);
    const std::lock_guard lock(queues_mutex);
    std::erase(queues, stream->queue.get());
    stream->queue->work.clear();
  }
  delete stream;
}
void synchronize(Stream stream) {
  refuse_while_capturing(stream, "a wait");
  const std::lock_guard run(running);
  run_ahead();
  while (run_next(*stream->queue)) {
  }
  report_failure(*stream->queue);
}

Event create_event() { return new EventHandle; }
void destroy_event(Event event) { delete event; }
void record(Event event, Stream stream) {
  refuse_while_capturing(stream, "an event");
  uint64_t number = 0;
  {
    const std::lock_guard lock(queues_mutex);
    event->moment->queue = stream->queue;
    number = ++event->moment->recorded;
  }
  emulate::enqueue(stream, [moment = event->moment, number] {
    moment->reached = number;
    moment->time = std::chrono::steady_clock::now();
  });
}
// As on a GPU: for the event as it was recorded last before this call; one that never was is not waited for.
void wait(Stream stream, Event event) {
  refuse_while_capturing(stream, "a wait for an event");
  uint64_t number = 0;
  {
    const std::lock_guard lock(queues_mutex);
    number = event->moment->recorded;
  }
  if (number == 0) return;
  emulate::enqueue(stream, [moment = event->moment, number] { run_until(*moment, number); });
}
void synchronize(Event event) {
  uint64_t number = 0;
  {
    const std::lock_guard lock(queues_mutex);
    number = event->moment->recorded;
  }
  if (number == 0) return;
  const std::lock_guard run(running);
  run_ahead();
  run_until(*event->moment, number);
}
bool done(Event event) {
  synchronize(event);
  return true;
}
float elapsed_ms(Event from, Event to) {
  return std::chrono::duration<float, std::milli>(to->moment->time - from->moment->time).count();
}

void copy(void* to, const void* from, size_t bytes, Stream stream) {
  check_range(to, bytes);
  check_range(from, bytes);
  emulate::enqueue(stream, [=] { std::memcpy(to, from, bytes); });
}
void fill(void* to, int byte, size_t bytes, Stream stream) {
  check_range(to, bytes);
  emulate::enqueue(stream, [=] { std::memset(to, byte, bytes); });
}
void poison(void* memory, size_t bytes, Stream stream) { fill(memory, 0xff, bytes, stream); }

void issue(Stream stream, std::function<void(void*)> call) {
  emulate::enqueue(stream, [call = std::move(call)] { call(nullptr); });
}

void issue_together(Stream stream, const std::function<void(void*)>& call) {
  synchronize(stream);
  call(nullptr);
}

void begin_capture(Stream stream) {
  stream->queue->capturing = true;
  stream->queue->captured.clear();
}
Graph end_capture(Stream stream) {
  stream->queue->capturing = false;
  if (stream->queue->captured.empty()) return nullptr;
  return new GraphHandle{std::exchange(stream->queue->captured, {})};
}
void abandon_capture(Stream stream) {
  stream->queue->capturing = false;
  stream->queue->captured.clear();
}
void launch(Graph graph, Stream stream) {
  for (const Work& work : graph->work) emulate::enqueue(stream, work);
}
void destroy_graph(Graph graph) { delete graph; }

void* allocate_device(size_t bytes, const char* what) {
  if (static_cast<double>(bytes) > static_cast<double>(free_memory())) {
    fail(ErrorCode::memory, std::string("the emulated device has no memory left for ") + what + " (" +
                                std::to_string(bytes >> 20) + " MiB): use a smaller batch_size or model");
  }
  return allocate(bytes, false);
}
void free_device(void* memory) { release(memory); }
void* allocate_pinned(size_t bytes) { return allocate(bytes, true); }
void free_pinned(void* memory) { release(memory); }

}  // namespace aot::cuda

namespace aot::emulate {

void enqueue(cuda::Stream stream, std::function<void()> work) {
  const std::lock_guard lock(cuda::queues_mutex);
  cuda::Queue& queue = *stream->queue;
  if (queue.capturing) {
    queue.captured.push_back(std::move(work));
  } else {
    queue.work.push_back(std::move(work));
  }
}

}  // namespace aot::emulate
