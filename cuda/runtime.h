// defines: aot::cuda::Stream, Event, Graph, DeviceProperties, DeviceMemory, PinnedMemory, and what is done with them
//
// The part of the CUDA runtime that the host side needs, in plain C++: runtime.cu implements it over a GPU,
// emulate/runtime.cpp over the host. Every function throws aot::Error (AOT_DEVICE, AOT_MEMORY) and leaves the process
// usable. Calls are for the device that select_device() named last on this thread.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace aot::cuda {

struct StreamHandle;
struct EventHandle;
struct GraphHandle;
using Stream = StreamHandle*;
using Event = EventHandle*;
using Graph = GraphHandle*;

struct DeviceProperties {
  std::string name;
  int major = 0, minor = 0;  // compute capability
  int multiprocessors = 0;
  int64_t l2_bytes = 0;
  int64_t total_memory = 0;  // bytes
  // What an op takes for a part of the rows at a time: gradients of logits, many rows; and sums that a second kernel
  // reads while they are in the second-level cache.
  size_t logits_bytes = 512 << 20, sums_bytes = 32 << 20;
};

// The number after "cuda:", checked against what is there; `emulated` is 0. Throws AOT_DEVICE with the cure: no driver,
// a driver that is too old, no such GPU, a GPU that this build has no code for.
int find_device(const std::string& device);
void select_device(int index);
// Lets the device that is selected reach the memory of the other directly, where the two can; copies between them work
// without it too, on a way through the host.
void enable_peer_access(int other);
DeviceProperties device_properties(int index);
int64_t free_memory();  // bytes that can still be allocated
// Blocks of a kernel that a multiprocessor holds at a time; 0: none, or the device has no cooperative launches, which
// this is asked for.
int resident_blocks(const void* kernel, int threads, size_t shared_bytes);

Stream create_stream();
void destroy_stream(Stream stream);
void synchronize(Stream stream);

Event create_event();
void destroy_event(Event event);
void record(Event event, Stream stream);
void wait(Stream stream, Event event);  // what follows in the stream starts after the event
void synchronize(Event event);
bool done(Event event);  // without a wait; the emulated device goes on until it is
float elapsed_ms(Event from, Event to);

// Between host and device memory in any direction; host memory must be pinned to be copied without a wait.
void copy(void* to, const void* from, size_t bytes, Stream stream);
void fill(void* to, int byte, size_t bytes, Stream stream);
// Makes values that were never written show: NaN everywhere on the emulated device, nothing on a GPU.
void poison(void* memory, size_t bytes, Stream stream);

// Has a library issue its work to the stream: call(the CUDA stream). The emulated device makes the call when its turn
// comes: what stands in for a library there works at once.
void issue(Stream stream, std::function<void(void*)> call);
// The same for work that is done when other devices have issued theirs. The emulated device does what the stream has
// and makes the call at once.
void issue_together(Stream stream, const std::function<void(void*)>& call);

// What is issued to the stream from begin_capture() on is not run but kept, to be run by launch() as often as wanted.
void begin_capture(Stream stream);
Graph end_capture(Stream stream);  // null: nothing was issued
// After an error while capturing: back to ordinary work.
void abandon_capture(Stream stream);
void launch(Graph graph, Stream stream);
void destroy_graph(Graph graph);

void* allocate_device(size_t bytes, const char* what);
void free_device(void* memory);
void* allocate_pinned(size_t bytes);
void free_pinned(void* memory);

// Owners.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  // what: for the error, "the weights".
  DeviceMemory(size_t bytes, const char* what) : data_(allocate_device(bytes, what)), bytes_(bytes) { count(bytes); }
  DeviceMemory(DeviceMemory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~DeviceMemory() {
    free_device(data_);
    held_ -= bytes_;
  }
  void* data() const { return data_; }
  float* floats() const { return static_cast<float*>(data_); }
  size_t bytes() const { return bytes_; }
  // The most bytes that this process held at a time, on all devices.
  static size_t peak() { return peak_; }

 private:
  static void count(size_t bytes) {
    const size_t held = held_ += bytes;
    for (size_t peak = peak_; held > peak && !peak_.compare_exchange_weak(peak, held);) {
    }
  }

  static inline std::atomic<size_t> held_{0}, peak_{0};
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

class PinnedMemory {
 public:
  PinnedMemory() = default;
  explicit PinnedMemory(size_t bytes) : data_(allocate_pinned(bytes)), bytes_(bytes) {}
  PinnedMemory(PinnedMemory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  PinnedMemory& operator=(PinnedMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~PinnedMemory() { free_pinned(data_); }
  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  size_t bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace aot::cuda
