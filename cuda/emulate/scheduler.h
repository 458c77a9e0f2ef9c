// defines: aot::emulate::Thread, Block, Settings, run_grid, and what a kernel's thread can wait for
//
// A grid on the host: every CUDA thread is a fiber, the fibers of a block share an OS thread and run until they wait:
// at a barrier, at a warp's collective, for another block. In which order ready threads go on is a setting, so that
// a missing barrier shows as a wrong number under one order or another. Nothing aborts: a mistake of a kernel (a
// deadlock, lanes at different collectives, an access that is not aligned) is thrown as aot::Error by run_grid().
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "backend/gpu_backend.h"
#include "emulate/fiber.h"

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

namespace aot::emulate {

using Settings = Emulation;
Settings settings();

struct Block;

struct Copy {
  void* to;
  const void* from;
  int bytes, read, group;  // read: how many of the bytes are copied; the others become zeros
};

struct Thread {
  Fiber fiber;
  Block* block = nullptr;
  uint3 index{};
  int id = 0, lane = 0;
  // The collective that it waits in: its identity, the lanes that take part, and this lane's operands.
  const void* collective = nullptr;
  uint32_t mask = 0;
  const void* operands[3] = {};
  void* result = nullptr;
  uint64_t in = 0, out = 0;
  int source = 0;
  std::vector<Copy> copies;  // cp_async, not yet done
  int copy_group = 0;
};

struct Warp {
  uint32_t exists = 0, arrived = 0;
};

struct SharedVariable {
  const void* key;
  size_t offset;
};

struct Block {
  dim3 size, grid;
  uint3 index{};
  int count = 0, live = 0;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  std::vector<int> ready;  // a ring of threads' ids
  unsigned head = 0, tail = 0;
  std::vector<Thread*> at_barrier;
  std::vector<unsigned char> memory;
  unsigned char *dynamic_shared = nullptr, *static_shared = nullptr;
  size_t dynamic_bytes = 0, static_used = 0;
  std::vector<SharedVariable> shared_variables;

  void push(Thread* thread) { ready[tail++ % static_cast<unsigned>(count)] = thread->id; }
};

extern thread_local constinit Thread* current;  // the running thread
extern thread_local constinit Block* current_block;

// Runs another ready thread until somebody makes this one ready again.
void yield_thread();
// Of the settings of the launch that runs.
bool copies_at_once();
// Gives up the whole launch with this message.
[[noreturn]] void kernel_error(const std::string& message);

void barrier();
// In a cooperative launch, between blocks: adds 1 to a counter; waits until it has reached a value.
void signal(unsigned* counter);
void wait_until(const unsigned* counter, unsigned value);
// The block's own copy of a `__shared__` variable, poisoned with NaN when it is first met.
void* shared_variable(const void* key, size_t bytes);

// All lanes of `mask` meet; the last to come runs op(first lane of the warp, mask) once, seeing every lane's operands.
template <class F>
inline void collective(uint32_t mask, const void* identity, F op) {
  Thread* me = current;
  Thread* lanes = me - me->lane;
  Warp& warp = current_block->warps[static_cast<size_t>(me->id) / 32];
  mask &= warp.exists;
  warp.arrived |= 1u << me->lane;
  me->mask = mask;
  me->collective = identity;
  if ((warp.arrived & mask) != mask) {
    yield_thread();
    return;
  }
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    const Thread& other = lanes[__builtin_ctz(rest)];
    if (other.collective != identity || other.mask != mask) {
      kernel_error("lanes " + std::to_string(me->lane) + " and " + std::to_string(other.lane) +
                   " of a warp meet at different collectives or with different masks");
    }
  }
  op(lanes, mask);
  warp.arrived &= ~mask;
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    Thread* other = lanes + __builtin_ctz(rest);
    if (other != me) current_block->push(other);
  }
}

// Blocks of that kind that one emulated multiprocessor holds at a time: that of sm_90.
int resident_blocks(int threads, size_t shared_bytes);
// Calls body(argument) on every thread of the grid. cooperative: all blocks live at the same time, which only as many
// may as the device holds.
void run_grid(dim3 grid, dim3 block, size_t shared_bytes, void (*body)(void*), void* argument, bool cooperative);

}  // namespace aot::emulate
