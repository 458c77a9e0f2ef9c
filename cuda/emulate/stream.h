// defines: aot::emulate::enqueue
#pragma once
#include <functional>

#include "runtime.h"

namespace aot::emulate {

// Streams run only when somebody waits for them, so that a forgotten wait shows; in other orders than 0 (Emulation)
// also when somebody waits for another, so that a forgotten wait between streams shows. From any thread. While a stream
// is captured, what is enqueued is kept for the graph.
void enqueue(cuda::Stream stream, std::function<void()> work);

}  // namespace aot::emulate
