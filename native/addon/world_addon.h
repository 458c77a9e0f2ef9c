// defines: aot::addon::current_world
#pragma once
#include <memory>

#include "dist/world.h"

namespace aot::addon {

// That joinWorld has joined; before, a world of this process alone.
std::shared_ptr<World> current_world();

}  // namespace aot::addon
