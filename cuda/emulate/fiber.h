// defines: aot::emulate::Fiber, switch_fiber
//
// A flow of control with a stack of its own, on the OS thread that made it. AddressSanitizer is told of every switch.
#pragma once
#include <cstddef>
#include <cstdint>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace aot::emulate {

struct Fiber {
  void* stack = nullptr;  // lowest address
  size_t stack_bytes = 0;
#if defined(__x86_64__)
  void* stack_pointer = nullptr;
#else
  ucontext_t context;
#endif
#if defined(__SANITIZE_ADDRESS__)
  void* fake_stack = nullptr;
#endif
};

#if defined(__x86_64__)
// System V: the callee-saved registers and the stack pointer are all there is to a flow of control.
extern "C" void aot_switch_stack(void** save, void* load);
#endif

// Goes on with `to`, from where it left off; returns when somebody switches back to `from`.
inline void switch_fiber(Fiber& from, Fiber& to) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&from.fake_stack, to.stack, to.stack_bytes);
#endif
#if defined(__x86_64__)
  aot_switch_stack(&from.stack_pointer, to.stack_pointer);
#else
  swapcontext(&from.context, &to.context);
#endif
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}

// Makes `fiber` begin with entry() when it is first switched to. `color` moves the top of its stack, so that the
// fibers of a warp do not share cache sets.
void prepare_fiber(Fiber& fiber, void* stack, size_t stack_bytes, int color, void (*entry)());

// The first thing that entry() does.
inline void fiber_entered() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
}

// The OS thread's own stack as a fiber that others can switch back to.
void prepare_home(Fiber& home);

}  // namespace aot::emulate
