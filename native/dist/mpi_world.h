// defines: aot::open_mpi_world
#pragma once
#include <memory>

#include "dist/mpi.h"
#include "dist/world.h"

namespace aot {

// The world of all processes that MPI knows: messages go by MPI, that they live is watched by a Monitor.
std::shared_ptr<World> open_mpi_world(std::shared_ptr<Mpi> mpi, const WorldOptions& options, const Member& self);

}  // namespace aot
