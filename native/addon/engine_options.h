// defines: aot::addon::engine_options_argument, place_argument, seed_argument, to_seed
#pragma once
#include <napi.h>

#include <cstdint>

#include "train/engine.h"

namespace aot::addon {

// All throw AOT_CONFIG, with the name of the option.

// What Engine.create() is given.
EngineOptions engine_options_argument(const Napi::Value& value);
// Of these the options that say where, not what.
EngineOptions place_argument(const Napi::Object& object);

// A whole number from 0 to 2^64 - 1: a number where it is exact, a bigint beyond.
uint64_t seed_argument(const Napi::Value& value);
Napi::Value to_seed(Napi::Env env, uint64_t seed);

}  // namespace aot::addon
