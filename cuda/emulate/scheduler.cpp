#include "emulate/scheduler.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <numeric>

#include "backend/error.h"
#include "backend/thread_pool.h"

namespace aot::emulate {

thread_local constinit Thread* current = nullptr;
thread_local constinit Block* current_block = nullptr;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr size_t stack_bytes = 512 << 10;
#else
constexpr size_t stack_bytes = 64 << 10;
#endif
constexpr size_t most_dynamic_shared = 227 << 10, most_static_shared = 48 << 10, canary_bytes = 1024;
constexpr int most_threads = 1024;
constexpr size_t multiprocessor_shared = 228 << 10, reserved_shared = 1 << 10;
constexpr int multiprocessor_threads = 2048, multiprocessor_blocks = 32;
constexpr unsigned char canary = 0xa5, poison = 0xff;

std::mutex settings_mutex;
Settings global_settings;

class Stacks {
 public:
  ~Stacks() { release(); }
  unsigned char* get(size_t count) {
    if (count > count_) {
      release();
      void* memory = mmap(nullptr, count * stack_bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (memory == MAP_FAILED) fail(ErrorCode::memory, "the emulated device: no memory for the stacks of a launch");
      memory_ = static_cast<unsigned char*>(memory);
      count_ = count;
    }
    return memory_;
  }

 private:
  void release() {
    if (memory_) munmap(memory_, count_ * stack_bytes);
    memory_ = nullptr;
    count_ = 0;
  }
  unsigned char* memory_ = nullptr;
  size_t count_ = 0;
};

struct Body {
  void (*function)(void*);
  void* argument;
};

// A thread that waits for other blocks to count up to a value.
struct Waiting {
  Thread* thread;
  const unsigned* counter;
  unsigned value;
};

// The blocks that live at the same time on this OS thread: one, or all of a cooperative launch.
struct Group {
  std::vector<Block> blocks;
  size_t count = 0;
  bool cooperative = false;
  std::vector<Waiting> waiting;
  Body body{};
  Settings settings;
  uint32_t random = 1;
  bool failed = false;
  std::string error;
  Fiber home;
  Stacks stacks;

