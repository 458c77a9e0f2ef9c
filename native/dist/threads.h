// defines: aot::make_thread_communicators
//
// The communicators of replicas whose gradients lie in this process's own memory: cpu and reference.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "dist/communicator.h"
#include "dist/world.h"

namespace aot {

// One for each name, by rank within the process. Kind `threads`: every rank adds up its part of the elements, straight
// from the memory of all and into it. With several processes in the world (kind `mpi`) the first rank then adds that up
// with the other processes, over a channel that this call opens in all of them. names: for the line about one that does
// not come.
std::vector<std::unique_ptr<Communicator>> make_thread_communicators(const std::vector<std::string>& names,
                                                                     World& world, double stall_seconds);

}  // namespace aot
