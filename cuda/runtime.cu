// runtime.h over the CUDA runtime.
#include <cuda_runtime.h>

#include <algorithm>
#include <charconv>
#include <new>

#include "backend/error.h"
#include "backend/gpu_backend.h"
#include "gpu.cuh"
#include "runtime.h"

namespace aot::cuda {
namespace {

cudaStream_t native(Stream stream) { return reinterpret_cast<cudaStream_t>(stream); }
cudaEvent_t native(Event event) { return reinterpret_cast<cudaEvent_t>(event); }
cudaGraphExec_t native(Graph graph) { return reinterpret_cast<cudaGraphExec_t>(graph); }

std::string version(int number) { return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10); }

// A kernel to ask whether this build has code for a GPU.
__global__ void probe_kernel() {}

}  // namespace

void check(cudaError_t status, const char* call) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // the next call does not report it again
  const std::string what = std::string(call) + ": " + cudaGetErrorString(status);
  if (status == cudaErrorMemoryAllocation) {
    fail(ErrorCode::memory, "the GPU has no memory left (" + what + "): use a smaller batch_size or model");
  }
  fail(ErrorCode::device, "the GPU reports an error in " + what +
                              ": if other programs on it fail as well, look at nvidia-smi; if not, report this");
}

void allow_shared(const void* kernel, size_t shared_bytes) {
  if (shared_bytes <= 48 * 1024) return;
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes)),
        "cudaFuncSetAttribute");
}

int find_device(const std::string& device) {
  if (device == "emulated") {
    fail(ErrorCode::device,
         "device emulated is for development and was not built: run bin/setup in a clone of the project");
  }
  int index = -1;
  const char *first = device.data() + std::min<size_t>(5, device.size()), *last = device.data() + device.size();
  if (!device.starts_with("cuda:") || std::from_chars(first, last, index).ptr != last || index < 0) {
    fail(ErrorCode::device, "device " + device + ": write cuda:0 for the first GPU, cuda:1 for the second");
  }
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaErrorInsufficientDriver) {
    int driver = 0, runtime = 0;
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    fail(ErrorCode::device,
         driver == 0 ? "device " + device + ": there is no NVIDIA driver here: install it, or use --device cpu"
                     : "device " + device + ": the NVIDIA driver is too old: it supports CUDA " + version(driver) +
                           ", this build needs " + version(runtime) + ": update the driver, or use --device cpu");
  }
  if (status == cudaErrorNoDevice) count = 0;
  if (status != cudaSuccess && status != cudaErrorNoDevice) {
    fail(ErrorCode::device, "device " + device + ": the NVIDIA driver does not start (" + cudaGetErrorString(status) +
                                "): see whether nvidia-smi works, or use --device cpu");
  }
  if (index >= count) {
    fail(ErrorCode::device, "device " + device + ": there " +
                                (count == 0   ? std::string("is no GPU here")
                                 : count == 1 ? std::string("is one GPU here, cuda:0")
                                              : "are " + std::to_string(count) +
                                                    " GPUs here, cuda:0 to cuda:" + std::to_string(count - 1)) +
                                (count == 0 ? ": use --device cpu" : ""));
  }
  select_device(index);
  const DeviceProperties properties = device_properties(index);
  const std::string gpu = device + " (" + properties.name + ", sm_" + std::to_string(properties.major) +
                          std::to_string(properties.minor) + ")";
  if (properties.major < 8) {
    fail(ErrorCode::device,
         "device " + gpu + ": a GPU of sm_80 or later is needed (A100, RTX 30 and newer): use --device cpu");
  }
  cudaFuncAttributes attributes;
  if (cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(probe_kernel)) ==
      cudaErrorNoKernelImageForDevice) {
    cudaGetLastError();
    fail(ErrorCode::device,
         "device " + gpu + ": this build has no code for it: build again with AOT_CUDA=on on this machine");
  }
  return index;
}

void select_device(int index) { check(cudaSetDevice(index), "cudaSetDevice"); }

void enable_peer_access(int other) {
  int selected = 0, can = 0;
  check(cudaGetDevice(&selected), "cudaGetDevice");
  if (selected == other) return;
  check(cudaDeviceCanAccessPeer(&can, selected, other), "cudaDeviceCanAccessPeer");
  if (!can) return;
  const cudaError_t status = cudaDeviceEnablePeerAccess(other, 0);
  if (status == cudaErrorPeerAccessAlreadyEnabled) {
    cudaGetLastError();
  } else {
    check(status, "cudaDeviceEnablePeerAccess");
  }
}

DeviceProperties device_properties(int index) {
  cudaDeviceProp found;
  check(cudaGetDeviceProperties(&found, index), "cudaGetDeviceProperties");
  DeviceProperties properties;
  properties.name = found.name;
  properties.major = found.major;
  properties.minor = found.minor;
  properties.multiprocessors = found.multiProcessorCount;
  properties.l2_bytes = found.l2CacheSize;
  properties.total_memory = static_cast<int64_t>(found.totalGlobalMem);
  return properties;
}

