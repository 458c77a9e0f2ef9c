// defines: aot::addon::engine_options_argument
#pragma once
#include <napi.h>

#include "train/engine.h"

namespace aot::addon {

// What Engine.create() is given. Throws AOT_CONFIG, with the name of the option.
EngineOptions engine_options_argument(const Napi::Value& value);

}  // namespace aot::addon
