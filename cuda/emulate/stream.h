// defines: aot::emulate::enqueue
#pragma once
#include <functional>

#include "runtime.h"

namespace aot::emulate {

// Streams run only when somebody waits for them, so that a forgotten wait shows. While a stream is captured, what is
// enqueued is kept for the graph.
void enqueue(cuda::Stream stream, std::function<void()> work);

}  // namespace aot::emulate