int64_t free_memory() {
  size_t available = 0, total = 0;
  check(cudaMemGetInfo(&available, &total), "cudaMemGetInfo");
  return static_cast<int64_t>(available);
}

int resident_blocks(const void* kernel, int threads, size_t shared_bytes) {
  int device = 0, cooperative = 0, most_shared = 0, blocks = 0;
  check(cudaGetDevice(&device), "cudaGetDevice");
  check(cudaDeviceGetAttribute(&cooperative, cudaDevAttrCooperativeLaunch, device), "cudaDeviceGetAttribute");
  check(cudaDeviceGetAttribute(&most_shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
        "cudaDeviceGetAttribute");
  if (!cooperative || shared_bytes > static_cast<size_t>(most_shared)) return 0;
  allow_shared(kernel, shared_bytes);
  check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, threads, shared_bytes),
        "cudaOccupancyMaxActiveBlocksPerMultiprocessor");
  return blocks;
}

Stream create_stream() {
  cudaStream_t stream;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreate");
  return reinterpret_cast<Stream>(stream);
}
void destroy_stream(Stream stream) { cudaStreamDestroy(native(stream)); }
void synchronize(Stream stream) { check(cudaStreamSynchronize(native(stream)), "cudaStreamSynchronize"); }

Event create_event() {
  cudaEvent_t event;
  check(cudaEventCreate(&event), "cudaEventCreate");
  return reinterpret_cast<Event>(event);
}
void destroy_event(Event event) { cudaEventDestroy(native(event)); }
void record(Event event, Stream stream) { check(cudaEventRecord(native(event), native(stream)), "cudaEventRecord"); }
void wait(Stream stream, Event event) {
  check(cudaStreamWaitEvent(native(stream), native(event), 0), "cudaStreamWaitEvent");
}
void synchronize(Event event) { check(cudaEventSynchronize(native(event)), "cudaEventSynchronize"); }
bool done(Event event) {
  const cudaError_t status = cudaEventQuery(native(event));
  if (status == cudaErrorNotReady) {
    cudaGetLastError();
    return false;
  }
  check(status, "cudaEventQuery");
  return true;
}
float elapsed_ms(Event from, Event to) {
  float milliseconds = 0;
  check(cudaEventElapsedTime(&milliseconds, native(from), native(to)), "cudaEventElapsedTime");
  return milliseconds;
}

void copy(void* to, const void* from, size_t bytes, Stream stream) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, native(stream)), "cudaMemcpyAsync");
}
void fill(void* to, int byte, size_t bytes, Stream stream) {
  check(cudaMemsetAsync(to, byte, bytes, native(stream)), "cudaMemsetAsync");
}
void poison(void*, size_t, Stream) {}

void issue(Stream stream, std::function<void(void*)> call) { call(stream); }
void issue_together(Stream stream, const std::function<void(void*)>& call) { call(stream); }

// Thread-local: other threads, with other replicas, may allocate memory meanwhile.
void begin_capture(Stream stream) {
  check(cudaStreamBeginCapture(native(stream), cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
}
Graph end_capture(Stream stream) {
  cudaGraph_t graph;
  check(cudaStreamEndCapture(native(stream), &graph), "cudaStreamEndCapture");
  cudaGraphExec_t executable = nullptr;
  size_t nodes = 0;
  cudaError_t status = cudaGraphGetNodes(graph, nullptr, &nodes);
  if (status == cudaSuccess && nodes > 0) status = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  check(status, "cudaGraphInstantiate");
  return reinterpret_cast<Graph>(executable);
}
void abandon_capture(Stream stream) {
  cudaGraph_t graph = nullptr;
  cudaStreamEndCapture(native(stream), &graph);
  if (graph) cudaGraphDestroy(graph);
  cudaGetLastError();
}
void launch(Graph graph, Stream stream) { check(cudaGraphLaunch(native(graph), native(stream)), "cudaGraphLaunch"); }
void destroy_graph(Graph graph) { cudaGraphExecDestroy(native(graph)); }

void* allocate_device(size_t bytes, const char* what) {
  void* memory = nullptr;
  const cudaError_t status = cudaMalloc(&memory, bytes ? bytes : 1);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    fail(ErrorCode::memory, std::string("the GPU has no memory left for ") + what + ": " + std::to_string(bytes >> 20) +
                                " MiB are needed, " + std::to_string(free_memory() >> 20) +
                                " MiB are free: use a smaller batch_size (with a larger aggregate) or model");
  }
  check(status, "cudaMalloc");
  return memory;
}
// cudaFree finds the device by the address.
void free_device(void* memory) {
  if (memory) cudaFree(memory);
}
void* allocate_pinned(size_t bytes) {
  void* memory = nullptr;
  const cudaError_t status = cudaHostAlloc(&memory, bytes ? bytes : 1, cudaHostAllocPortable);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    throw std::bad_alloc();
  }
  check(status, "cudaHostAlloc");
  return memory;
}
void free_pinned(void* memory) {
  if (memory) cudaFreeHost(memory);
}

}  // namespace aot::cuda

namespace aot {

void set_emulation(const Emulation&) { fail(ErrorCode::device, "this addon has no emulated device"); }

}  // namespace aot
