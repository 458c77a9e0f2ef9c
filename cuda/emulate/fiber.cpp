#include "emulate/fiber.h"

#include <pthread.h>

namespace aot::emulate {

#if defined(__x86_64__)
asm(R"(
.text
.globl aot_switch_stack
.hidden aot_switch_stack
.type aot_switch_stack,@function
aot_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size aot_switch_stack,.-aot_switch_stack
)");
#endif

void prepare_fiber(Fiber& fiber, void* stack, size_t stack_bytes, int color, void (*entry)()) {
  fiber.stack = stack;
  fiber.stack_bytes = stack_bytes;
#if defined(__SANITIZE_ADDRESS__)
  fiber.fake_stack = nullptr;
#endif
#if defined(__x86_64__)
  // Six registers and the address that `ret` jumps to; entry() finds the stack as after a call.
  void** top = reinterpret_cast<void**>(static_cast<char*>(stack) + stack_bytes - 64 * (color % 32));
  top[-2] = reinterpret_cast<void*>(entry);
  fiber.stack_pointer = top - 8;
#else
  (void)color;
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = stack;
  fiber.context.uc_stack.ss_size = stack_bytes;
  makecontext(&fiber.context, entry, 0);
#endif
}

void prepare_home(Fiber& home) {
  if (home.stack) return;
  pthread_attr_t attributes;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &home.stack, &home.stack_bytes);
  pthread_attr_destroy(&attributes);
}

}  // namespace aot::emulate
