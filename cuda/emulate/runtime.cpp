// runtime.h over the host: streams that run when they are waited for, memory that knows its bounds.
#include "runtime.h"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

#include "backend/error.h"
#include "backend/memory.h"
#include "emulate/scheduler.h"
#include "emulate/stream.h"

namespace aot::cuda {

using Work = std::function<void()>;

struct StreamHandle {
  std::deque<Work> queue;
  bool capturing = false;
  std::vector<Work> captured;
};
struct EventHandle {
  Stream stream = nullptr;  // where it was recorded last
  uint64_t recorded = 0, reached = 0;
  std::chrono::steady_clock::time_point time;
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
int64_t device_bytes = 0;

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

void run_next(Stream stream) {
  const Work work = std::move(stream->queue.front());
  stream->queue.pop_front();
  try {
    work();
  } catch (...) {
    stream->queue.clear();
    throw;
  }
}

void run_until(Event event, uint64_t recorded) {
  while (event->reached < recorded && !event->stream->queue.empty()) run_next(event->stream);
}

void refuse_while_capturing(Stream stream, const char* what) {
  if (stream->capturing) fail(ErrorCode::internal, std::string("the emulated device: ") + what + " while capturing");
}

}  // namespace

int find_device(const std::string& device) {
  if (device == "emulated") return 0;
  fail(ErrorCode::device, "device " + device + ": this is the emulated device's engine: use emulated");
}
void select_device(int) {}
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

Stream create_stream() { return new StreamHandle; }
void destroy_stream(Stream stream) { delete stream; }
void synchronize(Stream stream) {
  refuse_while_capturing(stream, "a wait");
  while (!stream->queue.empty()) run_next(stream);
}

Event create_event() { return new EventHandle; }
void destroy_event(Event event) { delete event; }
void record(Event event, Stream stream) {
  event->stream = stream;
  const uint64_t number = ++event->recorded;
  emulate::enqueue(stream, [=] {
    event->reached = number;
    event->time = std::chrono::steady_clock::now();
  });
}
void wait(Stream stream, Event event) {
  if (event->recorded == 0) return;
  emulate::enqueue(stream, [event, number = event->recorded] { run_until(event, number); });
}
void synchronize(Event event) {
  if (event->recorded > 0) run_until(event, event->recorded);
}
float elapsed_ms(Event from, Event to) {
  return std::chrono::duration<float, std::milli>(to->time - from->time).count();
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

void begin_capture(Stream stream) {
  stream->capturing = true;
  stream->captured.clear();
}
Graph end_capture(Stream stream) {
  stream->capturing = false;
  return new GraphHandle{std::move(stream->captured)};
}
void abandon_capture(Stream stream) {
  stream->capturing = false;
  stream->captured.clear();
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
  if (stream->capturing) {
    stream->captured.push_back(std::move(work));
  } else {
    stream->queue.push_back(std::move(work));
  }
}

}  // namespace aot::emulate