  uint32_t next_random() {
    random ^= random << 13;
    random ^= random >> 17;
    return random ^= random << 5;
  }
};
thread_local Group group;

// The next thread to run; null when none is ready. A block runs until all its threads wait, then another goes on
// (seeded order: any block at any time).
Thread* pick() {
  const size_t count = group.count;
  const int order = group.settings.order;
  size_t first = static_cast<size_t>(current_block - group.blocks.data());
  if (count > 1 && order > 1) first = group.next_random() % count;
  for (size_t i = 0; i < count; i++) {
    Block& block = group.blocks[(order == 1 ? first + count - i : first + i) % count];
    const unsigned ready = block.tail - block.head, size = static_cast<unsigned>(block.count);
    if (ready == 0) continue;
    current_block = &block;
    if (order == 1) return &block.threads[static_cast<size_t>(block.ready[--block.tail % size])];
    if (order > 1) {
      std::swap(block.ready[block.head % size], block.ready[(block.head + group.next_random() % ready) % size]);
    }
    return &block.threads[static_cast<size_t>(block.ready[block.head++ % size])];
  }
  return nullptr;
}

void release_barrier(Block& block) {
  for (Thread* thread : block.at_barrier) block.push(thread);
  block.at_barrier.clear();
}

void go_home() {
  Thread* from = current;
  current = nullptr;
  switch_fiber(from->fiber, group.home);
}

void entry() {
  fiber_entered();
  group.body.function(group.body.argument);
  Block& block = *current_block;
  block.live--;
  if (block.live > 0 && static_cast<int>(block.at_barrier.size()) == block.live) release_barrier(block);
  yield_thread();
  __builtin_unreachable();  // nobody makes a thread ready that has ended
}

void start_block(Block& block, unsigned number, dim3 grid, dim3 size, size_t shared_bytes, unsigned char* stacks) {
  block.count = static_cast<int>(size.x * size.y * size.z);
  block.live = block.count;
  block.size = size;
  block.grid = grid;
  block.index = {number % grid.x, number / grid.x % grid.y, number / grid.x / grid.y};
  block.head = block.tail = 0;
  block.at_barrier.clear();
  block.shared_variables.clear();
  block.static_used = 0;
  const size_t bytes = shared_bytes + 2 * canary_bytes + most_static_shared + 128;
  if (block.memory.size() < bytes) block.memory.resize(bytes);
  block.dynamic_shared = block.memory.data() + (128 - reinterpret_cast<uintptr_t>(block.memory.data()) % 128) % 128;
  block.dynamic_bytes = shared_bytes;
  block.static_shared = block.dynamic_shared + (shared_bytes + 127) / 128 * 128 + canary_bytes;
  std::memset(block.dynamic_shared, poison, shared_bytes);
  std::memset(block.dynamic_shared + shared_bytes, canary, canary_bytes);
  const auto count = static_cast<size_t>(block.count);
  if (block.threads.size() < count) {
    block.threads.resize(count);
    block.warps.resize((count + 31) / 32);
    block.ready.resize(count);
  }
  for (size_t warp = 0; warp < (count + 31) / 32; warp++) {
    const size_t lanes = std::min<size_t>(32, count - warp * 32);
    block.warps[warp] = {lanes == 32 ? ~0u : (1u << lanes) - 1, 0};
  }
  for (int id = 0; id < block.count; id++) {
    Thread& thread = block.threads[static_cast<size_t>(id)];
    const auto i = static_cast<unsigned>(id);
    thread.block = &block;
    thread.id = id;
    thread.lane = id % 32;
    thread.index = {i % size.x, i / size.x % size.y, i / size.x / size.y};
    thread.copies.clear();
    thread.copy_group = 0;
    prepare_fiber(thread.fiber, stacks + i * stack_bytes, stack_bytes, id, entry);
    block.push(&thread);
  }
}

std::string where(const Block& block) {
  return " (block " + std::to_string(block.index.x) + "," + std::to_string(block.index.y) + "," +
         std::to_string(block.index.z) + ")";
}

void check_ended(const Block& block, size_t waiting) {
  for (size_t i = 0; i < canary_bytes; i++) {
    if (block.dynamic_shared[block.dynamic_bytes + i] != canary) {
      group.error =
          "a write past the " + std::to_string(block.dynamic_bytes) + " bytes of dynamic shared memory" + where(block);
      return;
    }
  }
  if (block.live > 0) {
    group.error = "deadlock: " + std::to_string(block.live) + " of " + std::to_string(block.count) + " threads wait, " +
                  std::to_string(block.at_barrier.size()) + " at __syncthreads, " + std::to_string(waiting) +
                  " of all blocks for other blocks" + where(block);
  }
}

// Any order of blocks must do: 1 takes the last first, a seed strides through them.
unsigned block_number(unsigned i, unsigned total, int order) {
  if (order == 0) return i;
  if (order == 1) return total - 1 - i;
  unsigned stride = static_cast<unsigned>(order) * 2654435761u % total | 1;
  while (std::gcd(stride, total) != 1) stride += 2;
  return static_cast<unsigned>((static_cast<uint64_t>(i) * stride + static_cast<unsigned>(order)) % total);
}

// Takes blocks until none is left; the message of a mistake, or empty.
std::string run_blocks(dim3 grid, dim3 size, size_t shared_bytes, Body body, const Settings& settings, bool cooperative,
                       std::atomic<unsigned>& next) {
  const unsigned total = grid.x * grid.y * grid.z, at_once = cooperative ? total : 1;
  const size_t threads = static_cast<size_t>(size.x) * size.y * size.z;
  prepare_home(group.home);
  group.count = at_once;
  group.cooperative = cooperative;
  group.body = body;
  group.settings = settings;
  group.random = static_cast<uint32_t>(settings.order) * 2654435761u | 1;
  group.error.clear();
  if (group.blocks.size() < at_once) group.blocks = std::vector<Block>(at_once);
  unsigned char* stacks = group.stacks.get(threads * at_once);
  for (unsigned i; group.error.empty() && (i = next.fetch_add(at_once)) < total;) {
    group.waiting.clear();
    for (unsigned k = 0; k < at_once; k++) {
      start_block(group.blocks[k], block_number(i + k, total, settings.order), grid, size, shared_bytes,
                  stacks + k * threads * stack_bytes);
    }
    current_block = &group.blocks[0];
    current = pick();
    switch_fiber(group.home, current->fiber);
    for (unsigned k = 0; group.error.empty() && k < at_once; k++) {
      check_ended(group.blocks[k], group.waiting.size());
    }
  }
  return group.error;
}

ThreadPool& pool() {
  static ThreadPool pool(available_cores());
  return pool;
}
std::mutex pool_mutex;

}  // namespace

Settings settings() {
  const std::lock_guard lock(settings_mutex);
  return global_settings;
}

void yield_thread() {
  Thread* from = current;
  Thread* to = pick();
  if (to == from) return;
  if (!to) return go_home();
  current = to;
  switch_fiber(from->fiber, to->fiber);
}

bool copies_at_once() { return group.settings.copy_at_once; }

void kernel_error(const std::string& message) {
  group.error = message + where(*current_block);
  go_home();
  __builtin_unreachable();  // the launch is over
}

void barrier() {
  Block& block = *current_block;
  if (static_cast<int>(block.at_barrier.size()) + 1 == block.live) {
    release_barrier(block);
    return;
  }
  block.at_barrier.push_back(current);
  yield_thread();
}

void signal(unsigned* counter) {
  ++*counter;
  std::erase_if(group.waiting, [&](const Waiting& waiting) {
    if (waiting.counter != counter || *counter < waiting.value) return false;
    waiting.thread->block->push(waiting.thread);
    return true;
  });
}

void wait_until(const unsigned* counter, unsigned value) {
  if (!group.cooperative) kernel_error("blocks wait for each other outside of a cooperative launch");
  if (*counter >= value) return;
  group.waiting.push_back({current, counter, value});
  yield_thread();
}

void* shared_variable(const void* key, size_t bytes) {
  Block& block = *current_block;
  for (const SharedVariable& variable : block.shared_variables) {
    if (variable.key == key) return block.static_shared + variable.offset;
  }
  const size_t offset = block.static_used;
  block.static_used += (bytes + 15) / 16 * 16;
  if (block.static_used > most_static_shared) kernel_error("more than 48 KiB of static shared memory");
  std::memset(block.static_shared + offset, poison, bytes);
  block.shared_variables.push_back({key, offset});
  return block.static_shared + offset;
}

int resident_blocks(int threads, size_t shared_bytes) {
  if (threads > most_threads || shared_bytes > most_dynamic_shared) return 0;
  return std::min({multiprocessor_blocks, multiprocessor_threads / threads,
                   static_cast<int>(multiprocessor_shared / (shared_bytes + reserved_shared))});
}

void run_grid(dim3 grid, dim3 block, size_t shared_bytes, void (*body)(void*), void* argument, bool cooperative) {
  const uint64_t blocks = static_cast<uint64_t>(grid.x) * grid.y * grid.z;
  const uint64_t threads = static_cast<uint64_t>(block.x) * block.y * block.z;
  if (blocks == 0 || blocks > 0x7fffffff || grid.y > 65535 || grid.z > 65535 || threads == 0 ||
      threads > most_threads || shared_bytes > most_dynamic_shared) {
    fail(ErrorCode::internal, "the emulated device: a launch that no GPU takes: " + std::to_string(blocks) +
                                  " blocks of " + std::to_string(threads) + " threads with " +
                                  std::to_string(shared_bytes) + " bytes of shared memory");
  }
  const Settings now = settings();
  if (cooperative) {
    const auto fit =
        static_cast<uint64_t>(now.multiprocessors) * resident_blocks(static_cast<int>(threads), shared_bytes);
    if (blocks > fit) {
      fail(ErrorCode::internal, "the emulated device: a cooperative launch of " + std::to_string(blocks) +
                                    " blocks, of which " + std::to_string(fit) + " fit");
    }
  }
  std::atomic<unsigned> next{0};
  std::string error;
  if (cooperative || blocks == 1) {
    error = run_blocks(grid, block, shared_bytes, {body, argument}, now, cooperative, next);
  } else {
    const std::lock_guard lock(pool_mutex);
    std::mutex error_mutex;
    pool().run([&](int) {
      const std::string found = run_blocks(grid, block, shared_bytes, {body, argument}, now, false, next);
      const std::lock_guard error_lock(error_mutex);
      if (!found.empty()) error = found;
    });
  }
  if (!error.empty()) fail(ErrorCode::internal, "the emulated device: a kernel's mistake: " + error);
}

}  // namespace aot::emulate

namespace aot {

void set_emulation(const Emulation& emulation) {
  const std::lock_guard lock(emulate::settings_mutex);
  emulate::global_settings = emulation;
}

}  // namespace aot
