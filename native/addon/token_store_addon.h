// defines: aot::addon::unwrap_batch_loader, aot::addon::export_token_writer
#pragma once
#include <napi.h>

#include <memory>

#include "data/batch_loader.h"

namespace aot::addon {

// The loader behind a BatchLoader object of JavaScript. AOT_CONFIG when the value is none, or is closed.
std::shared_ptr<BatchLoader> unwrap_batch_loader(Napi::Value value);

// Part of export_token_store().
void export_token_writer(Napi::Env env, Napi::Object exports);

}  // namespace aot::addon
